// The client of upstreams over real sockets: whose answer is whose, when a connection is used again, and how a call ends.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { Http1Client } from '../../../../gateway/dataplane/http1/client.ts'
import { Deadlines } from '../../../../gateway/dataplane/http1/deadlines.ts'
import { toTargetAddress } from '../../../../gateway/dataplane/upstream/target-address.ts'
import type { UpstreamRequest } from '../../../../gateway/dataplane/upstream/transport.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { createRandom, readSeed } from '../../../support/random.ts'
import { Heard, Source, Upstream } from './client-scene.ts'

const timeouts = { connectMs: 2_000, headersMs: 5_000, bodyIdleMs: 5_000, keepAliveMs: 5_000 }

const ok = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
const pathOf = (head: string): string => head.split(' ')[1] as string

describe('the client of an upstream', () => {
  let upstream: Upstream
  let client: Http1Client

  async function open(
    answer: (socket: Socket, head: string, connection: number) => void,
    over: { connections?: number; timeouts?: Partial<typeof timeouts> } = {},
  ): Promise<void> {
    upstream = new Upstream(answer)
    client = new Http1Client({
      target: toTargetAddress(await upstream.listen(), null, null),
      connections: over.connections ?? 4,
      timeouts: { ...timeouts, ...over.timeouts },
      deadlines: new Deadlines(),
      readBuffer: Buffer.allocUnsafeSlow(65_536),
    })
  }
  afterEach(async () => {
    upstream.server.close()
    const closed = client.close()
    for (const socket of upstream.sockets) socket.destroy()
    await closed
  })

  function ask(path: string, over: Partial<UpstreamRequest> = {}, heard = new Heard()): Heard {
    const request = { method: 'GET', path, headers: ['host', 'a'], body: null, length: -1, upgrade: false }
    client.dispatch({ ...request, ...over }, heard)
    return heard
  }
  const over = (...calls: Heard[]): Promise<unknown> => waitUntil(() => calls.every(({ ends }) => ends > 0))

  it('says nothing to whoever left the line, and has the next one take its turn', async () => {
    await open((socket, head) => socket.write(ok(pathOf(head))), { connections: 1 })
    const request = { method: 'GET', path: '/', headers: [], body: null, length: -1, upgrade: false }
    const [one, other] = [new Heard(), new Heard()]
    const queued = [client.dispatch(request, one), client.dispatch(request, other)]
    assert.deepEqual([queued[0]?.full, queued[1]?.full], [false, true])
    queued[0]?.leave()
    await over(other)
    assert.deepEqual([other.status, one.ends, one.stream], [200, 0, null])
    assert.equal(upstream.heads.length, 1)
  })

  it('uses a connection again, for one request at a time', async () => {
    await open((socket, head) => socket.write(ok(pathOf(head))))
    for (let i = 0; i < 5; i++) {
      const heard = ask(`/${i}`)
      await over(heard)
      assert.equal(heard.body, `/${i}`)
    }
    assert.equal(upstream.connections, 1)
  })

  it('opens no more connections than allowed; the others wait and all are answered', async () => {
    await open((socket, head) => void setImmediate(() => socket.write(ok(pathOf(head)))), { connections: 3 })
    const calls = Array.from({ length: 50 }, (_, i) => ask(`/${i}`))
    await over(...calls)
    assert.deepEqual(
      calls.map(({ body }) => body),
      calls.map((_, i) => `/${i}`),
    )
    assert.equal(upstream.connections, 3)
  })

  /** After each of them the connection must not be used again. */
  const last: [string, string][] = [
    ['Connection: close', ok('x', 'Connection: close\r\n')],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx'],
    ['surplus bytes', `${ok('x')}surplus`],
    ['a second answer', `${ok('x')}${ok('evil')}`],
    ['a surplus line end', `${ok('x')}\r\n`],
    ['a keep-alive time that is too short', ok('x', 'Keep-Alive: timeout=1\r\n')],
  ]
  for (const [title, bytes] of last) {
    it(`does not use a connection again behind ${title}`, async () => {
      await open((socket) => socket.write(bytes))
      for (let i = 0; i < 3; i++) {
        const heard = ask('/')
        await over(heard)
        assert.deepEqual([heard.error, heard.body], [null, 'x'])
      }
      assert.equal(upstream.connections, 3)
    })
  }

  it('gives up a connection on which bytes come that nobody asked for', async () => {
    await open((socket, _, connection) => {
      socket.write(ok('x'))
      if (connection === 1) setImmediate(() => setImmediate(() => socket.write(ok('evil'))))
    })
    await over(ask('/'))
    await waitUntil(() => upstream.sockets.size === 0)
    const heard = ask('/')
    await over(heard)
    assert.equal(heard.body, 'x')
    assert.equal(upstream.connections, 2)
  })

  it('loses no request that waits behind an answer with which the upstream closes', async () => {
    await open((socket, head) => void socket.end(ok(pathOf(head))), { connections: 2 })
    const post = { method: 'POST', body: Buffer.from('b'), length: 1 }
    const calls = Array.from({ length: 200 }, (_, i) => ask(`/${i}`, post))
    await over(...calls)
    assert.deepEqual(
      calls.map(({ body, error }) => error?.message ?? body),
      calls.map((_, i) => `/${i}`),
    )
    assert.equal(upstream.connections, 200)
  })

  it('believes no answer that came before its request', async () => {
    await open((socket, head) => socket.write(ok(pathOf(head))))
    upstream.server.prependOnceListener('connection', (socket) => socket.end(ok('evil')))
    const early = ask('/early')
    await over(early)
    assert.match(String(early.error?.message), /bytes that belong to no message/)
    const next = ask('/next')
    await over(next)
    assert.equal(next.body, '/next')
    assert.deepEqual(upstream.heads.map(pathOf), ['/next'])
  })

  it('does not connect again and again to an upstream that closes at once', async () => {
    await open(() => {})
    upstream.server.prependListener('connection', (socket) => socket.resetAndDestroy())
    const calls = Array.from({ length: 3 }, () => ask('/'))
    await over(...calls)
    assert.ok(calls.every(({ error, ends }) => error !== null && ends === 1))
    assert.equal(upstream.connections, 3)
  })

  it('gives nobody the bytes that came behind an answer while it was held back', async () => {
    await open(
      (socket, _, connection) => void socket.write(connection === 1 ? ok('x') + ok('evil') : ok('good')),
      { connections: 1 },
    )
    const first = new Heard()
    first.onHeadDo = (stream) => {
      stream.pause()
      setImmediate(() => stream.resume())
    }
    ask('/', {}, first)
    const second = ask('/')
    await over(first, second)
    assert.deepEqual([first.body, second.body], ['x', 'good'])
  })

  it('reads an answer to its end that was held back when the upstream closed', async () => {
    await open((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
    const heard = new Heard()
    heard.onHeadDo = (stream) => {
      stream.pause()
      setTimeout(() => stream.resume(), 100)
    }
    ask('/', {}, heard)
    await over(heard)
    assert.deepEqual([heard.error, heard.body], [null, 'all of it'])
  })

  /** Broken off at every byte of an answer. */
  it('ends a call with an error wherever the upstream breaks off', async () => {
    const whole = `HTTP/1.1 103 Hints\r\n\r\n${ok('hello')}`
    const cuts = Array.from({ length: whole.length }, (_, i) => i)
    await open((socket, head) => {
      const cut = Number(pathOf(head).slice(2))
      socket.write(whole.slice(0, cut))
      if (pathOf(head)[1] === 'f') socket.end()
      else setImmediate(() => socket.resetAndDestroy())
    })
    const calls = cuts.flatMap((cut) => [ask(`/f${cut}`), ask(`/r${cut}`)])
    await over(...calls)
    assert.deepEqual(
      calls.filter(({ error }) => error === null),
      [],
    )
  })

  it('passes interim answers on, then the final one', async () => {
    await open((socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n${ok('x')}`))
    const heard = ask('/')
    await over(heard)
    assert.deepEqual([heard.interim, heard.status, heard.body], [[100, 103], 200, 'x'])
  })

  it('says which time-out it was', async () => {
    await open(
      (socket, head) => {
        if (pathOf(head) === '/body') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
      },
      { timeouts: { headersMs: 150, bodyIdleMs: 150 } },
    )
    const calls = [ask('/head'), ask('/body')]
    await over(...calls)
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['UPSTREAM_HEADERS_TIMEOUT', 'UPSTREAM_BODY_TIMEOUT'],
    )
    await waitUntil(() => upstream.sockets.size === 0)
  })

  it('closes a connection that nobody uses', async () => {
    await open((socket) => socket.write(ok('x')), { timeouts: { keepAliveMs: 150 } })
    await over(ask('/'))
    await waitUntil(() => upstream.sockets.size === 0)
  })

  it('never sends a body of another length than it said', async () => {
    for (const bytes of ['toolong', 'no']) {
      await open(() => {})
      const source = new Source()
      const heard = ask('/', { method: 'POST', body: source, length: 5 })
      await waitUntil(() => source.sink !== null)
      source.sink?.write(Buffer.from(bytes))
      source.sink?.end(null)
      await over(heard)
      assert.equal(heard.error?.code, 'UPSTREAM_LENGTH_MISMATCH')
      await waitUntil(() => upstream.sockets.size === 0)
      if (bytes === 'toolong') {
        upstream.server.close()
        await client.close()
      }
    }
  })

  it('does not use a connection again whose answer came before the end of the request', async () => {
    await open((socket, head) => socket.write(ok(pathOf(head))))
    const source = new Source()
    const early = ask('/early', { method: 'POST', body: source, length: 100 })
    await over(early)
    assert.equal(early.body, '/early')
    source.sink?.write(Buffer.from(`GET /evil HTTP/1.1\r\n\r\n`))
    await over(ask('/next'))
    assert.equal(upstream.connections, 2)
    assert.doesNotMatch(upstream.heads.join('\n'), /evil/)
  })

  it('waits for a slow client, and not for an upstream that takes nothing', async () => {
    await open(
      (socket, head) => {
        if (pathOf(head) === '/stuck') socket.pause()
        else socket.write('HTTP/1.1 102 Processing\r\n\r\n')
      },
      { timeouts: { bodyIdleMs: 150, headersMs: 10_000 } },
    )
    const slow = new Source()
    const waiting = ask('/slow', { method: 'POST', body: slow })
    const stuck = new Source()
    const stalled = ask('/stuck', { method: 'POST', body: stuck })
    await waitUntil(() => stuck.sink !== null && slow.sink !== null)
    await waitUntil(() => waiting.interim.length === 1)
    stuck.feed = () => {
      while (stalled.ends === 0 && stuck.sink?.write(Buffer.alloc(65_536)));
    }
    stuck.feed()
    await over(stalled)
    assert.equal(stalled.error?.code, 'UPSTREAM_BODY_TIMEOUT')
    assert.equal(waiting.ends, 0)
  })

  it('hears of a call whose client left while it was queued, and sends nothing for it', async () => {
    const held: Socket[] = []
    await open((socket) => void held.push(socket), { connections: 1 })
    const first = ask('/first')
    await waitUntil(() => held.length === 1)
    const left = new Heard()
    left.onStartDo = (stream) => stream.abort(new Error('left'))
    ask('/left', {}, left)
    const next = ask('/next')
    held[0]?.write(ok('1'))
    await waitUntil(() => held.length === 2)
    held[1]?.write(ok('2'))
    await over(first, left, next)
    assert.deepEqual([first.body, left.error?.message, next.body], ['1', 'left', '2'])
    assert.deepEqual(upstream.heads.map(pathOf), ['/first', '/next'])
    assert.equal(upstream.connections, 1)
  })

  it('ends what is under way before it is closed', async () => {
    const held: Socket[] = []
    await open((socket) => void held.push(socket), { connections: 1 })
    const calls = [ask('/1'), ask('/2')]
    await waitUntil(() => held.length === 1)
    let closed = false
    const closing = client.close().then(() => {
      closed = true
    })
    held[0]?.write(ok('1'))
    await waitUntil(() => held.length === 2)
    assert.equal(closed, false)
    held[1]?.write(ok('2'))
    await closing
    assert.deepEqual(
      calls.map(({ body }) => body),
      ['1', '2'],
    )
  })

  it('tells all that wait when nobody listens', async () => {
    await open(() => {})
    upstream.server.close()
    await once(upstream.server, 'close')
    const calls = Array.from({ length: 20 }, () => ask('/'))
    await over(...calls)
    assert.ok(calls.every(({ error, ends }) => error?.code === 'ECONNREFUSED' && ends === 1))
  })

  const seed = readSeed()
  it(`never gives an answer to another call, whatever happens (AEGIS_TEST_SEED=${seed})`, async (t) => {
    const random = createRandom(seed)
    const misbehave = (socket: Socket, tag: string): void => {
      const text = ok(tag)
      const at = random.int(text.length)
      switch (random.int(14)) {
        case 0:
          return void socket.resetAndDestroy()
        case 1:
          return void socket.end()
        case 2:
          return void socket.end(text.slice(0, at))
        case 3:
          return void socket.write(text.slice(0, at), () => socket.destroy())
        case 4:
          return void socket.write(`${text}${ok('evil')}`)
        case 5:
          return void socket.end(text)
        case 6:
          return void socket.write(ok(tag, 'Connection: close\r\n'))
        case 7:
          return void socket.write(`HTTP/1.1 103 Hints\r\n\r\n${text}`)
        case 8:
          return void socket.write(text, () => setImmediate(() => socket.end()))
        case 9:
          socket.write(text.slice(0, at))
          return void setImmediate(() => socket.write(text.slice(at)))
        case 10:
          return void socket.write(
            `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${tag.length.toString(16)}\r\n${tag}\r\n0\r\n\r\n`,
          )
        default:
          return void socket.write(text)
      }
    }
    await open(
      (socket, head) => {
        const tag = pathOf(head)
        if (random.chance(0.3)) setImmediate(() => misbehave(socket, tag))
        else misbehave(socket, tag)
      },
      { connections: 8 },
    )
    const calls: { tag: string; heard: Heard }[] = []
    for (let i = 0; i < 4_000; i++) {
      const heard = new Heard()
      if (random.chance(0.15))
        heard.onHeadDo = (stream) => {
          stream.pause()
          setImmediate(() => (random.chance(0.2) ? stream.abort(new Error('left')) : stream.resume()))
        }
      if (random.chance(0.05)) heard.onStartDo = (stream) => stream.abort(new Error('left'))
      const post = random.chance(0.2)
      const tag = `/${i}.${'t'.repeat(random.int(50))}`
      ask(tag, post ? { method: 'POST', body: Buffer.from('b'), length: 1 } : {}, heard)
      calls.push({ tag, heard })
      if (random.chance(0.05)) setImmediate(() => heard.stream?.abort(new Error('left')))
      if (random.chance(0.2)) await new Promise((resolve) => setImmediate(resolve))
    }
    await waitUntil(() => calls.every(({ heard }) => heard.ends > 0), 30_000)
    await new Promise((resolve) => setImmediate(resolve))
    for (const { tag, heard } of calls) {
      assert.equal(heard.ends, 1, tag)
      assert.ok(tag.startsWith(heard.body), `${tag} got ${heard.body}`)
      if (heard.error === null) assert.equal(heard.body, tag)
    }
    const whole = calls.filter(({ heard }) => heard.error === null).length
    assert.ok(whole > 1_000)
    assert.ok(upstream.most <= 8 + 1, `${upstream.most} connections at once`)
    t.diagnostic(`${whole} of ${calls.length} answered whole over ${upstream.connections} connections`)
  })
})
