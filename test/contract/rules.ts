// What every plugin promises, as a table: each rule throws on a plugin that breaks it, and names one that does.
import assert from 'node:assert/strict'
import type { Plugin, PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { TestView } from '../support/view.ts'
import { brokenBy } from './broken.ts'
import { nodesOf } from './schema.ts'
import { createEmptyLog, createInstance, createViews, isValid, type Subject } from './subject.ts'

export interface Rule {
  readonly name: string
  check(subject: Subject): void | Promise<void>
  /** Plugins that must be caught. */
  readonly caught: readonly PluginDefinition[]
}

const hooks = [
  'start',
  'onRequest',
  'onRequestBody',
  'onResponse',
  'onResponseBody',
  'onRecheck',
  'onLog',
  'onControl',
  'close',
]
const facts = ['requestId', 'tenant', 'identity'] as const

export const rules: readonly Rule[] = [
  {
    name: 'has a schema that refuses unknown keys at every level',
    check({ definition, config }) {
      for (const { place, node } of nodesOf(definition.schema)) {
        if (node.properties === undefined) continue
        assert.equal(node.additionalProperties, false, `${place || 'config'} lets unknown keys in`)
      }
      assert.equal(isValid(definition.schema, { ...config, notAnOption: 1 }), false)
    },
    caught: brokenBy.unknownKeys,
  },
  {
    name: 'describes every option',
    check({ definition }) {
      const silent = nodesOf(definition.schema).filter(({ node, property }) => property && !node.description)
      assert.deepEqual(
        silent.map(({ place }) => place),
        [],
      )
    },
    caught: brokenBy.noDescription,
  },
  {
    name: 'has defaults that its own schema accepts',
    check({ definition }) {
      for (const { place, node } of nodesOf(definition.schema))
        if (node.default !== undefined) assert.ok(isValid(node, node.default), `default of ${place}`)
    },
    caught: brokenBy.badDefault,
  },
  {
    name: 'has a schema that can be sent as JSON',
    check({ definition }) {
      const sent = JSON.parse(JSON.stringify(definition.schema))
      assert.deepEqual(nodesOf(sent), JSON.parse(JSON.stringify(nodesOf(definition.schema))))
      for (const { place, node } of nodesOf(definition.schema))
        assert.doesNotMatch(JSON.stringify(Object.values(node).map((one) => typeof one)), /function/, place)
    },
    caught: brokenBy.schemaWithCode,
  },
  {
    name: 'says what its failure means, and denies where it guards a route',
    check({ definition }) {
      assert.ok(['deny', 'allow'].includes(definition.onFailure), 'onFailure is deny or allow')
      if ((definition.enforces ?? []).length > 0) assert.equal(definition.onFailure, 'deny')
      if (definition.hookTimeoutMs !== undefined) assert.ok(definition.hookTimeoutMs > 0)
    },
    caught: brokenBy.failureUnclear,
  },
  {
    name: 'names only facts that exist',
    check({ definition }) {
      for (const fact of [...(definition.needs ?? []), ...(definition.provides ?? [])])
        assert.ok((facts as readonly string[]).includes(fact), fact)
    },
    caught: brokenBy.unknownFact,
  },
  {
    name: 'accepts its own valid config in check, and leaves it as it is',
    check({ definition, config }) {
      const before = JSON.stringify(config)
      assert.deepEqual(definition.check?.(config as never) ?? [], [])
      assert.equal(JSON.stringify(config), before)
    },
    caught: brokenBy.checkRefuses,
  },
  {
    name: 'is created synchronously, with hooks the gateway knows',
    check(subject) {
      const { plugin } = createInstance(subject)
      assert.notEqual(typeof (plugin as { then?: unknown }).then, 'function', 'create returned a promise')
      for (const [name, hook] of Object.entries(plugin)) {
        assert.ok(hooks.includes(name), `${name} is no hook`)
        assert.equal(typeof hook, 'function', name)
      }
      if (subject.definition.body !== undefined)
        assert.ok(plugin.onRequestBody !== undefined, 'body without onRequestBody')
    },
    caught: brokenBy.create,
  },
  {
    name: 'opens no timer, socket or file when created, and leaves none when closed',
    async check(subject) {
      const before = openResources()
      const { plugin } = createInstance(subject)
      assert.deepEqual(openResources(), before, 'after create')
      await plugin.start?.()
      for (const view of createViews()) await callAll(plugin, view)
      await plugin.close?.()
      assert.deepEqual(openResources(), before, 'after close')
    },
    caught: brokenBy.leavesTimer,
  },
  {
    name: 'can be closed twice',
    async check(subject) {
      const { plugin } = createInstance(subject)
      await plugin.close?.()
      await plugin.close?.()
    },
    caught: brokenBy.closesOnce,
  },
  {
    name: 'lets no instance see what another one saw',
    async check(subject) {
      const [busy, quiet, fresh] = [createInstance(subject), createInstance(subject), createInstance(subject)]
      for (const { plugin } of [busy, quiet, fresh]) await plugin.start?.()
      const expected = await answersOf(fresh.plugin, createViews())
      for (let round = 0; round < 3; round++) await answersOf(busy.plugin, createViews())
      assert.deepEqual(await answersOf(quiet.plugin, createViews()), expected)
      for (const { plugin } of [busy, quiet, fresh]) await plugin.close?.()
    },
    caught: brokenBy.sharedState,
  },
  {
    name: 'leaves its config as it is',
    async check(subject) {
      const before = JSON.stringify(subject.config)
      const { plugin } = createInstance(subject)
      await plugin.start?.()
      await answersOf(plugin, createViews())
      assert.equal(JSON.stringify(subject.config), before)
      await plugin.close?.()
    },
    caught: brokenBy.mutatesConfig,
  },
  {
    name: 'answers every kind of request without throwing, with nothing or a whole reply',
    async check(subject) {
      for (const view of createViews()) {
        const { plugin } = createInstance(subject)
        await plugin.start?.()
        for (const verdict of await callAll(plugin, view)) checkVerdict(verdict)
        await plugin.close?.()
      }
    },
    caught: brokenBy.throwsOrMumbles,
  },
  {
    name: 'survives a response whose request hook never finished',
    async check(subject) {
      for (const view of createViews()) {
        const { plugin } = createInstance(subject)
        await plugin.onResponse?.(view)
        await plugin.close?.()
      }
    },
    caught: brokenBy.trustsSlot,
  },
  {
    name: 'establishes the facts that it provides, and no other',
    async check(subject) {
      const provided = subject.definition.provides ?? []
      for (const view of createViews()) {
        const others = facts.filter((fact) => !provided.includes(fact))
        const before = others.map((fact) => view[fact])
        const { plugin } = createInstance(subject)
        await plugin.start?.()
        await plugin.onRequest?.(view)
        assert.deepEqual(
          others.map((fact) => view[fact]),
          before,
        )
        await plugin.close?.()
      }
      if (provided.length > 0) await checkProvided(subject)
    },
    caught: brokenBy.facts,
  },
  {
    name: 'logs any exchange without throwing, at once',
    check(subject) {
      const { plugin } = createInstance(subject)
      for (const view of [createEmptyLog(), ...createViews()]) {
        for (const status of [0, 101, 200, 404, 499, 503]) {
          assert.equal(plugin.onLog?.(Object.assign(view, { status })), undefined, 'onLog is synchronous')
        }
      }
    },
    caught: brokenBy.log,
  },
]

async function callAll(plugin: Plugin, view: TestView): Promise<unknown[]> {
  const verdict = await plugin.onRequest?.(view)
  const bodyVerdict = verdict === undefined ? await plugin.onRequestBody?.(view) : undefined
  await plugin.onResponse?.(view)
  const recheckVerdict = await plugin.onRecheck?.(view)
  plugin.onLog?.(view)
  return [verdict, bodyVerdict, recheckVerdict]
}

/** What an instance answered and set, without ids that are new each time. */
async function answersOf(plugin: Plugin, views: readonly TestView[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const view of views) {
    const verdicts = await callAll(plugin, view)
    const names = [...view.upstreamHeaders.keys(), ...view.responseHeaders.map(([name]) => name)]
    answers.push([verdicts, view.status, view.tenant, view.identity, names])
  }
  return answers
}

/** What is open, but for writes under way: the test runner's own report goes out on a pipe meanwhile. */
function openResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => !/Write(Wrap|Req)$/.test(kind))
    .sort()
}

function checkVerdict(verdict: unknown): void {
  if (verdict === undefined) return
  assert.ok(typeof verdict === 'object' && verdict !== null, 'a verdict is a reply or undefined')
  const { status, code, detail, headers, body } = verdict as Record<string, unknown>
  assert.ok(
    Number.isInteger(status) && (status as number) >= 200 && (status as number) < 600,
    `status ${status}`,
  )
  assert.match(String(code), /^AEGIS_[A-Z0-9_]+$/)
  assert.equal(typeof detail, 'string')
  assert.ok(Array.isArray(headers) && headers.length % 2 === 0, 'headers are a flat list of pairs')
  for (const part of headers) assert.doesNotMatch(String(part), /[\r\n\0]/)
  if (body === undefined) assert.match(String(detail), /^[A-Z].*\.$/, 'the detail is a sentence')
}

async function checkProvided(subject: Subject): Promise<void> {
  const { definition, sample } = subject
  assert.ok(sample.establishing, `test/contract/samples.ts needs establishing() for ${definition.name}`)
  const view = sample.establishing()
  const { plugin } = createInstance(subject)
  await plugin.start?.()
  assert.equal(await plugin.onRequest?.(view), undefined, 'the request of the sample is let through')
  for (const fact of definition.provides ?? []) assert.ok(view[fact], `${fact} is not set`)
  await plugin.close?.()
}
