// Two gateways whose wall clock is moved while they run (libfaketime), the clock that only goes forward being left alone.
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { parseMetrics } from '../support/exposition.ts'
import { type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Asked, Kind, Scene, Verdict } from './fault.ts'
import { startPair } from './pair.ts'

export interface ClockScene extends Scene {
  /** Resolves when every worker has the new time. */
  moveTo(offsetSeconds: number): Promise<void>
  /** Whether a decision that the upstream takes back is felt in every worker: caches end by the other clock. */
  feelsChanges(): Promise<boolean>
}

const hour = 3_600
const tightLimit = 20
const mostMs = 5_000

interface Facts {
  offsetSeconds: number
  /** Who asked before this, may have met the time of before. */
  settledAtMs: number
  tight: number
  /** Whether the upstream allows. */
  allowed: boolean
}

export async function startClockScene(): Promise<ClockScene> {
  const folder = await mkdtemp(join(tmpdir(), 'aegis-clock-'))
  const timeFile = join(folder, 'offset')
  await writeFile(timeFile, '+0')
  const facts: Facts = { offsetSeconds: 0, settledAtMs: 0, tight: 0, allowed: true }
  const upstream = await createUpstream((req, res) => answer(req, res, facts))
  const pair = await startPair(createConfig(upstream.url), fakeTime(timeFile))
  const { gateways } = pair
  const eve = await createToken('eve', {})
  await revoke(gateways, eve)
  const ada = await createToken('ada', {})
  const decides = async (allowed: boolean) => {
    facts.allowed = allowed
    const settled = async () =>
      (await everywhere(gateways, '/items/again', ada)).every(({ status }) => (status === 200) === allowed)
    return waitUntil(settled, mostMs).catch(() => false)
  }
  const scene: ClockScene = {
    ...{ gateways, kinds: await createKinds(facts, { ada, eve }) },
    async moveTo(offsetSeconds) {
      facts.settledAtMs = Number.POSITIVE_INFINITY
      facts.offsetSeconds = offsetSeconds
      await writeFile(timeFile, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}`)
      await waitUntil(async () =>
        (await everywhere(gateways, '/api/again', '')).every(hasTime(offsetSeconds)),
      )
      facts.settledAtMs = performance.now()
    },
    feelsChanges: async () => (await decides(false)) && (await decides(true)),
    recovered: async () =>
      (await scene.feelsChanges()) &&
      (await everywhere(gateways, '/api/again', ada)).every(({ status }) => status === 200),
    async problems() {
      const most = tightLimit * gateways.length
      const passed = facts.tight <= most ? [] : [`${facts.tight} requests passed a limit of ${most}`]
      const odd = await Promise.all(gateways.flatMap((gateway) => [oddLines(gateway), oddMetrics(gateway)]))
      return [...passed, ...odd.flat()]
    },
    async stop() {
      await pair.stop()
      await Promise.all([upstream.close(), rm(folder, { recursive: true })])
    },
  }
  return scene
}

function fakeTime(timeFile: string): Record<string, string> {
  const library = readdirSync('/usr/lib')
    .map((name) => join('/usr/lib', name, 'faketime'))
    .flatMap((folder) =>
      readdirOr(folder).includes('libfaketimeMT.so.1') ? [join(folder, 'libfaketimeMT.so.1')] : [],
    )[0]
  if (library === undefined) throw new Error('libfaketime is not installed (Debian: faketime)')
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: timeFile,
    FAKETIME_CACHE_DURATION: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
}

function readdirOr(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function createConfig(url: string) {
  const tight = {
    name: 'tight',
    key: ['tenant'],
    algorithm: 'fixed-window',
    limit: tightLimit,
    windowMs: hour * 1_000,
  }
  return createSaas(url, {
    routes: {
      upstreams: {
        api: {
          targets: [{ url }],
          timeouts: { headersMs: 500 },
          retry: { attempts: 0 },
          breaker: { errorPercent: 100 },
        },
      },
      routes: [
        { id: 'api', paths: ['/api/*'], upstream: 'api' },
        { id: 'tight', paths: ['/tight/*'], upstream: 'api' },
        { id: 'items', paths: ['/items/*'], upstream: 'api', permission: { resource: 'items' } },
      ],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      { id: 'rbac', plugin: 'rbac', config: { ttlSeconds: 1, negativeTtlSeconds: 1 } },
      { id: 'limit', plugin: 'rate-limit', scope: { routes: ['tight'] }, config: { limits: [tight] } },
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

function answer(req: IncomingMessage, res: ServerResponse, { allowed }: Facts): void {
  req.resume()
  req.on('end', () => {
    if (req.url === '/aegis/authorize') res.end(JSON.stringify({ allowed }))
    else if (req.url?.startsWith('/api/never')) return
    else res.end(`for ${req.headers['x-user-id']}`)
  })
}

/** Issued two hours ago: what was issued in the future is not valid yet. */
function createToken(
  user: string,
  { from, until = 3 * hour }: { from?: number; until?: number },
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now - 2 * hour, exp: now + until, ...(from === undefined ? {} : { nbf: now + from }) }
  return createTestToken({ user_id: user, ...times })
}

const bearer = (token: string) => (token === '' ? {} : { headers: { authorization: `Bearer ${token}` } })

async function createKinds(
  facts: Facts,
  { ada, eve }: { readonly ada: string; readonly eve: string },
): Promise<Kind[]> {
  const kindOf = (name: string, path: string, token: string, status: (offset: number) => number): Kind => ({
    name,
    make: (n) => ({ path: `${path}/${n}`, ...bearer(token) }),
    judge: (answer, _phase, asked) => judge(answer, asked, { facts, status }),
  })
  const ending = await createToken('ada', { until: hour / 3 })
  const beginning = await createToken('ada', { from: hour / 2 })
  return [
    kindOf('a long token', '/api', ada, () => 200),
    kindOf('a token that ends in 20 minutes', '/api', ending, (offset) => (offset >= hour / 3 ? 401 : 200)),
    kindOf('a token that begins in 30 minutes', '/api', beginning, (offset) =>
      offset >= hour / 2 ? 200 : 401,
    ),
    kindOf('a revoked user', '/api', eve, () => 401),
    kindOf('no token', '/api', '', () => 401),
    {
      ...kindOf('a tight limit', '/tight', ada, () => 200),
      judge({ status }) {
        if (status === 200) facts.tight += 1
        return status === 200 || status === 429 ? 'ok' : 'wrong'
      },
    },
    {
      ...kindOf('an upstream that never answers', '/api/never', ada, () => 504),
      make: (n) =>
        n % 20 === 0 ? { path: `/api/never/${n}`, ...bearer(ada) } : { path: `/api/${n}`, ...bearer(ada) },
      judge: ({ status }) => (status === 200 || status === 504 ? 'ok' : 'lost'),
    },
  ]
}

function judge(
  answer: Answer,
  { beganMs }: Asked,
  { facts, status }: { readonly facts: Facts; readonly status: (offset: number) => number },
): Verdict {
  if (answer.status === 200 && answer.text !== 'for ada') return 'wrong'
  if (answer.status === status(facts.offsetSeconds)) return 'ok'
  if (answer.status >= 500) return 'lost'
  // During a move both times are good.
  return beganMs < facts.settledAtMs && [200, 401].includes(answer.status) ? 'ok' : 'wrong'
}

async function everywhere(gateways: readonly TestGateway[], path: string, token: string): Promise<Answer[]> {
  return Promise.all(
    gateways.flatMap(({ port }) => Array.from({ length: 12 }, () => ask(port, path, bearer(token)))),
  )
}

/** By the Date that the gateway itself gives to its refusals. */
const hasTime = (offsetSeconds: number) => (answer: Answer) =>
  Math.abs(Date.parse(String(answer.headers.date)) - Date.now() - offsetSeconds * 1_000) < 60_000

async function revoke(gateways: readonly TestGateway[], token: string): Promise<void> {
  const body = { kind: 'user', subject: 'eve', tenantId: 'acme' }
  for (const gateway of gateways) {
    const { status } = await createAdmin(gateway)('POST', '/admin/revocations', { body })
    if (status !== 201) throw new Error(`a revocation was answered with ${status}`)
  }
  await waitUntil(async () =>
    (await everywhere(gateways, '/api/x', token)).every(({ status }) => status === 401),
  )
}

/** Lines whose times cannot be: durations are measured, not read off the wall. */
async function oddLines(gateway: TestGateway): Promise<string[]> {
  const odd = gateway
    .logs()
    .filter((line) => 'duration_ms' in line)
    .filter((line) =>
      [line.duration_ms, line.gateway_ms, line.upstream_ms].some((value) => !isDuration(value)),
    )
  return odd.slice(0, 2).map((line) => `a log line cannot be: ${JSON.stringify(line)}`)
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < mostMs
}

async function oddMetrics(gateway: TestGateway): Promise<string[]> {
  const metrics = parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text())
  const seconds = [...metrics].filter(([name]) => /^aegis_.*_seconds_sum/.test(name))
  if (seconds.length === 0) return ['no durations are counted']
  return seconds.flatMap(([name, sum]) => {
    const count = metrics.get(name.replace('_sum', '_count')) ?? 0
    return sum >= 0 && sum <= (count * mostMs) / 1_000 ? [] : [`${name} is ${sum} for ${count}`]
  })
}
