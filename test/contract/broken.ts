// Plugins that break one promise each: the contract suite must catch every one of them.
import { Type } from 'typebox'
import type { Plugin, PluginDefinition } from '../../gateway/contract/plugin.ts'
import { deny } from '../../gateway/contract/reply.ts'

const sound: PluginDefinition = {
  name: 'broken',
  schema: Type.Object(
    { on: Type.Boolean({ default: true, description: 'Whether it does anything.' }) },
    { additionalProperties: false },
  ),
  onFailure: 'deny',
  create: () => ({}),
}

function broken(over: Partial<PluginDefinition>): PluginDefinition {
  return { ...sound, ...over }
}

function acting(plugin: Plugin, over: Partial<PluginDefinition> = {}): PluginDefinition {
  return broken({ create: () => plugin, ...over })
}

const strict = { additionalProperties: false }
const described = { description: 'An option.' }
const inner = Type.Object({ deep: Type.Optional(Type.String(described)) }, described)

export const soundPlugin = sound

export const brokenBy = {
  unknownKeys: [
    broken({ schema: Type.Object({}) }),
    broken({ schema: Type.Object({ list: Type.Optional(Type.Array(inner, described)) }, strict) }),
    broken({
      schema: Type.Object({ byName: Type.Optional(Type.Record(Type.String(), inner, described)) }, strict),
    }),
  ],
  noDescription: [broken({ schema: Type.Object({ a: Type.Optional(Type.String()) }, strict) })],
  badDefault: [
    broken({ schema: Type.Object({ a: Type.Integer({ ...described, default: 'one' }) }, strict) }),
  ],
  schemaWithCode: [
    broken({
      schema: Type.Object({ a: Type.Optional(Type.String({ ...described, parse: () => 1 })) }, strict),
    }),
  ],
  failureUnclear: [
    broken({ onFailure: undefined as never }),
    broken({ onFailure: 'allow', enforces: ['auth'] }),
    broken({ hookTimeoutMs: 0 }),
  ],
  unknownFact: [broken({ provides: ['user' as never] }), broken({ needs: ['session' as never] })],
  checkRefuses: [
    broken({ check: () => [{ pointer: '/on', message: 'never right' }] }),
    broken({
      check: (config) =>
        Reflect.deleteProperty(config, 'on') ? [] : [{ pointer: '/on', message: 'frozen' }],
    }),
  ],
  create: [
    broken({ create: (async () => ({})) as never }),
    acting({ onReqest: () => undefined } as Plugin),
    acting({}, { body: { inspectUpTo: 1 } }),
  ],
  leavesTimer: [
    broken({
      create: () => {
        const timer = setInterval(() => {}, 1e9)
        setImmediate(() => clearInterval(timer))
        return {}
      },
    }),
  ],
  closesOnce: [
    broken({
      create: () => {
        let closed = false
        return {
          close() {
            if (closed) throw new Error('closed already')
            closed = true
          },
        }
      },
    }),
  ],
  sharedState: [sharing()],
  mutatesConfig: [
    broken({
      create: (config) => ({ onRequest: () => void delete (config as { on?: boolean }).on as undefined }),
    }),
  ],
  throwsOrMumbles: [
    acting({
      onRequest: (ex) => deny(403, 'AEGIS_X', `Tenant ${ex.tenant?.id.length.toFixed()}.`, ['X-One']),
    }),
    acting({ onRequest: () => true as never }),
    acting({ onRequest: (ex) => (ex.identity as { userId: string }).userId.length as never }),
    acting({ onRequest: () => deny(403, 'NOT_OURS', 'No.') }),
    acting({ onRequest: () => deny(99, 'AEGIS_X', 'No.') }),
    acting({ onRequest: () => deny(403, 'AEGIS_X', 'No.', ['X-One', 'a\r\nb: c']) }),
  ],
  trustsSlot: [
    acting({ onResponse: (ex) => ex.setResponseHeader('X', (ex.getSlot(0) as { value: string }).value) }),
  ],
  facts: [
    acting({ onRequest: (ex) => void Object.assign(ex, { identity: null }) as undefined }),
    acting({ onRequest: () => undefined }, { provides: ['tenant'] }),
  ],
  log: [
    acting({ onLog: (ex) => void (ex.route as { id: string }).id.length }),
    acting({ onLog: async () => {} }),
  ],
} satisfies Record<string, readonly PluginDefinition[]>

function sharing(): PluginDefinition {
  let seen = 0
  return acting({
    onRequest() {
      seen += 1
      return seen > 12 ? deny(429, 'AEGIS_X', 'Seen too much.') : undefined
    },
  })
}
