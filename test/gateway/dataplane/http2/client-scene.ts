// Upstreams by node:http2 and calls to them, for the tests of this folder.
import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Deadlines } from '../../../../gateway/dataplane/http1/deadlines.ts'
import { Http2Client } from '../../../../gateway/dataplane/http2/client.ts'
import { toTargetAddress } from '../../../../gateway/dataplane/upstream/target-address.ts'
import type {
  BodySink,
  BodySource,
  UpstreamRequest,
} from '../../../../gateway/dataplane/upstream/transport.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { Heard } from '../http1/client-scene.ts'

const timeouts = { connectMs: 2_000, headersMs: 5_000, bodyIdleMs: 5_000, keepAliveMs: 5_000 }

export type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

export class Http2Upstream {
  readonly server: Http2Server
  readonly sessions = new Set<ServerHttp2Session>()
  readonly streams: ServerHttp2Stream[] = []
  readonly paths: string[] = []
  connections = 0
  url = ''
  /** Streams open at once on one session. */
  most = 0

  constructor(answer: Answer, options: ServerOptions | SecureServerOptions = {}) {
    this.server =
      'cert' in options ? createSecureServer(options as SecureServerOptions) : createServer(options)
    this.server.on('session', (session) => {
      this.connections += 1
      this.sessions.add(session)
      session.on('close', () => this.sessions.delete(session))
      session.on('error', () => {})
    })
    const open = new Map<unknown, number>()
    this.server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const { session } = stream
      open.set(session, (open.get(session) ?? 0) + 1)
      this.most = Math.max(this.most, open.get(session) ?? 0)
      stream.on('close', () => open.set(session, (open.get(session) ?? 0) - 1))
      stream.on('error', () => {})
      this.streams.push(stream)
      this.paths.push(headers[':path'] ?? '')
      answer(stream, headers)
    })
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    const scheme = 'setSecureContext' in this.server ? 'https' : 'http'
    this.url = `${scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this.url
  }

  close(): void {
    this.server.close()
    for (const session of this.sessions) session.destroy()
  }
}

export function createClient(
  origin: string,
  over: Partial<typeof timeouts> = {},
  requests = 1_000,
): Http2Client {
  return new Http2Client({
    target: toTargetAddress(origin, null, null),
    requests,
    timeouts: { ...timeouts, ...over },
    deadlines: new Deadlines(),
  })
}

export function ask(
  client: Http2Client,
  path: string,
  over: Partial<UpstreamRequest> = {},
  heard = new Heard(),
): Heard {
  const request = { method: 'GET', path, headers: ['Host', 'a.test'], body: null, length: -1, upgrade: false }
  client.dispatch({ ...request, ...over }, heard)
  return heard
}

export function over(...calls: Heard[]): Promise<unknown> {
  return waitUntil(() => calls.every(({ ends }) => ends > 0))
}

/** A body that the test feeds, which can be given anew. */
export class Rewinding implements BodySource {
  sink: BodySink | null = null
  starts = 0
  rewinds = true
  feed: () => void = () => {}
  begin: (sink: BodySink) => void = () => {}
  start(sink: BodySink): void {
    this.starts += 1
    this.sink = sink
    this.begin(sink)
  }
  resume(): void {
    this.feed()
  }
  rewind(): boolean {
    return this.rewinds
  }
}
