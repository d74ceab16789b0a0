// A gateway in front of one upstream that is asked in three ways, and that does to a request for /hostile what the test says.
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'
import { type Does, ok } from './hostile-acts.ts'

/** How the gateway reaches the upstream. */
export const carriers = ['own', 'undici', 'tls'] as const
export type Carrier = (typeof carriers)[number]

export interface HostileScene {
  readonly gateway: TestGateway
  /** What is done to the next request for /hostile. */
  act: Does
  /** Those that it was done to and that are still open. */
  readonly bad: ReadonlySet<Socket>
  /** One request of tenant acme on a connection of its own; all that came back. */
  ask(carrier: Carrier, path: string): Promise<string>
  /** As many requests of tenant globex at once; those that got anything but the answer made for them. */
  askOthers(carrier: Carrier, count: number): Promise<string[]>
  /** Written so far in answer to each request for /big, in turn. */
  readonly bigWritten: readonly number[]
  rssBytes(): Promise<number>
  close(): Promise<void>
}

const settings = {
  timeouts: { connectMs: 1_000, headersMs: 400, bodyIdleMs: 400 },
  retry: { attempts: 0 },
  health: { passive: { failures: 100_000 } },
  // So few that a connection on which bytes are left over would soon carry another's request.
  breaker: { errorPercent: 0, maxConnections: 3 },
}

/** `bigBytes`: what is sent in answer to a request for /big. */
export async function createHostileScene(bigBytes: number): Promise<HostileScene> {
  let act: Does = () => {}
  const open = new Set<Socket>()
  const bad = new Set<Socket>()
  const bigWritten: number[] = []
  let tags = 0
  const serve = (socket: Socket, raw: Socket): void => {
    open.add(socket)
    socket.on('close', () => open.delete(socket) && bad.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const path = /^GET (\S+) /.exec(chunk.toString('latin1'))?.[1] ?? ''
      if (path.endsWith('/hostile')) {
        bad.add(socket)
        act(socket, () => raw.resetAndDestroy())
      } else if (path.endsWith('/big')) sendBig(socket, bigBytes, bigWritten)
      else socket.write(`${ok}Content-Length: ${path.length}\r\n\r\n${path}`)
    })
  }
  const config = await createConfigDir({ routes: {} })
  const shop = createCertificateShop(join(config.dir, 'tls'))
  const issued = shop.issue(shop.authority('one'), { names: 'IP:127.0.0.1' })
  const plain = await listen(createServer((socket) => serve(socket, socket)))
  const secureContext = createSecureContext(issued)
  const tls = await listen(
    createServer((raw) => {
      raw.on('error', () => {})
      serve(new TLSSocket(raw, { isServer: true, secureContext }), raw)
    }),
  )
  const upstreams = {
    own: { ...settings, targets: [{ url: `http://127.0.0.1:${portOf(plain)}` }] },
    undici: { ...settings, targets: [{ url: `http://127.0.0.1:${portOf(plain)}` }], transport: 'undici' },
    tls: {
      ...settings,
      targets: [{ url: `https://127.0.0.1:${portOf(tls)}` }],
      tls: { caFile: 'tls/one.ca.crt' },
    },
  }
  const routes = {
    tenancy: { baseDomains: ['example.com'] },
    tenants: [{ id: 'acme' }, { id: 'globex' }],
    upstreams,
    routes: carriers.map((id) => ({ id, paths: [`/${id}/*`], upstream: id, auth: 'none' })),
  }
  await writeFile(join(config.dir, 'routes.json'), JSON.stringify(routes))
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const send = (tenant: string, path: string): Promise<string> => {
    const head = `GET ${path} HTTP/1.1\r\nHost: ${tenant}.example.com\r\nConnection: close\r\n\r\n`
    return sendRaw(gateway.port, head, 10_000)
  }
  return {
    gateway,
    bad,
    bigWritten,
    set act(next: Does) {
      act = next
    },
    ask: (carrier, path) => send('acme', `/${carrier}${path}`),
    async askOthers(carrier, count) {
      const paths = Array.from({ length: count }, () => `/${carrier}/tag-${++tags}`)
      const answers = await Promise.all(paths.map((path) => send('globex', path)))
      return answers.filter(
        (answer, i) => !answer.startsWith('HTTP/1.1 200 ') || !answer.endsWith(`\r\n\r\n${paths[i]}`),
      )
    },
    async rssBytes() {
      const status = await readFile(`/proc/${gateway.process.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
    },
    async close() {
      await gateway.stop()
      for (const socket of open) socket.destroy()
      for (const server of [plain, tls]) server.close()
      await config.remove()
    },
  }
}

function sendBig(socket: Socket, bytes: number, written: number[]): void {
  socket.write(`${ok}Content-Length: ${bytes}\r\n\r\n`)
  const piece = Buffer.alloc(65_536)
  const at = written.push(0) - 1
  const more = (): void => {
    while ((written[at] as number) < bytes && !socket.destroyed) {
      written[at] = (written[at] as number) + piece.length
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
  }
  more()
}

async function listen<T extends Server>(server: T): Promise<T> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
