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
  requests: number
  /** A request that began before may have met what was broken meanwhile. */
  disturbed: boolean
  /** Some of them may have had the head of an answer when it broke off. */
  mayBeCut: boolean
}

interface Backend {
  readonly port: number
  seen: number
  become(how: Failing): Promise<void>
  close(): Promise<void>
}

const tenants = ['acme', 'globex', 'initech']
/** First tries and the retries that their budget allows; five in ten seconds are always allowed, per worker. */
const mostTries = (requests: number) => 1.2 * requests + 40

export async function startUpstreamScene(): Promise<UpstreamScene> {
  const backends = [await startBackend('one'), await startBackend('two')] as const
  const config = createConfig(backends.map(({ port }) => `http://127.0.0.1:${port}`))
  const dirs = await Promise.all([1, 2].map(() => createConfigDir(config)))
  const gateways = await Promise.all(dirs.map(({ dir }) => startGateway({ configDir: dir })))
  const account: Account = { requests: 0, disturbed: false, mayBeCut: false }
  return {
    ...{ gateways, kinds: createKinds(account) },
    async fail(how, whom = 'one') {
      account.disturbed = true
      account.mayBeCut ||= mayCut(how)
      await Promise.all((whom === 'one' ? backends.slice(0, 1) : backends).map((one) => one.become(how)))
    },
    recovered: async () =>
      (await Promise.all(gateways.map((gateway) => asksBoth(gateway, account)))).every(Boolean),
    async problems() {
      const seen = backends[0].seen + backends[1].seen
      const most = mostTries(account.requests)
      return seen <= most ? [] : [`${seen} tries for ${account.requests} requests`]
    },
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

function createKinds(account: Account): Kind[] {
  const kindOf = (method: 'GET' | 'POST', tenant: string): Kind => ({
    name: `${method} of ${tenant}`,
    make: (n) => ({ path: `/api/${n}`, method, host: `${tenant}.example.com` }),
    judge(answer, phase) {
      account.requests += 1
      if (answer.status === 200) return answer.text === `for ${tenant}` ? 'ok' : 'wrong'
      const excused = account.disturbed && phase !== 'mended'
      return excused && [502, 503, 504].includes(answer.status) ? 'ok' : 'lost'
    },
    judgeFailure(_error, { phase }) {
      account.requests += 1
      return account.mayBeCut && phase !== 'mended' ? 'ok' : 'lost'
    },
  })
  return tenants.flatMap((tenant) => [kindOf('GET', tenant), kindOf('POST', tenant)])
}

/** Twenty requests in a row are served, by both servers. */
async function asksBoth({ port }: TestGateway, account: Account): Promise<boolean> {
  const servedBy = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    account.requests += 1
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
