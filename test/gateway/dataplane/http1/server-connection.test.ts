// Connections of clients over real sockets: what is served, in which order, and how a connection ends.
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { ConnectionLimits } from '../../../../gateway/dataplane/http1/server-connection.ts'
import type { ServerStream } from '../../../../gateway/dataplane/http1/server-stream.ts'
import { waitUntil } from '../../../support/gateway.ts'
import {
  answer,
  createClient,
  createScene,
  echo,
  type RawClient,
  type Scene,
  type Serve,
} from './serve-raw.ts'

const host = 'Host: a\r\n'
const get = (target = '/', headers = ''): string => `GET ${target} HTTP/1.1\r\n${host}${headers}\r\n`
const post = (body: string, headers = ''): string =>
  `POST /p HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n${headers}\r\n${body}`

describe('a connection of a client', () => {
  let scene: Scene
  let client: RawClient

  async function open(serve: Serve = echo, limits: Partial<ConnectionLimits> = {}): Promise<void> {
    scene = await createScene(serve, limits)
    client = await createClient(scene.port)
  }
  afterEach(async () => {
    client.socket.destroy()
    await scene.close()
    for (const stream of scene.streams) assert.equal(scene.ends.get(stream), 1, 'every request is over once')
  })
  const answers = (): string[] => client.received().match(/HTTP\/1\.\d \d+/g) ?? []
  const bodies = (): string[] =>
    [...client.received().matchAll(/\r\n\r\n([^\r]*?)(?=HTTP\/1|$)/g)].map(([, body]) => body as string)

  it('answers requests in their order, however they were answered', async () => {
    const held: ServerStream[] = []
    await open((stream) => void held.push(stream))
    client.socket.write(get('/1') + get('/2') + get('/3'))
    for (let i = 1; i <= 3; i++) {
      await waitUntil(() => held.length === i)
      // The next one is not begun before this one is answered.
      answer(held[i - 1] as ServerStream, held[i - 1]?.head.target as string)
    }
    await waitUntil(() => answers().length === 3)
    assert.deepEqual(bodies(), ['/1', '/2', '/3'])
  })

  it('reads thousands of pipelined requests without growing the stack or holding up others', async () => {
    let served = 0
    let servedBefore = 0
    await open((stream) => {
      served += 1
      if (stream.head.target === '/other') servedBefore = served
      answer(stream, 'x')
    })
    const other = await createClient(scene.port)
    client.socket.once('data', () => other.socket.write(get('/other')))
    client.socket.write(get().repeat(20_000))
    await waitUntil(() => served === 20_001, 20_000)
    // It was 2,500: all that had come in one read went first.
    assert.ok(servedBefore < 1_000, `${servedBefore}`)
    other.socket.destroy()
  })

  it('keeps little in memory of a client that pipelines without end and reads nothing', async () => {
    const body = 'b'.repeat(4_000)
    await open((stream) => answer(stream, body))
    client.socket.pause()
    const requests = get().repeat(2_000)
    for (let i = 0; i < 300; i++) client.socket.write(requests)
    let seen = -1
    await waitUntil(() => {
      const steady = seen === scene.streams.length && seen > 0
      seen = scene.streams.length
      return steady
    })
    // Reading stops once the kernel takes no more answers: the rest stays with the client.
    assert.ok(scene.streams.length < 5_000, `${scene.streams.length}`)
    assert.ok(client.socket.writableLength > requests.length * 100)
    client.socket.destroy()
    await waitUntil(() => scene.connections.size === 0)
    scene.streams.splice(0)
  })

  it('cuts off a client that reads nothing, though each answer is small', async () => {
    await open((stream) => answer(stream, 'b'.repeat(4_000)), { idleMs: 150 })
    client.socket.pause()
    client.socket.write(get().repeat(5_000))
    await waitUntil(() => scene.connections.size === 0, 5_000)
  })

  it('cuts off a client that reads nothing of a large answer', async () => {
    await open(
      (stream) => {
        stream.respond(200, [], false)
        const bytes = Buffer.alloc(65_536)
        const more = (): void => {
          if (stream.write(bytes)) setImmediate(more)
          else stream.onDrain(more)
        }
        more()
      },
      { idleMs: 150 },
    )
    client.socket.pause()
    client.socket.write(get())
    await waitUntil(() => scene.connections.size === 0, 5_000)
  })

  it('reads the body of a refused request away and serves what is behind it', async () => {
    await open((stream) => (stream.head.method === 'POST' ? answer(stream, 'no') : echo(stream)))
    client.socket.write(post(get('/hidden').repeat(100)) + get('/next'))
    await waitUntil(() => answers().length === 2)
    assert.deepEqual(bodies(), ['no', 'GET /next '])
    assert.equal(scene.streams.length, 2)
  })

  it('closes behind a refused request whose body is too long to be read away', async () => {
    await open((stream) => answer(stream, 'no'))
    client.socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: 5000000\r\n\r\n`)
    await waitUntil(() => answers().length === 1)
    assert.match(client.received(), /connection: close/)
    client.socket.write('b'.repeat(3_000_000))
    await waitUntil(() => scene.connections.size === 0)
    assert.equal(scene.streams.length, 1)
  })

  it('closes behind a refused request whose body nobody can measure', async () => {
    await open((stream) => answer(stream, 'no'))
    client.socket.write(
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${get('/hidden')}`,
    )
    await waitUntil(() => client.closed())
    assert.match(client.received(), /connection: close/)
    assert.equal(scene.streams.length, 1)
  })

  it('closes behind a refused request whose body was not asked for: it may come or not', async () => {
    await open((stream) => answer(stream, 'no'))
    const hidden = get('/hidden')
    client.socket.write(
      `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: ${hidden.length}\r\n\r\n`,
    )
    await waitUntil(() => answers().length === 1)
    assert.match(client.received(), /connection: close/)
    client.socket.write(`${hidden}${hidden}`)
    await waitUntil(() => client.closed())
    assert.equal(scene.streams.length, 1)
  })

  it('lets a client that was refused read its answer, and goes if it does not leave', async () => {
    await open((stream) => answer(stream, 'no', true))
    client.socket.write(get())
    await waitUntil(() => client.closed())
    client.socket.write('more')
    await waitUntil(() => scene.connections.size === 0, 5_000)
    assert.equal(answers().length, 1)
  })

  it('gives a refused body only so long, even where requests may take any time', async () => {
    await open((stream) => answer(stream, 'no'), { requestMs: 0, idleMs: 150 })
    client.socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n`)
    await waitUntil(() => answers().length === 1)
    await waitUntil(() => scene.connections.size === 0, 5_000)
  })

  it('answers 408 to a head that is late, and to a body', async () => {
    await open(echo, { headersMs: 150, requestMs: 150 })
    client.socket.write('GET / HTTP/1.1\r\n')
    await waitUntil(() => client.closed())
    assert.deepEqual(answers(), ['HTTP/1.1 408'])
    const other = await createClient(scene.port)
    other.socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\nhello`)
    await waitUntil(() => other.closed())
    assert.match(other.received(), /^HTTP\/1\.1 408/)
    assert.deepEqual(
      scene.faults.map(({ status }) => status),
      [408],
    )
  })

  it('closes a connection that says nothing, at its beginning and behind a request', async () => {
    await open(echo, { headersMs: 150, idleMs: 150 })
    await waitUntil(() => client.closed())
    assert.equal(client.received(), '')
    const other = await createClient(scene.port)
    other.socket.write(get())
    await waitUntil(() => other.closed())
    assert.match(other.received(), /^HTTP\/1\.1 200/)
  })

  it('gives the next head its own time', async () => {
    await open(echo, { headersMs: 150 })
    client.socket.write(`${get()}GET /late`)
    await waitUntil(() => client.closed())
    assert.deepEqual(answers(), ['HTTP/1.1 200', 'HTTP/1.1 408'])
  })

  it('answers a fault within a body only where no answer was begun', async () => {
    await open((stream) => {
      if (stream.head.target !== '/begun') return echo(stream)
      stream.read({ onData: () => {}, onEnd: () => {}, onBroken: () => {} })
      stream.respond(200, [], false)
      stream.flush()
      stream.served = { onFault: () => stream.breakOff(), onOver: () => void scene.ends.set(stream, 1) }
    })
    const chunked = (target: string): string =>
      `POST ${target} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n`
    client.socket.write(chunked('/') + get('/hidden'))
    await waitUntil(() => client.closed())
    assert.deepEqual(answers(), ['HTTP/1.1 400'])
    const other = await createClient(scene.port)
    other.socket.write(chunked('/begun') + get('/hidden'))
    await waitUntil(() => other.closed())
    assert.doesNotMatch(other.received(), /0\r\n\r\n|400/)
    assert.equal(scene.streams.length, 2)
  })

  it('serves as many requests as allowed', async () => {
    await open(echo, { requests: 2 })
    client.socket.write(get('/1') + get('/2') + get('/3'))
    await waitUntil(() => client.closed())
    assert.deepEqual(bodies(), ['GET /1 ', 'GET /2 '])
    assert.equal(client.received().match(/connection: close/g)?.length, 1)
  })

  it('takes a client that closes its side for gone, unless its answer is on its way', async () => {
    await open(() => {})
    client.socket.end(get())
    await waitUntil(() => scene.connections.size === 0)
    assert.equal(client.received(), '')
    const stream = scene.streams[0] as ServerStream
    assert.equal(stream.answered, false)
  })

  it('does not take an answer for sent that the client never got', async () => {
    await open((stream) => answer(stream, 'b'.repeat(30_000_000)))
    client.socket.pause()
    client.socket.write(get())
    await waitUntil(() => scene.streams.length === 1)
    client.socket.resetAndDestroy()
    await waitUntil(() => scene.connections.size === 0)
    assert.equal(scene.streams[0]?.answered, false)
  })

  describe('that is drained', () => {
    it('goes when it is idle', async () => {
      await open()
      client.socket.write(get())
      await waitUntil(() => answers().length === 1)
      scene.draining = true
      for (const connection of scene.connections) connection.drain()
      await waitUntil(() => client.closed())
    })

    it('ends its request first', async () => {
      const held: ServerStream[] = []
      await open((stream) => void held.push(stream))
      client.socket.write(get('/1') + get('/2'))
      await waitUntil(() => held.length === 1)
      scene.draining = true
      for (const connection of scene.connections) connection.drain()
      answer(held[0] as ServerStream, 'one')
      await waitUntil(() => client.closed())
      assert.deepEqual(bodies(), ['one'])
    })

    it('alone says so, with the answer under way: its client sends nothing more on it', async () => {
      const held: ServerStream[] = []
      await open((stream) => void held.push(stream))
      client.socket.write(get('/1'))
      await waitUntil(() => held.length === 1)
      for (const connection of scene.connections) connection.drain()
      answer(held[0] as ServerStream, 'one')
      await waitUntil(() => client.closed())
      assert.match(client.received(), /connection: close/)
    })

    it('serves the request whose head it is reading', async () => {
      await open()
      client.socket.write(get('/1').slice(0, 10))
      await waitUntil(() => [...scene.connections].length === 1)
      client.socket.write('')
      await waitUntil(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return true
      })
      client.socket.write(get('/1').slice(10, 12))
      await new Promise((resolve) => setTimeout(resolve, 50))
      scene.draining = true
      for (const connection of scene.connections) connection.drain()
      client.socket.write(get('/1').slice(12))
      await waitUntil(() => client.closed())
      assert.deepEqual(bodies(), ['GET /1 '])
      assert.match(client.received(), /connection: close/)
    })
  })
})
