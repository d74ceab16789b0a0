// Calls and upstreams of client.test.ts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Fields } from '../../../../gateway/dataplane/http1/fields.ts'
import type { Trailers } from '../../../../gateway/dataplane/trailers.ts'
import type {
  BodySink,
  BodySource,
  UpstreamHandler,
  UpstreamStream,
} from '../../../../gateway/dataplane/upstream/transport.ts'

/** One call and all that was heard of it. */
export class Heard implements UpstreamHandler {
  stream: UpstreamStream | null = null
  status = 0
  interim: number[] = []
  body = ''
  headers: readonly string[] = []
  trailers: Trailers = null
  ends = 0
  error: (Error & { code?: string }) | null = null
  onHeadDo: (stream: UpstreamStream) => void = () => {}
  onStartDo: (stream: UpstreamStream) => void = () => {}

  onStart(stream: UpstreamStream): void {
    this.stream = stream
    this.onStartDo(stream)
  }
  onHead(stream: UpstreamStream, status: number, { raw }: Fields): void {
    assert.equal(this.ends, 0, 'a head behind the end')
    if (status < 200) this.interim.push(status)
    else {
      this.status = status
      this.headers = raw
      this.onHeadDo(stream)
    }
  }
  onData(_: UpstreamStream, bytes: Buffer): void {
    assert.equal(this.ends, 0, 'bytes behind the end')
    this.body += bytes.toString('latin1')
  }
  onEnd(trailers: Trailers): void {
    this.trailers = trailers
    this.ends += 1
  }
  onUpgrade(): void {
    assert.fail('nobody asked for an upgrade')
  }
  onError(error: Error): void {
    this.ends += 1
    this.error = error
  }
}

export class Upstream {
  readonly server: Server
  readonly sockets = new Set<Socket>()
  connections = 0
  most = 0
  /** Heads that came. */
  readonly heads: string[] = []

  constructor(answer: (socket: Socket, head: string, connection: number) => void) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.connections += 1
      const connection = this.connections
      this.sockets.add(socket)
      this.most = Math.max(this.most, this.sockets.size)
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
          // The bodies of the tests are a `b`.
          const head = text.slice(0, end).replace(/^b+/, '')
          text = text.slice(end + 4)
          if (!/^(?:GET|POST|HEAD) \//.test(head)) continue
          this.heads.push(head)
          answer(socket, head, connection)
        }
      })
    })
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
}

/** A body that the test feeds. */
export class Source implements BodySource {
  sink: BodySink | null = null
  feed: () => void = () => {}
  start(sink: BodySink): void {
    this.sink = sink
  }
  resume(): void {
    this.feed()
  }
  rewind(): boolean {
    return false
  }
}
