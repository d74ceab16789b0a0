// A plugin under the contract suite: its definition, a frozen config and ports whose far ends all answer at once.
import { Ajv } from 'ajv'
import { createFileRecorder } from '../../config/plugin-files.ts'
import type { Plugin, PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { LimitCheck, LimitState } from '../../gateway/contract/ports.ts'
import { replayFiles } from '../../gateway/contract/recorded-files.ts'
import { createTestDocument, createTestPorts, type TestPorts } from '../support/ports.ts'
import { createRoute, createTenant, createView, type TestView } from '../support/view.ts'
import { type Sample, samples } from './samples.ts'

export interface Subject {
  readonly definition: PluginDefinition
  /** Defaults filled in, deeply frozen. */
  readonly config: Readonly<Record<string, unknown>>
  readonly sample: Sample
}

export function toSubject(definition: PluginDefinition): Subject {
  const sample = samples[definition.name] ?? { config: {} }
  const { config, mistakes } = withDefaults(definition.schema, sample.config)
  if (mistakes.length > 0) {
    const place = `test/contract/samples.ts for ${definition.name}`
    throw new Error(`the config in ${place} is not valid: ${mistakes.join(', ')}`)
  }
  return { definition, config: freezeDeep(config), sample }
}

/** A copy of `config` with the schema's defaults, and what the schema says against it. */
export function withDefaults(
  schema: object,
  config: Readonly<Record<string, unknown>>,
): { config: Record<string, unknown>; mistakes: string[] } {
  const copy = structuredClone(config)
  const validate = new Ajv({ useDefaults: true, strict: false, allErrors: true }).compile(schema)
  validate(copy)
  const mistakes = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  return { config: copy, mistakes }
}

/** Whether the schema accepts `value` once its defaults are filled in. */
export function isValid(schema: object, value: unknown): boolean {
  return new Ajv({ useDefaults: true, strict: false }).validate(schema, structuredClone(value))
}

/** A fresh instance with its own ports. */
export function createInstance({ definition, config }: Subject): { plugin: Plugin; ports: TestPorts } {
  const state: LimitState = { allowed: true, remaining: 1, resetMs: 1000, retryAfterMs: 0, delayMs: 0 }
  const recorder = createFileRecorder({ configDir: '/', variables: {} })
  definition.checkFiles?.(config as never, recorder)
  const ports = createTestPorts({
    files: replayFiles(recorder.recorded() ?? undefined),
    counters: {
      take: (checks: readonly LimitCheck[]) => checks.map(() => state),
      peek: () => state,
      reset: () => {},
    },
    documents: { open: () => createTestDocument('{"keys":[]}') },
    subrequest: { send: async () => ({ status: 200, body: '{"allowed":true}' }) },
  })
  return { plugin: definition.create(config as never, ports), ports }
}

/** Requests of every kind of authentication, from one with nothing known to one with every fact. */
export function createViews(): TestView[] {
  const acme = createTenant('acme', { plan: 'pro' })
  const permission = { resource: 'items', action: '{method}' }
  return (['required', 'optional', 'none'] as const).flatMap((auth) => [
    createView({ route: createRoute({ auth }), requestId: '', host: '', path: '/' }),
    createView({ route: createRoute({ auth, roles: ['admin'], permission }), method: 'OPTIONS' }),
    createView({
      route: createRoute({ auth, roles: ['admin'], permission }),
      requestHeaders: { authorization: 'Bearer x', origin: 'https://a.test', 'content-length': '3' },
      hostTenant: acme,
      hostTenantId: 'acme',
      tenants: [acme],
      tenant: acme,
      identity: {
        userId: 'u1',
        tenantId: 'acme',
        roles: [],
        permissions: [],
        claims: {},
        expiresAt: Infinity,
      },
    }),
  ])
}

/** A log view of a request that was refused before anything was known of it. */
export function createEmptyLog(): TestView {
  return Object.assign(createView(), {
    ...{ method: '', host: '', path: '', clientIp: '', requestId: '', status: 0, durationMs: 0 },
    ...{ route: null, tenant: null, hostTenant: null, identity: null, responseSource: 'gateway' },
  })
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) freezeDeep(inner)
  return Object.freeze(value)
}
