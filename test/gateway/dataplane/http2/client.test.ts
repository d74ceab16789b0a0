// The HTTP/2 client of upstreams over real sockets: whose answer is whose, which session takes it, and how a call ends.
import assert from 'node:assert/strict'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { afterEach, describe, it } from 'node:test'
import type { Http2Client } from '../../../../gateway/dataplane/http2/client.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { Heard } from '../http1/client-scene.ts'
import { type Answer, ask, createClient, Http2Upstream, over, Rewinding } from './client-scene.ts'

const echo: Answer = (stream, headers) => {
  stream.respond({ ':status': 200 })
  stream.end(headers[':path'])
}
const consume = (stream: ServerHttp2Stream): void => void stream.resume()

describe('the HTTP/2 client of an upstream', () => {
  let upstream: Http2Upstream
  let client: Http2Client

  async function open(
    answer: Answer,
    {
      timeouts = {},
      settings = {},
      requests = 1_000,
    }: {
      timeouts?: Parameters<typeof createClient>[1]
      settings?: { maxConcurrentStreams?: number; initialWindowSize?: number }
      requests?: number
    } = {},
  ): Promise<void> {
    upstream = new Http2Upstream(answer, { settings })
    client = createClient(await upstream.listen(), timeouts, requests)
  }
  afterEach(async () => {
    const closed = client.close()
    upstream.close()
    await closed
  })

  it('sends requests side by side over one session, each with its own answer', async () => {
    await open(echo)
    await over(ask(client, '/first'))
    const calls = Array.from({ length: 100 }, (_, i) => ask(client, `/${i}`))
    await over(...calls)
    assert.deepEqual(
      calls.map(({ body }) => body),
      calls.map((_, i) => `/${i}`),
    )
    assert.equal(upstream.connections, 1)
  })

  it('writes names in lower case, Host as :authority, a known length, and nothing of the connection', async () => {
    let seen: object = {}
    await open((stream, headers) => {
      seen = Object.fromEntries(Object.entries(headers))
      echo(stream, headers)
    })
    const headers = [
      'Host',
      'a.test:8',
      'X-Name',
      'caf\xe9',
      'X-Name',
      '2',
      'Cookie',
      'a=1; b=2',
      'te',
      'trailers',
    ]
    await over(ask(client, '/p?q', { method: 'POST', headers, body: Buffer.from('hi'), length: 2 }))
    assert.deepEqual(seen, {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/p?q',
      ':authority': 'a.test:8',
      'x-name': 'caf\xe9, 2',
      cookie: 'a=1; b=2',
      te: 'trailers',
      'content-length': '2',
    })
  })

  it('gives the head as it came, interim heads before it, and trailers behind the body', async () => {
    await open((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      const headers = { ':status': 201, 'x-a': 'caf\xe9', 'set-cookie': ['a=1', 'b=2'], date: 'then' }
      stream.respond(headers, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-b': ['1', '2'] }))
      stream.end('hello')
    })
    const heard = ask(client, '/')
    await over(heard)
    assert.deepEqual([heard.interim, heard.status, heard.body], [[103], 201, 'hello'])
    assert.deepEqual(heard.headers, [
      'x-a',
      'caf\xe9',
      'set-cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'date',
      'then',
    ])
    assert.deepEqual(heard.trailers, ['grpc-status', '0', 'x-b', '1', 'x-b', '2'])
  })

  it('says of an answer that is all head that it is over, within the same call', async () => {
    await open((stream) => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }))
    const heard = new Heard()
    let endsBehindHead = -1
    heard.onHeadDo = () =>
      queueMicrotask(() => {
        endsBehindHead = heard.ends
      })
    ask(client, '/', {}, heard)
    await over(heard)
    assert.equal(endsBehindHead, 1)
    assert.equal(heard.error, null)
  })

  it('sends a body as it comes, its trailers behind it, and answers flow meanwhile', async () => {
    const got: Buffer[] = []
    let trailers: object = {}
    await open((stream) => {
      stream.respond({ ':status': 200 })
      stream.on('data', (bytes: Buffer) => {
        got.push(bytes)
        stream.write(`got ${bytes.length};`)
      })
      stream.on('trailers', (headers) => {
        trailers = { ...headers }
      })
      stream.on('end', () => stream.end('end'))
    })
    const source = new Rewinding()
    const heard = ask(client, '/', { method: 'POST', body: source })
    await waitUntil(() => source.sink !== null)
    for (const text of ['one', 'three']) {
      source.sink?.write(Buffer.from(text))
      await waitUntil(() => heard.body.endsWith(`got ${text.length};`))
    }
    source.sink?.end(['X-Sum', '1', 'x-sum', '2', '__proto__', 'x'])
    await over(heard)
    assert.equal(heard.body, 'got 3;got 5;end')
    assert.equal(Buffer.concat(got).toString(), 'onethree')
    assert.deepEqual(Object.entries(trailers), [
      ['x-sum', '1, 2'],
      ['__proto__', 'x'],
    ])
  })

  it('tells a refused stream, which may be tried again, from one that was reset, which may not', async () => {
    await open((stream, headers) => stream.close(Number(headers[':path']?.slice(1))))
    const refused = ask(client, `/${constants.NGHTTP2_REFUSED_STREAM}`)
    const reset = ask(client, `/${constants.NGHTTP2_INTERNAL_ERROR}`)
    await over(refused, reset)
    assert.equal(refused.error?.code, 'UPSTREAM_UNPROCESSED')
    assert.equal(reset.error?.code, 'UPSTREAM_RESET')
    assert.match(reset.error?.message ?? '', /INTERNAL_ERROR/)
    assert.equal(upstream.connections, 1)
  })

  it('stops sending to a server that has answered, and hears the answer', async () => {
    await open((stream) => {
      stream.respond({ ':status': 413 })
      stream.end('no')
    })
    const source = new Rewinding()
    const heard = ask(client, '/', { method: 'POST', body: source, length: 1_000_000 })
    await over(heard)
    assert.deepEqual([heard.status, heard.body, heard.error], [413, 'no', null])
    await waitUntil(() => upstream.streams[0]?.closed)
    assert.equal(source.sink?.write(Buffer.from('more')), true)
  })

  it('never sends a body of another length than it said', async () => {
    await open(consume)
    for (const bytes of ['toolong', 'no']) {
      const source = new Rewinding()
      const heard = ask(client, '/', { method: 'POST', body: source, length: 5 })
      await waitUntil(() => source.sink !== null)
      source.sink?.write(Buffer.from(bytes))
      source.sink?.end(null)
      await over(heard)
      assert.equal(heard.error?.code, 'UPSTREAM_LENGTH_MISMATCH')
    }
    await waitUntil(() => upstream.streams.every(({ closed }) => closed))
  })

  for (const [name, value] of [
    ['x', 'a\r\nb'],
    ['x', 'a\0evil\0b'],
    ['x', 'a\nb'],
    ['a b', '1'],
    [':path', '/evil'],
    ['connection', 'x'],
    ['transfer-encoding', 'chunked'],
    ['te', 'gzip'],
  ] as const) {
    it(`sends nothing of a request with ${JSON.stringify(name)}: ${JSON.stringify(value)}`, async () => {
      await open(echo)
      const heard = ask(client, '/', { headers: ['host', 'a', name, value] })
      await over(heard)
      assert.equal(heard.error?.code, 'UPSTREAM_UNSENDABLE')
      await over(ask(client, '/next'))
      assert.deepEqual(upstream.paths, ['/next'])
    })
  }

  for (const path of ['/a b', '/a\r\nb', '/\0', '/caf\xe9']) {
    it(`sends nothing of a request for ${JSON.stringify(path)}`, async () => {
      await open(echo)
      const heard = ask(client, path)
      await over(heard)
      assert.equal(heard.error?.code, 'UPSTREAM_UNSENDABLE')
      assert.deepEqual(upstream.paths, [])
    })
  }

  it('cancels the stream of a client that left, and no other', async () => {
    await open((stream, headers) => {
      if (headers[':path'] === '/left') stream.respond({ ':status': 200 })
      else setImmediate(() => echo(stream, headers))
    })
    const left = ask(client, '/left')
    await waitUntil(() => left.status === 200)
    const other = ask(client, '/other')
    left.stream?.abort(new Error('left'))
    assert.equal(left.error?.message, 'left')
    await over(other)
    assert.equal(other.body, '/other')
    await waitUntil(() => upstream.streams[0]?.rstCode === constants.NGHTTP2_CANCEL)
    assert.equal(upstream.connections, 1)
  })

  it('sends nothing for a client that left while it waited', async () => {
    await open(echo)
    const left = new Heard()
    left.onStartDo = (stream) => stream.abort(new Error('left'))
    ask(client, '/left', {}, left)
    await over(left, ask(client, '/next'))
    assert.equal(left.error?.message, 'left')
    assert.deepEqual(upstream.paths, ['/next'])
  })

  it('says nothing more while it is paused, and loses nothing', async () => {
    const body = 'b'.repeat(2_000_000)
    await open((stream) => {
      stream.respond({ ':status': 200 })
      stream.end(body)
    })
    const heard = new Heard()
    heard.onHeadDo = (stream) => stream.pause()
    ask(client, '/', {}, heard)
    await waitUntil(() => heard.status === 200)
    await over(ask(client, '/', {}, new Heard()))
    // The server has sent what the window allows, and waits.
    const sent = upstream.streams[0]?.session?.socket.bytesWritten ?? 0
    assert.ok(sent < 2_500_000 + 300_000, `${sent}`)
    assert.equal(heard.body, '')
    heard.stream?.resume()
    await over(heard)
    assert.equal(heard.body.length, body.length)
  })

  it('has the source wait for a server that takes nothing', async () => {
    await open(() => {}, { timeouts: { bodyIdleMs: 300 } })
    const source = new Rewinding()
    const heard = ask(client, '/', { method: 'POST', body: source })
    await waitUntil(() => source.sink !== null)
    let written = 0
    while (source.sink?.write(Buffer.alloc(16_384))) written += 16_384
    assert.ok(written < 1_000_000, `${written}`)
    await over(heard)
    assert.equal(heard.error?.code, 'UPSTREAM_BODY_TIMEOUT')
    // The server is alive: the next request goes over the same connection.
    await waitUntil(() => upstream.streams[0]?.closed)
    assert.equal(upstream.connections, 1)
  })

  it('gives up on a server that does not answer in time, and on a body that stops', async () => {
    await open(
      (stream, headers) => {
        if (headers[':path'] !== '/body') return
        stream.respond({ ':status': 200 })
        stream.write('some')
      },
      { timeouts: { headersMs: 300, bodyIdleMs: 500 } },
    )
    const [head, body] = [ask(client, '/head'), ask(client, '/body')]
    await over(head, body)
    assert.equal(head.error?.code, 'UPSTREAM_HEADERS_TIMEOUT')
    assert.equal(body.error?.code, 'UPSTREAM_BODY_TIMEOUT')
  })

  it('does not cut off a stream on which either side still says something', async () => {
    await open(
      (stream) => {
        stream.respond({ ':status': 200 })
        stream.on('data', () => {})
        stream.on('end', () => stream.end('end'))
      },
      { timeouts: { headersMs: 200, bodyIdleMs: 400 } },
    )
    const source = new Rewinding()
    const heard = ask(client, '/', { method: 'POST', body: source })
    await waitUntil(() => heard.status === 200)
    for (let i = 0; i < 15; i++) {
      source.sink?.write(Buffer.from('ping'))
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    source.sink?.end(null)
    await over(heard)
    assert.deepEqual([heard.body, heard.error], ['end', null])
  })

  it('breaks every answer off when its connection breaks', async () => {
    await open((stream, headers) => {
      if (headers[':path'] === '/head') return
      stream.respond({ ':status': 200 })
      stream.write('some')
    })
    const [head, body] = [ask(client, '/head'), ask(client, '/body')]
    await waitUntil(() => body.body === 'some' && upstream.streams.length === 2)
    for (const session of upstream.sessions) session.socket.destroy()
    await over(head, body)
    assert.deepEqual([head.error?.code, body.error?.code], ['UPSTREAM_RESET', 'UPSTREAM_RESET'])
  })

  it('refuses a WebSocket', async () => {
    await open(echo)
    const heard = ask(client, '/', { upgrade: true })
    assert.equal(heard.error?.code, 'UPSTREAM_NO_TUNNEL')
  })
})
