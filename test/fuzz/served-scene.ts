// A gateway of its own process in front of one upstream that speaks bytes, for inputs that are sent one after another.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { readRequestsStrictly, type StrictRequest } from './strict/request-reader.ts'

/** Ends an exchange that would else wait for good; longer than any answer takes. */
const patienceMs = 60_000

export interface Seen extends StrictRequest {
  /** One number for each connection. */
  readonly connection: number
}

export interface ServedScene {
  readonly gateway: TestGateway
  /** Whole requests that the upstream got, in their order. */
  readonly seen: Seen[]
  /** Bytes of the gateway that are no requests. */
  readonly faults: string[]
  /** What is said to a request; null closes the connection. */
  answer: (request: Seen, socket: Socket) => void
  /** Sends bytes; resolves with what came back once `enough` says so or the gateway closed the connection. */
  send(bytes: Buffer, enough: (received: string) => boolean): Promise<string>
  close(): Promise<void>
}

const upstreamSettings = {
  timeouts: { connectMs: 5_000, headersMs: 10_000, bodyIdleMs: 10_000 },
  retry: { attempts: 0 },
  health: {},
  breaker: { errorPercent: 0, maxConnections: 2 },
}

export async function createServedScene(): Promise<ServedScene> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => void sockets.delete(socket))
    socket.on('error', () => {})
    readFrom(scene, socket, connections)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const routes = [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }]
  const config = await createConfigDir({
    routes: { upstreams: { api: { targets: [{ url }], ...upstreamSettings } }, routes },
  })
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const scene: ServedScene = {
    gateway,
    seen: [],
    faults: [],
    answer: answerOk,
    send: (bytes, enough) => sendBytes(gateway.port, bytes, enough),
    async close() {
      await gateway.stop()
      for (const socket of sockets) socket.destroy()
      server.close()
      await config.remove()
    },
  }
  return scene
}

function readFrom(scene: ServedScene, socket: Socket, connection: number): void {
  let text = ''
  let told = 0
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    const { requests, end } = readRequestsStrictly(text)
    if (end === 'refused') scene.faults.push(text)
    const whole = requests.filter(({ complete }) => complete)
    for (const request of whole.slice(told)) {
      const seen = { ...request, connection }
      scene.seen.push(seen)
      scene.answer(seen, socket)
    }
    told = whole.length
  })
}

export function answerOk(request: Seen, socket: Socket): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.method === 'HEAD' ? '' : 'ok'}`)
}

async function sendBytes(
  port: number,
  bytes: Buffer,
  enough: (received: string) => boolean,
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  const over = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no end of ${JSON.stringify(received)}`)), patienceMs)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (enough(received)) socket.destroy()
    })
    // A reset is an end, too.
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  socket.write(bytes)
  if (enough('')) socket.destroy()
  await over
  return received
}
