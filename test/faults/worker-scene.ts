// Two gateways whose workers can be made to die, and who of their clients may notice: those of the worker that died.
import { createAdmin, workersOf } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream } from '../support/upstream.ts'
import { type Death, deathHeader, fatalEntry, workerHeader, writeFatalPlugin } from './fatal-plugin.ts'
import type { Kind, Scene } from './fault.ts'

export interface WorkerScene extends Scene {
  /** Ends one worker of each gateway; resolves once all are there again. */
  killOneOfEach(how: Death): Promise<void>
}

const tightLimit = 20
const workers = 2

interface Account {
  /** By client: the worker at the other end of its connection. */
  readonly workerOf: Map<number, string>
  /** Workers of whose connections a request was lost. */
  readonly lostAt: string[]
  tight: number
}

export async function startWorkerScene(): Promise<WorkerScene> {
  const upstream = await createUpstream((req, res) => {
    // Some are always under way.
    const { 'x-tenant-id': tenant, 'x-user-id': user } = req.headers
    setTimeout(() => res.end(JSON.stringify({ tenant, user })), 3)
  })
  const configs = await Promise.all([1, 2].map(() => createConfigDir(createConfig(upstream.url))))
  await Promise.all(configs.map(({ dir }) => writeFatalPlugin(dir)))
  const env = { AEGIS_WORKERS: String(workers) }
  const gateways = await Promise.all(configs.map(({ dir }) => startGateway({ configDir: dir, env })))
  const account: Account = { workerOf: new Map(), lostAt: [], tight: 0 }
  return {
    ...{ gateways, kinds: await createKinds(account) },
    killOneOfEach: async (how) => void (await Promise.all(gateways.map((gateway) => killOne(gateway, how)))),
    recovered: async () => (await Promise.all(gateways.map(isWhole))).every(Boolean),
    async problems() {
      const living = new Set((await Promise.all(gateways.map(livingWorkers))).flat())
      const wrongly = account.lostAt.filter((worker) => living.has(worker))
      const most = tightLimit * gateways.length
      return [
        ...(wrongly.length > 0 ? [`${wrongly.length} requests were lost at workers that live`] : []),
        ...(account.tight > most ? [`${account.tight} requests passed a limit of ${most}`] : []),
      ]
    },
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([upstream.close(), ...configs.map((one) => one.remove())])
    },
  }
}

function createConfig(url: string) {
  const tight = { name: 'tight', key: ['tenant'], algorithm: 'sliding-window', limit: tightLimit }
  const limits = [{ ...tight, windowMs: 3_600_000 }]
  return createSaas(url, {
    gateway: {
      log: { file: null, access: 'off' },
      limits: { workerBlockedMs: 1_000, workerHeapMb: 64 },
    },
    routes: {
      routes: [
        { id: 'api', paths: ['/api/*'], upstream: 'api' },
        { id: 'tight', paths: ['/tight/*'], upstream: 'api' },
      ],
    },
    plugins: [
      fatalEntry,
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      { id: 'limit', plugin: 'rate-limit', scope: { routes: ['tight'] }, config: { limits } },
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

async function createKinds(account: Account): Promise<Kind[]> {
  const kindOf = async (user: string, tenant: string, path: string): Promise<Kind> => {
    const token = await createTestToken({ user_id: user, tenant_id: tenant })
    const headers = { authorization: `Bearer ${token}` }
    return {
      name: `${path} of ${tenant}`,
      make: (n) => ({ path: `${path}/${n}`, host: `${tenant}.example.com`, headers }),
      judge(answer, _phase, { client }) {
        account.workerOf.set(client, toName(client % 2, answer.headers[workerHeader]))
        if (path === '/tight' && answer.status === 429) return 'ok'
        if (answer.status !== 200) return answer.status >= 500 ? 'lost' : 'wrong'
        if (path === '/tight') account.tight += 1
        const told = answer.json()
        return told.tenant === tenant && told.user === user ? 'ok' : 'wrong'
      },
      judgeFailure({ code }, { phase, client }) {
        const worker = account.workerOf.get(client)
        account.workerOf.delete(client)
        // Whether that one is really dead is asked in the end; one that was never heard of was new to the client.
        if (worker !== undefined) account.lostAt.push(worker)
        return phase !== 'mended' && (code === 'ECONNRESET' || code === 'EPIPE') ? 'ok' : 'lost'
      },
    }
  }
  return [
    await kindOf('ada', 'acme', '/api'),
    await kindOf('bob', 'globex', '/api'),
    await kindOf('bob', 'globex', '/tight'),
  ]
}

/** Numbers of threads are given once in the life of a process. */
const toName = (gateway: number, worker: unknown) => `${gateway}/${worker}`

async function killOne(gateway: TestGateway, how: Death): Promise<void> {
  const died = () => gateway.logs().filter(({ msg }) => msg === 'a worker died; it is being replaced').length
  const before = died()
  const die = () => ask(gateway.port, '/api/die', { headers: { [deathHeader]: how } }).catch(() => null)
  // A gateway that sheds on a busy machine has not let it in.
  await waitUntil(async () => (await die())?.status !== 503, 60_000)
  await waitUntil(() => died() > before, 60_000)
  await waitUntil(() => isWhole(gateway), 60_000)
}

/** One that is back but has no config yet says that it runs version 0. */
async function isWhole(gateway: TestGateway): Promise<boolean> {
  const running = await workersOf(createAdmin(gateway))
  if (running.filter(({ version }) => version > 0).length < workers) return false
  const asked = Array.from({ length: 16 }, () => ask(gateway.port, '/api/again'))
  return (await Promise.all(asked)).every(({ status }) => status === 401)
}

async function livingWorkers({ port }: TestGateway, index: number): Promise<string[]> {
  const asked = Array.from({ length: 32 }, () => ask(port, '/api/again'))
  return (await Promise.all(asked)).map(({ headers }) => toName(index, headers[workerHeader]))
}
