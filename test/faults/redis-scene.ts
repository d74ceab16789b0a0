// Two gateways that share limits, decisions and revocations over one Redis, through a line that can be made slow or dead.

import { freePort, type RedisServer, startRedis } from '../services/redis.ts'
import { type Admin, createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import type { Kind, Scene, Verdict } from './fault.ts'
import { createLine, type Line } from './line.ts'

export interface RedisScene extends Scene {
  /** Faults replace it. */
  redis: RedisServer | null
  readonly redisPort: number
  readonly line: Line
  readonly admins: readonly Admin[]
}

export interface RedisSceneOptions {
  readonly redisAtStart?: boolean
  /** Times that a limit may be used up in full: once in Redis, once in each gateway alone, once more in an empty Redis. */
  readonly tightTimes: number
}

const tightLimit = 20
const hourMs = 3_600_000

export async function startRedisScene(options: RedisSceneOptions): Promise<RedisScene> {
  const redisPort = await freePort()
  const redis = options.redisAtStart === false ? null : await startRedis({ port: redisPort })
  const line = await createLine(redisPort)
  const upstream = await createUpstream(answerAsSaas)
  const env = { REDIS_URL: `redis://127.0.0.1:${line.port}` }
  const dirs = await Promise.all([1, 2].map(() => createConfigDir(createConfig(upstream))))
  const gateways = await Promise.all(dirs.map(({ dir }) => startGateway({ configDir: dir, env })))
  const admins = gateways.map((gateway) => createAdmin(gateway))
  const tokens = await createTokens()
  const passed = { tight: 0 }
  const scene: RedisScene = {
    ...{ redis, redisPort, line, gateways, admins },
    kinds: createKinds(tokens, passed),
    recovered: async () => (await isUp(admins)) && (await shareAgain(gateways)),
    async problems() {
      const most = tightLimit * options.tightTimes
      return passed.tight <= most
        ? []
        : [`${passed.tight} requests passed a limit of ${tightLimit}; ${most} at most`]
    },
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([
        line.close(),
        upstream.close(),
        scene.redis?.stop(),
        ...dirs.map((one) => one.remove()),
      ])
    },
  }
  if (redis !== null) await waitUntil(() => isUp(admins))
  await revokeEve(admins, gateways, tokens.eve)
  return scene
}

function createConfig(upstream: TestUpstream) {
  const perTenant = { key: ['tenant'], windowMs: hourMs, algorithm: 'sliding-window' }
  const limited = (id: string, routes: string[], limit: object) => ({
    ...{ id, plugin: 'rate-limit', scope: { routes } },
    config: { store: 'redis', limits: [limit] },
  })
  return createSaas(upstream.url, {
    routes: {
      routes: [
        { id: 'free', paths: ['/free/*'], upstream: 'api' },
        { id: 'tight', paths: ['/tight/*'], upstream: 'api' },
        { id: 'again', paths: ['/again/*'], upstream: 'api' },
        { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
      ],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      { id: 'rbac', plugin: 'rbac', config: { ttlSeconds: 1, negativeTtlSeconds: 1 } },
      limited('wide', ['free', 'items'], { ...perTenant, name: 'wide', limit: 1_000_000 }),
      limited('tight', ['tight'], { ...perTenant, name: 'tight', limit: tightLimit }),
      limited('again', ['again'], { ...perTenant, name: 'again', key: ['user'], limit: 4 }),
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

/** Tells whose request it was; grants members, denies others. */
function answerAsSaas(...[req, res]: Parameters<NonNullable<Parameters<typeof createUpstream>[0]>>): void {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    res.setHeader('content-type', 'application/json')
    if (req.url !== '/aegis/authorize') {
      res.end(JSON.stringify({ tenant: req.headers['x-tenant-id'], user: req.headers['x-user-id'] }))
      return
    }
    const { user_id } = JSON.parse(Buffer.concat(chunks).toString())
    res.end(JSON.stringify({ allowed: user_id !== 'guest', ttl: 1 }))
  })
}

async function createTokens() {
  return {
    ada: await createTestToken({ user_id: 'ada' }),
    bob: await createTestToken({ user_id: 'bob', tenant_id: 'globex' }),
    guest: await createTestToken({ user_id: 'guest' }),
    eve: await createTestToken({ user_id: 'eve' }),
  }
}
type Tokens = Awaited<ReturnType<typeof createTokens>>

const headersOf = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const globex = 'globex.example.com'

function createKinds(tokens: Tokens, passed: { tight: number }): Kind[] {
  const owned = (name: string, path: string, token: string, tenant: string): Kind => ({
    name,
    make: (n) => ({ path: `${path}/${n}`, host: `${tenant}.example.com`, ...headersOf(token) }),
    judge: (answer) => expect(answer, 200, () => answer.json().tenant === tenant),
  })
  const refused = (name: string, path: string, token: string | null, status: number): Kind => ({
    name,
    make: (n) => ({ path: `${path}/${n}`, ...(token === null ? {} : headersOf(token)) }),
    judge: (answer) => expect(answer, status),
  })
  return [
    owned('limited', '/free', tokens.ada, 'acme'),
    owned('another tenant', '/free', tokens.bob, 'globex'),
    owned('allowed by rbac', '/items', tokens.ada, 'acme'),
    refused('denied by rbac', '/items', tokens.guest, 403),
    refused('revoked', '/free', tokens.eve, 401),
    refused('without a token', '/free', null, 401),
    {
      name: 'a tight limit',
      make: (n) => ({ path: `/tight/${n}`, host: globex, ...headersOf(tokens.bob) }),
      judge(answer) {
        if (answer.status === 200) passed.tight += 1
        return answer.status === 429 ? 'ok' : expect(answer, 200)
      },
    },
  ]
}

/** A 5xx is no answer to the question; any other status, or another's content, is a wrong one. */
function expect(answer: Answer, status: number, holds: () => boolean = () => true): Verdict {
  if (answer.status === status) return holds() ? 'ok' : 'wrong'
  return answer.status >= 500 ? 'lost' : 'wrong'
}

async function isUp(admins: readonly Admin[]): Promise<boolean> {
  const states = await Promise.all(
    admins.map(async (admin) => (await admin('GET', '/admin/status')).body.state.redis.state),
  )
  return states.every((state) => state === 'up')
}

/** A limit that nobody has used yet holds exactly over both gateways. */
async function shareAgain(gateways: readonly TestGateway[]): Promise<boolean> {
  const token = await createTestToken({ user_id: `again-${performance.now()}` })
  const statuses: number[] = []
  for (let i = 0; i < 6; i++) {
    const { port } = gateways[i % gateways.length] as TestGateway
    statuses.push((await ask(port, '/again/x', headersOf(token))).status)
  }
  return statuses.filter((status) => status === 200).length === 4
}

/** From now on eve must never get in, whatever becomes of Redis. */
async function revokeEve(
  admins: readonly Admin[],
  gateways: readonly TestGateway[],
  token: string,
): Promise<void> {
  const body = { kind: 'user', subject: 'eve', tenantId: 'acme' }
  const told = await Promise.all(admins.map((one) => one('POST', '/admin/revocations', { body })))
  if (told.some(({ status }) => status !== 201)) throw new Error(JSON.stringify(told))
  await waitUntil(async () => {
    const answers = await Promise.all(gateways.map(({ port }) => ask(port, '/free/x', headersOf(token))))
    return answers.every(({ status }) => status === 401)
  })
}
