// The Downstream of HTTP/2: bodies both ways at once, by windows, and every way in which one can end.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Http2Stream } from '../../../../gateway/dataplane/http2/stream.ts'
import { waitUntil } from '../../../support/gateway.ts'
import {
  endHeaders,
  endStream,
  request,
  toFrame,
  toHeaders,
  toUint32,
  types,
} from '../../../support/http2-frames.ts'
import { createScene } from './serve-frames.ts'

const get = (id: number) => toHeaders(id, request())
const open = (id: number) => toHeaders(id, request({ ':method': 'POST' }), endHeaders)
const data = (id: number, bytes: string | Buffer, flags = 0) => toFrame(types.data, flags, id, bytes)
const window = (id: number, bytes: number) => toFrame(types.window, 0, id, toUint32(bytes))
const ok = (stream: Http2Stream, ...headers: string[]) => stream.respond(200, headers, false)
const ignored = { onData: () => {}, onEnd: () => {}, onBroken: () => {} }
const setWindow = (bytes: number) =>
  toFrame(types.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), toUint32(bytes)]))

describe('an answer', () => {
  test('begins and flows while the request still comes', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream)
      stream.flush()
      stream.read({
        onData: (bytes) => void stream.write(Buffer.from(`<${bytes}>`)),
        onEnd: () => stream.end(null, ['grpc-status', '0']),
        onBroken: () => {},
      })
    })
    const client = await scene.connect()
    client.send(open(1))
    await waitUntil(() => client.answer(1).status === 200)
    for (const text of ['a', 'b', 'c']) {
      client.send(data(1, text))
      await waitUntil(() => client.answer(1).body.endsWith(`<${text}>`))
    }
    client.send(data(1, '', endStream))
    const answer = await client.answered(1)
    assert.deepEqual([answer.body, answer.trailers, answer.reset], ['<a><b><c>', [['grpc-status', '0']], -1])
  })

  test('that ends before its request tells the client to stop, by NO_ERROR; what still comes is passed over', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream, 'content-length', '5')
      stream.end('early', null)
    })
    const client = await scene.connect()
    client.send(open(1))
    await waitUntil(() => client.answer(1).reset >= 0)
    const { body, ended, reset } = client.answer(1)
    assert.deepEqual([body, ended, reset], ['early', true, 0])
    // More than all windows hold: room is given back for what nobody wants.
    for (let i = 0; i < 20; i++) client.send(data(1, Buffer.alloc(10_000)))
    client.send(data(1, '', endStream), toHeaders(3, request()))
    assert.equal((await client.answered(3)).body, 'early')
    assert.equal(client.goneAway(), -1)
  })

  test('keeps to the windows of its stream and of the connection', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream)
      stream.end(Buffer.alloc(200_000, 'x'), null)
    })
    const client = await scene.connect()
    client.taking = false
    client.send(setWindow(10), get(1), get(3))
    await waitUntil(() => client.answer(1).body.length === 10 && client.answer(3).body.length === 10)
    client.send(window(1, 5))
    await waitUntil(() => client.answer(1).body.length === 15)
    // A new first window changes those of streams that are open, here below nothing and back.
    client.send(setWindow(0), window(1, 7), setWindow(20))
    await waitUntil(() => client.answer(1).body.length === 32 && client.answer(3).body.length === 20)
    client.send(window(1, 1_000_000), window(3, 1_000_000))
    await waitUntil(() => client.answer(1).body.length + client.answer(3).body.length === 65_535)
    client.send(window(0, 1_000_000))
    const [one, three] = await Promise.all([client.answered(1), client.answered(3)])
    assert.deepEqual([one.body.length, three.body.length], [200_000, 200_000])
    for (const { type, payload } of client.frames) assert.ok(type !== types.data || payload.length <= 16_384)
  })

  test('that is large lets small ones of its connection pass', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream)
      stream.end(stream.id === 1 ? Buffer.alloc(4_000_000) : 'small', null)
    })
    const client = await scene.connect()
    client.send(get(1), get(3))
    await client.answered(3)
    assert.equal(client.answer(1).ended, false)
    assert.equal((await client.answered(1)).body.length, 4_000_000)
  })

  const lengths: [string, string, number][] = [
    ['shorter than it said', 'abc', 5],
    ['longer than it said', 'abcdefg', 5],
  ]
  for (const [title, body, announced] of lengths) {
    test(`${title} never ends well`, async (t) => {
      const scene = await createScene(t, {}, (stream) => {
        ok(stream, 'Content-Length', String(announced))
        stream.write(Buffer.from(body))
        stream.end(null, null)
      })
      const client = await scene.connect()
      client.send(get(1))
      const answer = await client.answered(1)
      assert.deepEqual([answer.ended, answer.reset], [false, 2])
      assert.equal(scene.ends.get(scene.streams[0] as never), 1)
      assert.equal(scene.streams[0]?.answered, false)
    })
  }

  test('that is broken off is reset, once', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream)
      stream.write(Buffer.from('half'))
      stream.breakOff()
      stream.breakOff()
      stream.end('more', null)
    })
    const client = await scene.connect()
    client.send(get(1))
    const answer = await client.answered(1)
    assert.deepEqual([answer.body, answer.reset, answer.ended], ['half', 2, false])
    assert.equal(scene.ends.get(scene.streams[0] as never), 1)
  })

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    test(`of ${status} to ${method} has no body, whatever is written`, async (t) => {
      const scene = await createScene(t, {}, (stream) => {
        stream.respond(status, ['content-length', '5'], false)
        stream.write(Buffer.from('hello'))
        stream.end(null, ['x', 'y'])
      })
      const client = await scene.connect()
      client.send(toHeaders(1, request({ ':method': method })))
      const answer = await client.answered(1)
      assert.deepEqual([answer.status, answer.body, answer.trailers, answer.ended], [status, '', [], true])
      assert.deepEqual(
        client.frames.filter(({ type }) => type === types.data),
        [],
      )
    })
  }

  test('has no status that is none', async (t) => {
    const thrown: unknown[] = []
    const scene = await createScene(t, {}, (stream) => {
      for (const status of [0, 99, 101, 199, 600, 200.5])
        try {
          stream.respond(status, [], false)
        } catch (error) {
          thrown.push(error)
        }
      ok(stream)
      stream.end(null, null)
    })
    const client = await scene.connect()
    client.send(get(1))
    assert.equal((await client.answered(1)).status, 200)
    assert.equal(thrown.length, 6)
  })

  test('has names in lower case, and none that speak of the connection', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(
        stream,
        ...[
          'X-Y',
          'Z',
          'Connection',
          'close',
          'Keep-Alive',
          'timeout=5',
          'Transfer-Encoding',
          'chunked',
          'Upgrade',
          'h2c',
        ],
      )
      stream.end(null, null)
    })
    const client = await scene.connect()
    client.send(get(1))
    const { headers } = await client.answered(1)
    assert.deepEqual(
      headers.map(([name]) => name),
      [':status', 'x-y', 'date'],
    )
  })

  test('may have a head that one frame does not hold', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      ok(stream, 'x', 'y'.repeat(40_000))
      stream.end('body', null)
    })
    const client = await scene.connect()
    client.send(get(1))
    const answer = await client.answered(1)
    assert.equal(answer.headers.find(([name]) => name === 'x')?.[1].length, 40_000)
    await waitUntil(() => answer.body === 'body')
    const pieces = client.frames.filter(({ type }) => type === types.headers || type === types.continuation)
    assert.deepEqual(
      pieces.map(({ type, flags }) => [type, flags]),
      [
        [1, 0],
        [9, 0],
        [9, endHeaders],
      ],
    )
  })

  test('writes nothing of interim answers once its head is out', async (t) => {
    const scene = await createScene(t, {}, (stream) => {
      stream.inform(103, ['link', '</a>'])
      ok(stream)
      stream.flush()
      stream.inform(103, [])
      stream.invite()
      stream.end(null, null)
    })
    const client = await scene.connect()
    client.send(get(1))
    const answer = await client.answered(1)
    assert.deepEqual([answer.interim, answer.status], [[103], 200])
  })
})

describe('a request', () => {
  test('that is cancelled breaks its body and is over, once', async (t) => {
    let broken = 0
    const scene = await createScene(t, {}, (stream) =>
      stream.read({
        ...ignored,
        onBroken: () => {
          broken += 1
        },
      }),
    )
    const client = await scene.connect()
    client.send(open(1), data(1, 'half'))
    await waitUntil(() => scene.streams.length === 1)
    client.send(toFrame(types.rst, 0, 1, toUint32(8)))
    await waitUntil(() => broken === 1)
    const [stream] = scene.streams as [Http2Stream]
    assert.deepEqual([scene.ends.get(stream), stream.answered], [1, false])
    // Whatever is still said of it reaches nobody.
    ok(stream)
    stream.write(Buffer.from('late'))
    stream.end(null, null)
    client.send(open(3), data(3, '', endStream), toFrame(types.ping, 0, 0, '12345678'))
    await waitUntil(() => client.frames.some(({ type }) => type === types.ping))
    assert.deepEqual(
      client.frames.filter(({ id }) => id === 1),
      [],
    )
    assert.equal(scene.ends.get(stream), 1)
  })

  test('whose client is gone is over, with all others of its connection', async (t) => {
    const scene = await createScene(t, {}, (stream) => stream.read(ignored))
    const client = await scene.connect()
    client.send(open(1), get(3), open(5))
    await waitUntil(() => scene.streams.length === 3)
    client.close()
    await waitUntil(() => scene.ends.size === 3)
    assert.deepEqual([...scene.ends.values()], [1, 1, 1])
  })

  test('is read no further than somebody takes, and from where it was', async (t) => {
    const got: string[] = []
    const scene = await createScene(t, {}, (stream) =>
      stream.read({
        onData(bytes) {
          got.push(bytes.toString())
          stream.pause()
        },
        onEnd: () => got.push('end'),
        onBroken: () => {},
      }),
    )
    const client = await scene.connect()
    client.send(open(1), data(1, 'a'))
    await waitUntil(() => got.length === 1)
    client.send(data(1, 'b'), data(1, 'c', endStream), toFrame(types.ping, 0, 0, '12345678'))
    await waitUntil(() => client.frames.some(({ type }) => type === types.ping))
    assert.deepEqual(got, ['a'])
    scene.streams[0]?.resume()
    assert.deepEqual(got, ['a', 'bc'])
    scene.streams[0]?.resume()
    assert.deepEqual(got, ['a', 'bc', 'end'])
  })

  test('that is longer than it said is refused as soon as that is seen, and nobody gets what is too much', async (t) => {
    const got: string[] = []
    const scene = await createScene(t, {}, (stream) =>
      stream.read({ ...ignored, onData: (bytes) => void got.push(bytes.toString()) }),
    )
    const client = await scene.connect()
    client.send(toHeaders(1, request({ ':method': 'POST' }, [['content-length', '3']]), endHeaders))
    await waitUntil(() => scene.streams.length === 1)
    client.send(data(1, 'abc'), data(1, 'd'))
    await waitUntil(() => client.answer(1).reset >= 0)
    assert.deepEqual([client.answer(1).status, client.answer(1).reset, ...got], [400, 1, 'abc'])
  })

  test('hands over its trailers as they came', async (t) => {
    const ends: unknown[] = []
    const scene = await createScene(t, {}, (stream) =>
      stream.read({ ...ignored, onEnd: (trailers) => void ends.push(trailers) }),
    )
    const client = await scene.connect()
    client.send(open(1), data(1, 'x'), toHeaders(1, [['a', 'b']]), open(3), data(3, 'x', endStream))
    await waitUntil(() => ends.length === 2)
    assert.deepEqual(ends, [['a', 'b'], null])
  })

  test('of a small body has it along with its head; with trailers it has not', async (t) => {
    const taken: (string | undefined)[] = []
    const scene = await createScene(t, {}, (stream) => {
      taken.push(stream.takeBody(3)?.toString(), stream.takeBody(5)?.toString())
      ok(stream)
      stream.end(null, null)
    })
    const client = await scene.connect()
    client.send(open(1), data(1, 'hel'), data(1, 'lo', endStream))
    await client.answered(1)
    client.send(open(3), data(3, 'hello'), toHeaders(3, [['a', 'b']]))
    await client.answered(3)
    assert.deepEqual(taken, [undefined, 'hello', undefined, undefined])
  })
})
