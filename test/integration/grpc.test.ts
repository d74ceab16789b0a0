// gRPC through the running gateway, HTTP/2 on both sides: real clients and servers by node:http2, messages with their five-byte
// prefix written by hand.
import assert from 'node:assert/strict'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Http2Upstream } from '../gateway/dataplane/http2/client-scene.ts'
import { frame, headers, RawUpstream, reset, status, types } from '../gateway/dataplane/http2/raw-upstream.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { jwtEntry } from '../support/saas.ts'

function message(text: string | Buffer): Buffer {
  const body = Buffer.from(text as string)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

/** The messages in these bytes; an unfinished one is left out. */
function readMessages(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1)
    if (at + 5 + length > bytes.length) break
    found.push(bytes.toString('latin1', at + 5, at + 5 + length))
    at += 5 + length
  }
  return found
}

interface Call {
  readonly stream: ClientHttp2Stream
  head: IncomingHttpHeaders
  trailers: IncomingHttpHeaders
  bytes: Buffer
  readonly messages: string[]
  ended: boolean
  closed: boolean
  /** The head was all of the answer. */
  trailersOnly: boolean
}

const ok = { ':status': 200, 'content-type': 'application/grpc+proto' }

function finish(stream: ServerHttp2Stream, status = '0', text = ''): void {
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': status, 'grpc-message': text, 'x-own-bin': 'AAE=' }),
  )
  stream.end()
}

/** By path: what a service does with a call. */
const methods: Record<string, (stream: ServerHttp2Stream) => void> = {
  '/t/unary': (stream) => {
    const got: Buffer[] = []
    stream.on('data', (bytes: Buffer) => got.push(bytes))
    stream.on('end', () => {
      stream.respond(ok, { waitForTrailers: true })
      stream.write(message(`hello ${readMessages(Buffer.concat(got))[0]}`))
      finish(stream)
    })
  },
  '/t/count': (stream) => {
    stream.respond(ok, { waitForTrailers: true })
    for (let i = 0; i < 5; i++) stream.write(message(`${i}`))
    finish(stream)
  },
  '/t/collect': (stream) => {
    const got: Buffer[] = []
    stream.on('data', (bytes: Buffer) => got.push(bytes))
    stream.on('end', () => {
      stream.respond(ok, { waitForTrailers: true })
      stream.write(message(readMessages(Buffer.concat(got)).join(',')))
      finish(stream)
    })
  },
  '/t/talk': (stream) => {
    stream.respond(ok, { waitForTrailers: true })
    stream.on('data', (bytes: Buffer) => {
      for (const text of readMessages(bytes)) stream.write(message(`re ${text}`))
    })
    stream.on('end', () => finish(stream))
  },
  '/t/fail': (stream) => {
    const end = { ...ok, 'grpc-status': '5', 'grpc-message': 'no %F0%9F%98%80' }
    stream.respond(end, { endStream: true })
  },
  '/t/early': (stream) => {
    stream.respond(ok, { waitForTrailers: true })
    finish(stream, '8')
    setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), 50)
  },
  '/t/drops': (stream) => {
    stream.respond(ok)
    stream.write(message('some'), () =>
      setTimeout(() => (stream.session as { socket?: { destroy(): void } })?.socket?.destroy(), 50),
    )
  },
  '/t/hangs': (stream) => stream.respond(ok),
}

describe('gRPC', () => {
  let gateway: TestGateway
  let remove: () => Promise<void>
  let upstream: Http2Upstream
  // Node's own server ends a stream that it is told to reset.
  let raw: RawUpstream
  let session: ClientHttp2Session
  let seen: IncomingHttpHeaders = {}

  before(async () => {
    upstream = new Http2Upstream((stream, head) => {
      seen = head
      methods[head[':path'] ?? '']?.(stream)
    })
    raw = new RawUpstream((to, id) => {
      const head = headers(id, 0, status(200), ['content-type', 'application/grpc'])
      to.send(head, frame(types.data, 0, id, message('some')), reset(id, constants.NGHTTP2_INTERNAL_ERROR))
    })
    const targets = [{ url: await upstream.listen() }]
    const breaker = { errorPercent: 0 }
    const health = { passive: { failures: 100_000 } }
    const timeouts = { connectMs: 2_000, headersMs: 1_500, bodyIdleMs: 1_500 }
    const config = await createConfigDir({
      gateway: { listeners: [{ name: 'public', host: '127.0.0.1', port: 0, http2: true }] },
      routes: {
        upstreams: {
          api: { transport: 'http2', targets, breaker, health },
          impatient: { transport: 'http2', targets, breaker, health, timeouts },
          raw: { transport: 'http2', targets: [{ url: await raw.listen() }], breaker, health },
          away: { transport: 'http2', targets: [{ url: 'http://127.0.0.1:1' }], breaker },
        },
        routes: [
          { id: 'api', paths: ['/t/*'], upstream: 'api', auth: 'none' },
          {
            id: 'slow',
            paths: ['/slow/*'],
            upstream: 'impatient',
            auth: 'none',
            rewrite: { stripPrefix: '/slow' },
          },
          { id: 'raw', paths: ['/raw/*'], upstream: 'raw', auth: 'none' },
          { id: 'away', paths: ['/away'], upstream: 'away', auth: 'none' },
          { id: 'closed', paths: ['/closed'], upstream: 'api' },
        ],
      },
      plugins: [jwtEntry, { id: 'observability', plugin: 'observability' }],
    })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  beforeEach(() => {
    session = connect(gateway.url)
    session.on('error', () => {})
  })
  after(async () => {
    session.destroy()
    await gateway.stop()
    upstream.close()
    raw.close()
    await remove()
  })

  function begin(path: string, more: IncomingHttpHeaders = {}): Call {
    const headers = {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
    }
    const stream = session.request({ ...headers, ...more })
    const call: Call = {
      ...{ stream, head: {}, trailers: {}, bytes: Buffer.alloc(0), ended: false, closed: false },
      trailersOnly: false,
      get messages() {
        return readMessages(this.bytes)
      },
    }
    stream.on('response', (head, flags) => {
      call.head = head
      call.trailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    })
    stream.on('trailers', (trailers) => {
      call.trailers = trailers
    })
    stream.on('data', (bytes: Buffer) => {
      call.bytes = Buffer.concat([call.bytes, bytes])
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      call.closed = true
    })
    return call
  }
  const over = (call: Call) => waitUntil(() => call.closed)
  const line = (path: string) => waitUntil(() => gateway.logs().find((one) => one.path === path))

  test('calls get their answer and its trailers', async () => {
    const call = begin('/t/unary', {
      'grpc-timeout': '5S',
      'x-meta-bin': 'AAE=',
      'user-agent': 'grpc-test/1',
    })
    call.stream.end(message('ada'))
    await over(call)
    assert.deepEqual(call.messages, ['hello ada'])
    assert.equal(call.head['content-type'], 'application/grpc+proto')
    assert.deepEqual([call.trailers['grpc-status'], call.trailers['x-own-bin']], ['0', 'AAE='])
    assert.equal(call.stream.rstCode, constants.NGHTTP2_NO_ERROR)
    assert.deepEqual(
      [seen.te, seen['grpc-timeout'], seen['x-meta-bin'], seen['content-type'], seen['user-agent']],
      ['trailers', '5S', 'AAE=', 'application/grpc+proto', 'grpc-test/1'],
    )
  })

  test('streams flow in either direction', async () => {
    const down = begin('/t/count')
    down.stream.end(message('go'))
    const up = begin('/t/collect')
    for (let i = 0; i < 5; i++) up.stream.write(message(`${i}`))
    up.stream.end()
    await Promise.all([over(down), over(up)])
    assert.deepEqual(down.messages, ['0', '1', '2', '3', '4'])
    assert.deepEqual(up.messages, ['0,1,2,3,4'])
    assert.deepEqual([down.trailers['grpc-status'], up.trailers['grpc-status']], ['0', '0'])
  })

  test('streams flow in both directions at once, each message answered before the next is sent', async () => {
    const call = begin('/t/talk')
    for (let i = 0; i < 10; i++) {
      call.stream.write(message(`m${i}`))
      await waitUntil(() => call.messages.at(-1) === `re m${i}`)
    }
    call.stream.end()
    await over(call)
    assert.equal(call.messages.length, 10)
    assert.equal(call.trailers['grpc-status'], '0')
  })

  test('messages of megabytes arrive as they were sent', async () => {
    const call = begin('/t/unary')
    const large = Buffer.alloc(4_000_000, 'abcdefg')
    call.stream.end(message(large))
    await over(call)
    assert.equal(call.messages[0], `hello ${large.toString('latin1')}`)
    assert.equal(call.trailers['grpc-status'], '0')
  })

  test('an answer that is all trailers stays one', async () => {
    const call = begin('/t/fail')
    call.stream.end(message('x'))
    await over(call)
    assert.equal(call.trailersOnly, true)
    assert.deepEqual([call.head['grpc-status'], call.head['grpc-message']], ['5', 'no %F0%9F%98%80'])
    assert.deepEqual(call.trailers, {})
  })

  test('a service that has answered early is heard, though the client still sends', async () => {
    const call = begin('/t/early')
    call.stream.write(message('one of many'))
    await over(call)
    assert.equal(call.trailers['grpc-status'], '8')
  })

  test('a call that the client cancels is cancelled at the service', async () => {
    const call = begin('/t/hangs')
    call.stream.write(message('x'))
    await waitUntil(() => Number(call.head[':status']) === 200)
    const stream = upstream.streams.at(-1)
    call.stream.close(constants.NGHTTP2_CANCEL)
    await waitUntil(() => stream?.rstCode === constants.NGHTTP2_CANCEL)
  })

  for (const path of ['/raw/resets', '/t/drops']) {
    test(`a service that ${path.split('/')[2]} within its answer has the call reset, not ended`, async () => {
      const call = begin(path)
      call.stream.end(message('x'))
      await over(call)
      assert.notEqual(call.stream.rstCode, constants.NGHTTP2_NO_ERROR)
      assert.equal(call.trailers['grpc-status'], undefined)
    })
  }

  test('a stream that says something now and then is not cut off, a silent one is', async () => {
    const talking = begin('/slow/t/talk')
    const silent = begin('/slow/t/talk')
    for (let i = 0; i < 10; i++) {
      talking.stream.write(message(`m${i}`))
      await waitUntil(() => talking.messages.length === i + 1)
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
    talking.stream.end()
    await Promise.all([over(talking), over(silent)])
    assert.equal(talking.trailers['grpc-status'], '0')
    assert.notEqual(silent.stream.rstCode, constants.NGHTTP2_NO_ERROR)
  })

  const refusals: [string, string, number, string][] = [
    ['/closed', '16', 401, 'AEGIS_'],
    ['/none', '12', 404, 'AEGIS_NO_ROUTE'],
    ['/away', '14', 502, 'AEGIS_UPSTREAM_UNREACHABLE'],
  ]
  for (const [path, status, logged, code] of refusals) {
    test(`the gateway's own ${logged} is told as ${status}, in one frame`, async () => {
      const call = begin(path)
      call.stream.end(message('x'))
      await over(call)
      assert.deepEqual([call.head[':status'], call.head['content-type']], [200, 'application/grpc+proto'])
      assert.equal(call.head['grpc-status'], status)
      assert.ok(call.head['grpc-message']?.includes(code))
      assert.equal(call.trailersOnly, true)
      assert.equal((await line(path)).status, logged)
    })
  }
})
