// Two gateways before two servers, of which one, or both, can fail in every way that a server can.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { type BlackHole, openBlackHole } from './black-hole.ts'
import type { Kind, Scene } from './fault.ts'
import { type ActName, acts, mayCut } from './hostile-acts.ts'
import { listenAgain } from './listen-again.ts'

export type Failing =
  | ActName
  | ('well' | 'refuses' | 'swallows' | 'hangs' | 'resets' | 'garbage' | '503' | 'two lengths' | 'late')

export interface UpstreamScene extends Scene {
  /** How the first of the two servers, or both, answer from now on. */
  fail(how: Failing, whom?: 'one' | 'both'): Promise<void>
}

interface Account {
  /** Of the time in which something is broken; null when nothing is. */
  broken: BrokenTime | null
  readonly problems: string[]
  /** A request that began before may have met what was broken meanwhile. */
  disturbed: boolean
  /** Some of them may have had the head of an answer when it broke off. */
  mayBeCut: boolean
}

/** What was asked, and what came of it, while servers were broken. Requests that began before or ended behind it are not in it. */
interface BrokenTime {
  readonly sinceMs: number
  /** Of the GETs; 0 where nobody is well. */
  readonly leastServed: number
  /** Tries that the servers had seen when it began. */
  readonly seenBefore: number
  requests: number
  gets: number
  getsServed: number
}

interface Backend {
  readonly port: number
  seen: number
  become(how: Failing): Promise<void>
  close(): Promise<void>
}

const tenants = ['acme', 'globex', 'initech']
/**
 * First tries and the retries that their budget allows; five in ten seconds are always allowed, per worker. Besides, twelve
 * clients each may have had a request under way at either end. A try that was refused or swallowed never reaches the
 * server that counts: in rows that do so, this says nothing.
 */
const mostTries = (requests: number) => 1.2 * requests + 40
/**
 * Of the GETs, while one of two servers is broken: by retry, by ejection, by both. The right bytes are those of the other server,
 * except where the broken one answers well before it misbehaves. Behind a head that went out nothing can be repeated, and the head
 * counts as good: that server keeps its share, and no more may be lost than that.
 */
const leastServed = { beforeHead: 0.8, behindHead: 0.4 }

export async function startUpstreamScene(): Promise<UpstreamScene> {
  const backends = [await startBackend('one'), await startBackend('two')] as const
  const config = createConfig(backends.map(({ port }) => `http://127.0.0.1:${port}`))
  const dirs = await Promise.all([1, 2].map(() => createConfigDir(config)))
  const gateways = await Promise.all(dirs.map(({ dir }) => startGateway({ configDir: dir })))
  const account: Account = { broken: null, problems: [], disturbed: false, mayBeCut: false }
  const seen = () => backends[0].seen + backends[1].seen
  return {
    ...{ gateways, kinds: createKinds(account) },
    async fail(how, whom = 'one') {
      account.disturbed = true
      account.mayBeCut ||= mayCut(how)
      endBroken(account, seen())
      await Promise.all((whom === 'one' ? backends.slice(0, 1) : backends).map((one) => one.become(how)))
      if (how !== 'well') account.broken = beginBroken(how, whom, seen())
    },
    recovered: async () => (await Promise.all(gateways.map(asksBoth))).every(Boolean),
    problems: async () => account.problems,
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([...backends.map((one) => one.close()), ...dirs.map((one) => one.remove())])
    },
  }
}

function createConfig(urls: readonly string[]) {
  const upstream = {
    targets: urls.map((url) => ({ url })),
    balancer: 'least-request',
    health: { passive: { failures: 3, ejectMs: 200 } },
    retry: { attempts: 2, on: ['connect-failure', 'reset-before-response', '502', '503', '504'] },
    timeouts: { connectMs: 300, headersMs: 500, bodyIdleMs: 500 },
  }
  return {
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: tenants.map((id) => ({ id })),
      upstreams: { api: upstream },
      routes: [{ id: 'api', paths: ['/api/*'], upstream: 'api', auth: 'none' }],
    },
    plugins: [
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  }
}

function beginBroken(how: Failing, whom: 'one' | 'both', seenBefore: number): BrokenTime {
  const ofOne = mayCut(how) ? leastServed.behindHead : leastServed.beforeHead
  const least = whom === 'one' ? ofOne : 0
  return {
    ...{ sinceMs: performance.now(), leastServed: least, seenBefore },
    ...{ requests: 0, gets: 0, getsServed: 0 },
  }
}

/** Judges the time by its own counts, so that no better time beside it makes up for it. */
function endBroken(account: Account, seen: number): void {
  const { broken, problems } = account
  account.broken = null
  if (broken === null) return
  const { requests, gets, getsServed } = broken
  const tries = seen - broken.seenBefore
  if (tries > mostTries(requests)) problems.push(`${tries} tries for ${requests} requests`)
  if (getsServed < broken.leastServed * gets)
    problems.push(`${getsServed} of ${gets} GETs were served while one of two servers was well`)
}

function countBroken(
  { broken }: Account,
  { method, beganMs }: { method: string; beganMs: number },
  served: boolean,
) {
  if (broken === null || beganMs < broken.sinceMs) return
  broken.requests += 1
  if (method !== 'GET') return
  broken.gets += 1
  if (served) broken.getsServed += 1
}

function createKinds(account: Account): Kind[] {
  const kindOf = (method: 'GET' | 'POST', tenant: string): Kind => ({
    name: `${method} of ${tenant}`,
    make: (n) => ({ path: `/api/${n}`, method, host: `${tenant}.example.com` }),
    judge(answer, phase, { beganMs }) {
      countBroken(account, { method, beganMs }, answer.status === 200)
      if (answer.status === 200) return answer.text === `for ${tenant}` ? 'ok' : 'wrong'
      const excused = account.disturbed && phase !== 'mended'
      return excused && [502, 503, 504].includes(answer.status) ? 'ok' : 'lost'
    },
    judgeFailure(_error, { phase, beganMs }) {
      countBroken(account, { method, beganMs }, false)
      return account.mayBeCut && phase !== 'mended' ? 'ok' : 'lost'
    },
  })
  return tenants.flatMap((tenant) => [kindOf('GET', tenant), kindOf('POST', tenant)])
}

/** Twenty requests in a row are served, by both servers. */
async function asksBoth({ port }: TestGateway): Promise<boolean> {
  const servedBy = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    const answer = await ask(port, '/api/probe', { host: 'acme.example.com' })
    if (answer.status !== 200) return false
    servedBy.add(answer.headers['x-served-by'])
  }
  return servedBy.size === 2
}

async function startBackend(name: string): Promise<Backend> {
  let how: Failing = 'well'
  let hole: BlackHole | null = null
  const server = createServer((req, res) => {
    backend.seen += 1
    req.resume()
    respond({ name, how, req, res })
  })
  await listenAgain(server, 0)
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const backend: Backend = {
    ...{ port, seen: 0 },
    async close() {
      await hole?.close()
      await close()
    },
    async become(next) {
      how = next
      await hole?.close()
      hole = null
      // What is under way is cut off by the change, so that nothing hangs on from the state before.
      if (next === 'refuses' || next === 'swallows') await close()
      else if (!server.listening) await listenAgain(server, port)
      else server.closeAllConnections()
      if (next === 'swallows') hole = await openBlackHole(port)
    },
  }
  return backend
}

function respond(one: { name: string; how: Failing; req: IncomingMessage; res: ServerResponse }): void {
  const { name, how, req, res } = one
  const text = `for ${String(req.headers['x-tenant-id'])}`
  const well = () => res.setHeader('x-served-by', name).end(text)
  const act = how in acts ? acts[how as ActName] : undefined
  if (act !== undefined) act(req.socket, text)
  else if (how === 'well') well()
  else if (how === '503') res.writeHead(503).end()
  else if (how === 'resets') req.socket.resetAndDestroy()
  else if (how === 'garbage') req.socket.end('\u0000\u0001 this is not HTTP\r\n\r\n')
  else if (how === 'late') setTimeout(well, 200)
  else if (how === 'two lengths')
    req.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 8\r\ncontent-length: 4\r\n\r\nfor acme')
}
