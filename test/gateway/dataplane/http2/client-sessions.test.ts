// The sessions of the HTTP/2 client: how many, which one takes a request, and how they end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { Http2Client } from '../../../../gateway/dataplane/http2/client.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { Heard } from '../http1/client-scene.ts'
import { type Answer, ask, createClient, Http2Upstream, over, Rewinding } from './client-scene.ts'

const echo: Answer = (stream, headers) => {
  stream.respond({ ':status': 200 })
  stream.end(headers[':path'])
}

describe('the sessions of the HTTP/2 client', () => {
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

  it('never opens more streams than the server allows; the others wait and all are answered', async () => {
    await open((stream, headers) => setImmediate(() => echo(stream, headers)), {
      settings: { maxConcurrentStreams: 3 },
      requests: 2,
    })
    const calls = Array.from({ length: 50 }, (_, i) => ask(client, `/${i}`))
    await over(...calls)
    assert.deepEqual(
      calls.map(({ body }) => body),
      calls.map((_, i) => `/${i}`),
    )
    assert.ok(upstream.most <= 3, `${upstream.most}`)
    assert.ok(upstream.connections <= 2)
  })

  it('opens another session where one is full, and says which requests wait', async () => {
    await open(() => {}, { settings: { maxConcurrentStreams: 2 } })
    const waits = client.dispatch(
      { method: 'GET', path: '/', headers: [], body: null, length: -1, upgrade: false },
      new Heard(),
    )
    assert.equal(waits?.full, true)
    await waitUntil(() => upstream.streams.length === 1)
    for (let i = 0; i < 4; i++) ask(client, `/${i}`)
    await waitUntil(() => upstream.streams.length === 5)
    assert.equal(upstream.connections, 3)
  })

  it('says nothing to whoever left the line, and has the next one take its turn', async () => {
    await open(echo, { settings: { maxConcurrentStreams: 1 }, requests: 1 })
    const [one, other] = [new Heard(), new Heard()]
    const request = { method: 'GET', path: '/', headers: [], body: null, length: -1, upgrade: false }
    const place = client.dispatch(request, one)
    client.dispatch(request, other)
    place?.leave()
    await over(other)
    assert.deepEqual([other.status, one.ends, one.stream], [200, 0, null])
    assert.equal(upstream.streams.length, 1)
  })

  it('opens a bounded number of sessions to a server that allows no stream', async () => {
    await open(() => {}, { settings: { maxConcurrentStreams: 0 } })
    for (let i = 0; i < 200; i++) ask(client, `/${i}`)
    await waitUntil(() => upstream.connections >= 32)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(upstream.connections, 32)
    // None of them can be served: whoever sent them gives up after a while, as for any connection that is busy.
    assert.equal(upstream.streams.length, 0)
  })

  it('lets what is under way end behind a GOAWAY, and sends the next over a new session', async () => {
    const held: ServerHttp2Stream[] = []
    await open((stream, headers) => {
      if (headers[':path'] === '/held') held.push(stream)
      else echo(stream, headers)
    })
    const first = ask(client, '/held')
    await waitUntil(() => held.length === 1)
    held[0]?.session?.goaway(0)
    const next = ask(client, '/next')
    await over(next)
    assert.equal(next.body, '/next')
    held[0]?.respond({ ':status': 200 })
    held[0]?.end('late')
    await over(first)
    assert.deepEqual([first.status, first.body, first.error], [200, 'late', null])
    assert.equal(upstream.connections, 2)
  })

  it('sends what a GOAWAY says was not processed over a new session, bodies too', async () => {
    const held: ServerHttp2Stream[] = []
    const bodies: string[] = []
    let away = false
    await open((stream, headers) => {
      if (!away) {
        held.push(stream)
        if (held.length < 4) return
        // It acts on the first one alone.
        away = true
        held[0]?.session?.goaway(0, 1)
        held[0]?.respond({ ':status': 200 })
        held[0]?.end('/0')
        return
      }
      let body = ''
      stream.on('data', (bytes) => {
        body += bytes
      })
      stream.on('end', () => {
        bodies.push(body)
        echo(stream, headers)
      })
    })
    const source = new Rewinding()
    source.begin = (sink) => {
      sink.write(Buffer.from('streamed'))
      sink.end(null)
    }
    const calls = [
      ask(client, '/0'),
      ask(client, '/1'),
      ask(client, '/2', { method: 'POST', body: Buffer.from('whole'), length: 5 }),
      ask(client, '/3', { method: 'POST', body: source }),
    ]
    await over(...calls)
    assert.deepEqual(
      calls.map(({ body, error }) => [body, error]),
      ['/0', '/1', '/2', '/3'].map((path) => [path, null]),
    )
    assert.deepEqual(bodies.toSorted(), ['', 'streamed', 'whole'])
    assert.equal(source.starts, 2)
    assert.equal(upstream.connections, 2)
  })

  it('closes a session that nobody uses', async () => {
    await open(echo, { timeouts: { keepAliveMs: 200 } })
    await over(ask(client, '/'))
    await waitUntil(() => upstream.sessions.size === 0)
    await over(ask(client, '/again'))
    assert.equal(upstream.connections, 2)
  })

  it('opens others, however many connections only end what is under way on them', async () => {
    await open((stream) => stream.respond({ ':status': 200 }), {
      timeouts: { headersMs: 60_000, bodyIdleMs: 60_000 },
      requests: 100,
    })
    for (let i = 0; i < 40; i++) {
      ask(client, `/${i}`)
      await waitUntil(() => upstream.streams.length === i + 1)
      upstream.streams[i]?.session?.goaway(0)
    }
    assert.equal(upstream.connections, 40)
    for (const stream of upstream.streams) stream.end()
  })

  it('ends what is under way before it is closed', async () => {
    const held: ServerHttp2Stream[] = []
    await open((stream) => void held.push(stream))
    const heard = ask(client, '/')
    await waitUntil(() => held.length === 1)
    let closed = false
    const closing = client.close().then(() => {
      closed = true
    })
    await new Promise(setImmediate)
    assert.equal(closed, false)
    held[0]?.respond({ ':status': 200 })
    held[0]?.end('whole')
    await over(heard)
    assert.equal(heard.body, 'whole')
    await closing
  })
})

describe('the HTTP/2 client before a server that is none', () => {
  let server: Server
  let client: Http2Client
  const sockets = new Set<Socket>()

  async function open(serve: (socket: Socket) => void, timeouts = {}): Promise<void> {
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      serve(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    client = createClient(origin, timeouts)
  }
  afterEach(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await client.close()
  })

  const cases: [string, (socket: Socket) => void][] = [
    ['answers in HTTP/1.1', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['closes', (socket) => socket.end()],
    ['speaks first', (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n')],
    ['says what is no frame', (socket) => socket.write(Buffer.alloc(500, 255))],
  ]
  for (const [title, serve] of cases) {
    it(`says so when it ${title}, before a byte of the request was sent`, async () => {
      let got = ''
      await open((socket) => {
        socket.on('data', (bytes) => {
          got += bytes.toString('latin1')
        })
        serve(socket)
      })
      const heard = ask(client, '/secret', { headers: ['host', 'a', 'x-secret', 'plain'] })
      await over(heard)
      assert.equal(heard.stream, null)
      assert.equal(heard.error?.code, 'UPSTREAM_NOT_HTTP2')
      assert.match(heard.error?.message ?? '', /the server does not speak HTTP\/2: /)
      assert.doesNotMatch(got, /plain/)
    })
  }

  it('takes a reset for what it is', async () => {
    await open((socket) => socket.resetAndDestroy())
    const heard = ask(client, '/')
    await over(heard)
    assert.equal(heard.stream, null)
    // It depends on the moment whether the connection was up by then.
    assert.match(heard.error?.code ?? '', /^(?:ECONNRESET|UPSTREAM_NOT_HTTP2)$/)
  })

  it('waits no longer for SETTINGS than for a connection', async () => {
    await open((socket) => socket.resume(), { connectMs: 200 })
    const heard = ask(client, '/')
    await over(heard)
    assert.equal(heard.error?.code, 'UPSTREAM_CONNECT_TIMEOUT')
  })

  it('says that nobody listens', async () => {
    await open(() => {})
    server.close()
    await once(server, 'close')
    const calls = [ask(client, '/1'), ask(client, '/2')]
    await over(...calls)
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['ECONNREFUSED', 'ECONNREFUSED'],
    )
  })
})
