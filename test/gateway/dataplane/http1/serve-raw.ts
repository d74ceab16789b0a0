// Real sockets into ServerConnection, without the rest of the gateway: tests say what is served and by which limits.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { RequestFault } from '../../../../gateway/dataplane/downstream.ts'
import { Deadlines } from '../../../../gateway/dataplane/http1/deadlines.ts'
import { Pages } from '../../../../gateway/dataplane/http1/pages.ts'
import {
  type ConnectionLimits,
  ServerConnection,
} from '../../../../gateway/dataplane/http1/server-connection.ts'
import type { ServerStream } from '../../../../gateway/dataplane/http1/server-stream.ts'
import { waitUntil } from '../../../support/gateway.ts'

const defaults: ConnectionLimits = {
  headBytes: 16_384,
  fields: 100,
  requests: 0,
  headersMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
}

export interface Scene {
  readonly port: number
  /** Requests that were served, faults among them. */
  readonly streams: ServerStream[]
  /** How often each of them was over. */
  readonly ends: Map<ServerStream, number>
  readonly faults: RequestFault[]
  readonly connections: Set<ServerConnection>
  draining: boolean
  close(): Promise<void>
}

export type Serve = (stream: ServerStream) => void

/** Default: refuses faults as the gateway does, echoes method, target and body otherwise. */
export async function createScene(
  serve: Serve = echo,
  limits: Partial<ConnectionLimits> = {},
): Promise<Scene> {
  const deadlines = new Deadlines()
  const connections = new Set<ServerConnection>()
  const scene = {
    port: 0,
    streams: [] as ServerStream[],
    ends: new Map<ServerStream, number>(),
    faults: [] as RequestFault[],
    connections,
    draining: false,
    async close() {
      for (const connection of connections) connection.destroy()
      server.close()
      await waitUntil(() => connections.size === 0)
    },
  }
  const owner = {
    limits: { ...defaults, ...limits },
    deadlines,
    pages: new Pages(),
    draining: () => scene.draining,
    onClosed: (connection: ServerConnection) => void connections.delete(connection),
    onRequest(stream: ServerStream) {
      scene.streams.push(stream)
      stream.served = {
        onFault(fault) {
          scene.faults.push(fault)
          refuse(stream, fault.status)
        },
        onOver: () => void scene.ends.set(stream, (scene.ends.get(stream) ?? 0) + 1),
      }
      if (stream.head.fault !== null) return refuse(stream, stream.head.fault.status)
      serve(stream)
    },
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(new ServerConnection(owner, socket, null))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scene.port = (server.address() as AddressInfo).port
  return scene
}

export function answer(stream: ServerStream, body: string, last = false): void {
  stream.respond(200, ['content-length', String(Buffer.byteLength(body))], last)
  stream.end(body, null)
}

function refuse(stream: ServerStream, status: number): void {
  if (stream.ended) return
  stream.respond(status, ['content-length', '0'], true)
  stream.end(null, null)
}

export function echo(stream: ServerStream): void {
  const chunks: Buffer[] = []
  stream.read({
    onData: (bytes) => void chunks.push(Buffer.from(bytes)),
    onEnd: () => answer(stream, `${stream.head.method} ${stream.head.target} ${Buffer.concat(chunks)}`),
    onBroken: () => {},
  })
}

export interface RawClient {
  readonly socket: Socket
  received(): string
  closed(): boolean
}

export async function createClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  let closed = false
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  for (const event of ['end', 'close'])
    socket.on(event, () => {
      closed = true
    })
  await once(socket, 'connect')
  return { socket, received: () => received, closed: () => closed }
}
