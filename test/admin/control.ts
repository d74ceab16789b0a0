// A control plane in memory, faithful where the admin API can tell: edits in a row, on the files "on disk", which a test
// may change behind the API's back; validation by a few rules; versions, audit, failures.
import type {
  AuditEntry,
  ConfigFiles,
  ConfigVersion,
  ControlApi,
  EditOptions,
  EditOutcome,
  Json,
  JsonObject,
  TrialOutcome,
} from '../../gateway/contract/control-api.ts'
import type { ConfigProblem } from '../../gateway/contract/errors.ts'
import type { Revocation, TargetHealth } from '../../gateway/contract/protocol.ts'
import type { AdminConfig } from '../../gateway/contract/snapshot.ts'

export interface TestControl extends ControlApi {
  /** What the files on disk say; an edit reads them. null: broken, as after a half-written save. */
  disk: ConfigFiles | null
  /** A worker refuses what is published. */
  workerRefuses: string | null
  notReady: string[]
  targets: TargetHealth[]
  log(line: string): void
  readonly followers: number
  readonly asked: { plugin: string; operation: string; args: unknown }[]
  answers: Record<string, unknown[]>
  trial: TrialOutcome
  /** Number of files that were really written. */
  readonly writes: number
}

type Numbered = ConfigVersion & { readonly files: ConfigFiles }

export const shippedFiles: ConfigFiles = {
  gateway: {
    workers: 2,
    admin: { port: 3001, tokens: [{ name: 'ops', role: 'admin', sha256: 'a'.repeat(64) }] },
    redis: { url: 'redis://:hunter2@127.0.0.1:6379' },
    consul: { token: 'consul-secret' },
  },
  routes: {
    tenants: [
      { id: 'acme', hosts: ['api.acme.test'], plan: 'pro', status: 'active' },
      { id: 'globex', plan: 'free' },
    ],
    plans: { free: {}, pro: {} },
    upstreams: { api: { targets: [{ url: 'http://127.0.0.1:4000', weight: 1 }] } },
    routes: [{ id: 'items', paths: ['/items/*'], upstream: 'api' }],
  },
  plugins: {
    plugins: [
      { id: 'request-id', plugin: 'request-id', enabled: true, config: {} },
      {
        id: 'jwt',
        plugin: 'jwt',
        enabled: true,
        config: {
          issuers: [
            { issuer: 'one', hmac: 'first-key' },
            { issuer: 'two', hmac: 'second-key' },
            { issuer: 'three', hmac: '${JWT_SECRET}' },
          ],
          clientSecret: 'named-secret',
        },
      },
      {
        id: 'rate-limit',
        plugin: 'rate-limit',
        enabled: true,
        scope: { tenants: ['acme'] },
        config: { limit: 100 },
      },
    ],
  },
}

const open = { type: 'object', additionalProperties: true }
const schemas = {
  files: {
    gateway: { ...open, properties: { workers: { type: 'integer' } } },
    routes: {
      ...open,
      definitions: { text: { anyOf: [{ type: 'string' }, { $ref: '#/definitions/text' }] } },
      properties: {
        tenants: {
          type: 'array',
          items: { type: 'object', properties: { id: { $ref: '#/definitions/text' } } },
        },
        routes: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } },
        upstreams: {
          type: 'object',
          additionalProperties: { type: 'object', properties: { targets: { type: 'array' } } },
        },
      },
    },
    plugins: {
      ...open,
      properties: {
        plugins: {
          type: 'array',
          items: { type: 'object', properties: { id: { type: 'string' }, plugin: { type: 'string' } } },
        },
      },
    },
  },
  plugins: {
    'request-id': { type: 'object', properties: {} },
    'rate-limit': { type: 'object', properties: { limit: { type: 'number' } } },
    jwt: {
      type: 'object',
      properties: {
        issuers: {
          type: 'array',
          items: {
            type: 'object',
            properties: { issuer: { type: 'string' }, hmac: { type: 'string', writeOnly: true } },
          },
        },
      },
    },
  },
}

export function createTestControl(
  files: ConfigFiles = shippedFiles,
  admin?: Partial<AdminConfig>,
): TestControl {
  const versions: Numbered[] = [{ number: 1, at: at(1), by: 'start', action: 'start', live: true, files }]
  const audit: AuditEntry[] = []
  const recent: string[] = []
  const listeners = new Set<(line: string) => void>()
  const asked: TestControl['asked'] = []
  let revocations: Revocation[] = []
  let queue: Promise<unknown> = Promise.resolve()
  let nextId = 1
  let writes = 0

  const live = () => versions.find((one) => one.live) as Numbered
  const record = (entry: Omit<AuditEntry, 'at'>) => void audit.push({ at: at(audit.length), ...entry })
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work)
    queue = mine.catch(() => {})
    return mine
  }
  const publish = async (next: ConfigFiles, options: EditOptions): Promise<EditOutcome> => {
    // Other requests run in between, as they do while workers compile.
    await new Promise((resolve) => setImmediate(resolve))
    const problems = problemsOf(next)
    if (problems.length > 0) return refuse('invalid', problems)
    if (control.workerRefuses !== null) {
      return refuse('refused-by-worker', [
        { file: 'plugins.json', pointer: '', message: control.workerRefuses },
      ])
    }
    if (options.dryRun) return { ok: true, version: live().number, files: next, warnings: [] }
    const number = versions.length + 1
    for (const [index, one] of versions.entries()) versions[index] = { ...one, live: false }
    versions.push({ number, at: at(number), by: options.by, action: options.action, live: true, files: next })
    control.disk = next
    writes += 1
    record({ by: options.by, action: options.action, outcome: 'ok', version: number })
    return {
      ok: true,
      version: number,
      files: next,
      warnings: next.gateway.warn ? ['Mind the gap – soon.'] : [],
    }
  }
  const editNow = async (change: (now: ConfigFiles) => ConfigFiles, options: EditOptions) => {
    if (control.disk === null) {
      return refuse('conflict', [{ file: 'plugins.json', pointer: '', message: 'is not JSON' }])
    }
    return publish(change(control.disk), options)
  }

  const control: TestControl = {
    admin: { host: '127.0.0.1', port: 0, tokens: [], ...admin },
    disk: files,
    workerRefuses: null,
    notReady: [],
    targets: [],
    asked,
    answers: {},
    trial: { kind: 'nobody' },
    get followers() {
      return listeners.size
    },
    get writes() {
      return writes
    },
    log(line) {
      recent.push(line)
      for (const listener of listeners) listener(line)
    },
    files: () => live().files,
    version: () => live().number,
    edit: (change, options) => inTurn(() => editNow(change, options)),
    validate: async (candidate) => ({
      problems: problemsOf({ ...live().files, ...candidate }),
      warnings: [],
    }),
    schemas: () => schemas,
    versions: () => versions.map(({ files: _, ...version }) => version),
    versionFiles: (number) => versions.find((one) => one.number === number)?.files ?? null,
    rollback: (number, options) =>
      inTurn(async () => {
        const { routes, plugins } = control.versionFiles(number) as ConfigFiles
        return publish({ gateway: live().files.gateway, routes, plugins }, options)
      }),
    reload: (by) => inTurn(() => editNow((now) => now, { by, action: 'reload', dryRun: false })),
    discovery: () => [],
    health: () => control.targets,
    askPlugin: async (plugin, operation, args) => {
      asked.push({ plugin, operation, args })
      return control.answers[`${plugin} ${operation}`] ?? []
    },
    purge: async (plugin, args) => control.askPlugin(plugin, 'purge', args),
    tryPlugin: async (plugin, config, operation, args) => {
      asked.push({ plugin, operation, args: { config, ...args } })
      return control.trial
    },
    revocations: () => revocations,
    async revoke(entry, by) {
      const made = { id: `r${nextId++}`, ...entry }
      revocations = [...revocations, made]
      record({ by, action: `revoke ${entry.kind}`, outcome: 'ok', version: null })
      return made
    },
    async unrevoke(id, by) {
      const found = revocations.some((one) => one.id === id)
      revocations = revocations.filter((one) => one.id !== id)
      if (found) record({ by, action: `unrevoke ${id}`, outcome: 'ok', version: null })
      return found
    },
    status: async () => ({
      version: live().number,
      startedAt: at(0),
      handles: { socket: 0, timer: 0, other: 0 },
      uptimeSeconds: 1,
      workers: [],
      listeners: [],
      config: {
        source: 'files',
        lastReloadOk: true,
        lastReloadAt: null,
        problems: [],
        warnings: [],
        restartNeeded: false,
        fromLastGood: false,
      },
      state: { redis: 'not configured', consul: 'not configured' },
    }),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'aegis_up 1\n' }),
    ready: () => ({ ready: control.notReady.length === 0, reasons: control.notReady }),
    audit: () => audit,
    record,
    followLogs(onLine) {
      listeners.add(onLine)
      return () => void listeners.delete(onLine)
    },
    recentLogs: () => recent,
  }
  return control
}

function at(second: number): string {
  return new Date(1_700_000_000_000 + second * 1000).toISOString()
}

function refuse(
  kind: 'invalid' | 'conflict' | 'refused-by-worker',
  problems: readonly ConfigProblem[],
): EditOutcome {
  return { ok: false, kind, problems }
}

/** A few of the real rules: names that exist, upstreams that exist, limits that are numbers. */
function problemsOf(files: ConfigFiles): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const upstreams = (files.routes.upstreams ?? {}) as JsonObject
  for (const [name, upstream] of Object.entries(upstreams)) {
    if (!Array.isArray((upstream as JsonObject).targets)) {
      const pointer = `/upstreams/${name.replaceAll('~', '~0').replaceAll('/', '~1')}/targets`
      problems.push({ file: 'routes.json', pointer, message: 'is needed' })
    }
  }
  for (const [index, route] of listOf(files.routes.routes)) {
    if (Object.hasOwn(upstreams, String(route.upstream))) continue
    problems.push({
      file: 'routes.json',
      pointer: `/routes/${index}/upstream`,
      message: 'is not an upstream',
    })
  }
  for (const [index, plugin] of listOf(files.plugins.plugins)) {
    if (!Object.hasOwn(schemas.plugins, String(plugin.plugin))) {
      problems.push({ file: 'plugins.json', pointer: `/plugins/${index}/plugin`, message: 'is not a plugin' })
    }
    const limit = ((plugin.config ?? {}) as JsonObject).limit
    if (limit !== undefined && typeof limit !== 'number') {
      problems.push({
        file: 'plugins.json',
        pointer: `/plugins/${index}/config/limit`,
        message: 'must be a number',
      })
    }
  }
  return problems
}

function listOf(value: Json | undefined): [number, JsonObject][] {
  return [...((value ?? []) as JsonObject[]).entries()]
}
