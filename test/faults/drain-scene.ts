// Two gateways that are stopped and started again, one after the other, behind clients that know both.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { createSaas } from '../support/saas.ts'
import type { Kind, Scene } from './fault.ts'

export interface DrainScene extends Scene {
  readonly gateways: TestGateway[]
  /** SIGTERM; resolves when the process has ended. It must end with 0. */
  stopGateway(index: number): Promise<void>
  /** On the port that it had. */
  startAgain(index: number): Promise<void>
  /** What else was seen to be wrong. */
  readonly found: string[]
}

export const drainTimeoutMs = 8_000
/** Of the long download, about half of that time. */
export const downloadPieces = 100
export const downloadPiece = Buffer.alloc(10_000, 'aegis')

interface Upstream {
  readonly url: string
  /** How often each request came. */
  readonly seen: Map<string, number>
  close(): Promise<void>
}

export async function startDrainScene(): Promise<DrainScene> {
  const upstream = await startUpstream()
  const config = createConfig(upstream.url)
  const configs = await Promise.all([1, 2].map(() => createConfigDir(config)))
  const launch = (index: number, port: number) =>
    startGateway({ configDir: configs[index]?.dir as string, env: { AEGIS_PORT: String(port) } })
  const gateways = [await launch(0, 0), await launch(1, 0)]
  const ports = gateways.map(({ port }) => port)
  const found: string[] = []
  return {
    ...{ gateways, found, failover: true, kinds: createKinds() },
    async stopGateway(index) {
      const code = await gateways[index]?.stop()
      if (code !== 0) found.push(`gateway ${index} ended with ${code}`)
    },
    async startAgain(index) {
      gateways[index] = await launch(index, ports[index] as number)
    },
    async recovered() {
      const asked = gateways.map(({ port }) => ask(port, '/api/quick/again'))
      return (await Promise.all(asked)).every(({ status }) => status === 200)
    },
    async problems() {
      const twice = [...upstream.seen].filter(([, times]) => times > 1)
      return [...found, ...(twice.length > 0 ? [`${twice.length} requests were done twice`] : [])]
    },
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([upstream.close(), ...configs.map((one) => one.remove())])
    },
  }
}

function createConfig(url: string) {
  return createSaas(url, {
    gateway: { timeouts: { drainTimeoutMs }, log: { file: null, access: 'off' } },
    routes: {
      // What was done twice was sent twice by a client.
      upstreams: { api: { targets: [{ url }], retry: { attempts: 0 } } },
      routes: [{ id: 'api', paths: ['/api/*'], upstream: 'api', auth: 'none' }],
    },
    plugins: [
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

function createKinds(): Kind[] {
  const kindOf = (tenant: string, method: 'GET' | 'POST', speed: 'quick' | 'slow'): Kind => ({
    name: `${speed} ${method} of ${tenant}`,
    make: (n) => ({
      ...{ method, path: `/api/${speed}/${tenant}-${n}`, host: `${tenant}.example.com` },
      ...(method === 'POST' ? { body: 'x'.repeat(1_000) } : {}),
    }),
    judge({ status, text }) {
      if (status === 200) return text === `for ${tenant}` ? 'ok' : 'wrong'
      return 'lost'
    },
  })
  return [
    kindOf('acme', 'GET', 'quick'),
    kindOf('globex', 'POST', 'quick'),
    kindOf('acme', 'POST', 'slow'),
    kindOf('globex', 'GET', 'slow'),
  ]
}

async function startUpstream(): Promise<Upstream> {
  const seen = new Map<string, number>()
  const server = createServer((req, res) => {
    const { url = '' } = req
    if (url === '/api/download') return download(res)
    if (!url.endsWith('/again')) seen.set(url, (seen.get(url) ?? 0) + 1)
    req.resume()
    req.on('end', () => setTimeout(() => tell(req, res), url.includes('/slow/') ? 60 : 0))
  })
  const echo = new WebSocketServer({ server, path: '/api/echo' })
  echo.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        for (const socket of echo.clients) socket.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function tell(req: IncomingMessage, res: ServerResponse): void {
  res.end(`for ${req.headers['x-tenant-id']}`)
}

function download(res: ServerResponse): void {
  res.writeHead(200, { 'content-length': downloadPieces * downloadPiece.length })
  let left = downloadPieces
  const more = setInterval(() => {
    res.write(downloadPiece)
    left -= 1
    if (left > 0) return
    clearInterval(more)
    res.end()
  }, 20)
  res.once('close', () => clearInterval(more))
}
