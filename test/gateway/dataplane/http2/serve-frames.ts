// Real sockets into Http2Connection, without the rest of the gateway: tests say what is served and by which limits.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { RequestFault } from '../../../../gateway/dataplane/downstream.ts'
import { Deadlines } from '../../../../gateway/dataplane/http1/deadlines.ts'
import { Pages } from '../../../../gateway/dataplane/http1/pages.ts'
import type { ConnectionLimits } from '../../../../gateway/dataplane/http1/server-connection.ts'
import { Http2Connection, type Http2Limits } from '../../../../gateway/dataplane/http2/connection.ts'
import { HpackEncoder } from '../../../../gateway/dataplane/http2/hpack-encoder.ts'
import type { Http2Stream } from '../../../../gateway/dataplane/http2/stream.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { type ClientOptions, createHttp2Client, type Http2Client } from '../../../support/http2-frames.ts'

const defaults: ConnectionLimits & Http2Limits = {
  headBytes: 16_384,
  fields: 100,
  requests: 0,
  headersMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
  streams: 100,
  windowBytes: 65_535,
  connectionWindowBytes: 131_072,
  resetsPerMinute: 100,
  emptyFramesPerMinute: 1_000,
}

export interface Scene {
  /** Requests that were served, faults among them. */
  readonly streams: Http2Stream[]
  /** How often each of them was over. */
  readonly ends: Map<Http2Stream, number>
  readonly faults: RequestFault[]
  readonly endings: string[]
  readonly connections: Set<Http2Connection>
  /** The gateway's side of each connection. */
  readonly sockets: Socket[]
  connect(options?: ClientOptions): Promise<Http2Client>
}

export type Serve = (stream: Http2Stream) => void

interface Test {
  after(callback: () => Promise<void>): void
}

/** Default: refuses faults as the gateway does, echoes method, target and body otherwise. */
export async function createScene(
  t: Test,
  limits: Partial<ConnectionLimits & Http2Limits> = {},
  serve: Serve = echo,
): Promise<Scene> {
  const all = { ...defaults, ...limits }
  const clients: Http2Client[] = []
  const scene: Scene = {
    ...{ streams: [], ends: new Map(), faults: [], endings: [], connections: new Set(), sockets: [] },
    async connect(options) {
      const client = await createHttp2Client((server.address() as AddressInfo).port, options)
      clients.push(client)
      return client
    },
  }
  const owner = {
    ...{
      limits: all,
      http2: all,
      deadlines: new Deadlines(),
      pages: new Pages(),
      encoder: new HpackEncoder(),
    },
    onEnding: (ending: string) => void scene.endings.push(ending),
    onClosed: (connection: Http2Connection) => void scene.connections.delete(connection),
    onRequest(stream: Http2Stream) {
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
    scene.sockets.push(socket)
    scene.connections.add(new Http2Connection(owner, socket, null))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    for (const client of clients) client.close()
    for (const connection of scene.connections) connection.destroy()
    server.close()
    await waitUntil(() => scene.connections.size === 0)
  })
  return scene
}

export function answer(stream: Http2Stream, body: string): void {
  stream.respond(200, ['content-length', String(Buffer.byteLength(body))], false)
  stream.end(body, null)
}

function refuse(stream: Http2Stream, status: number): void {
  stream.respond(status, ['content-length', '0'], true)
  stream.end(null, null)
}

export function echo(stream: Http2Stream): void {
  const chunks: Buffer[] = []
  stream.read({
    onData: (bytes) => void chunks.push(Buffer.from(bytes)),
    onEnd: () => answer(stream, `${stream.head.method} ${stream.head.target} ${Buffer.concat(chunks)}`),
    onBroken: () => {},
  })
}
