// A gateway that speaks HTTP/2 on a plain listener, before an upstream that keeps the raw bytes it got.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttp2Client, type Http2Client } from '../support/http2-frames.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

export interface Http2Scene {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
  /** Raw bytes that the upstream got. */
  raw(): string
  seen(): string[]
  /** Forgets what the upstream got. */
  forget(): void
  connect(): Promise<Http2Client>
  metric(name: string): Promise<number>
  close(): Promise<void>
}

export interface SceneOptions {
  readonly limits?: object
  readonly timeouts?: object
  readonly trustedProxies?: string[]
  readonly handler?: (req: IncomingMessage, res: ServerResponse) => void
}

export async function createHttp2Scene(options: SceneOptions = {}): Promise<Http2Scene> {
  const { limits = {}, timeouts = {}, trustedProxies = [], handler } = options
  let raw = ''
  const upstream = await createUpstream(handler)
  upstream.server.on('connection', (socket: Socket) =>
    socket.on('data', (chunk) => {
      raw += chunk.toString('latin1')
    }),
  )
  const listeners = [{ name: 'public', host: '127.0.0.1', port: 0, http2: true }]
  const config = await createConfigDir(
    createSaas(upstream.url, { gateway: { listeners, limits, timeouts, trustedProxies } }),
  )
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const clients: Http2Client[] = []
  return {
    ...{ gateway, upstream },
    raw: () => raw,
    seen: () => upstream.seen.map(({ method, url }) => `${method} ${url}`),
    forget() {
      raw = ''
      upstream.seen.length = 0
    },
    async connect() {
      const client = await createHttp2Client(gateway.port)
      clients.push(client)
      return client
    },
    metric: async (name) =>
      parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).get(name) ?? 0,
    async close() {
      for (const client of clients) client.close()
      await gateway.stop()
      await Promise.all([upstream.close(), config.remove()])
    },
  }
}
