// Clients that want to cost more than they may: each attack is ended by its limit, and by nothing else; other connections go on.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { waitUntil } from '../../../support/gateway.ts'
import {
  endHeaders,
  endStream,
  type Field,
  type Http2Client,
  request,
  toBlock,
  toFrame,
  toHeaders,
  toInteger,
  toUint32,
  types,
} from '../../../support/http2-frames.ts'
import { type answer, createScene } from './serve-frames.ts'

const calm = 11
const get = (id: number) => toHeaders(id, request())
const open = (id: number, more: Field[] = []) =>
  toHeaders(id, request({ ':method': 'POST' }, more), endHeaders)
const cancel = (id: number) => toFrame(types.rst, 0, id, toUint32(8))
const odd = (index: number) => 2 * index + 1
const times = (count: number, make: (index: number) => Buffer) =>
  Array.from({ length: count }, (_, i) => make(i))

/** 40 of each: over the small limit, far below the large one. */
const floods: [string, (client: Http2Client) => void][] = [
  ['PING', (client) => client.send(...times(40, () => toFrame(types.ping, 0, 0, '12345678')))],
  ['SETTINGS', (client) => client.send(...times(40, () => toFrame(types.settings, 0, 0)))],
  ['PRIORITY', (client) => client.send(...times(40, () => toFrame(types.priority, 0, 1, Buffer.alloc(5))))],
  ['WINDOW_UPDATE', (client) => client.send(...times(40, () => toFrame(types.window, 0, 0, toUint32(1))))],
  ['unknown frames', (client) => client.send(...times(40, () => toFrame(99, 0, 0)))],
  ['empty DATA', (client) => client.send(open(1), ...times(40, () => toFrame(types.data, 0, 1)))],
  [
    'padding alone',
    (client) => client.send(open(1), ...times(40, () => toFrame(types.data, 8, 1, '\x02\0\0'))),
  ],
  ['RST_STREAM of what is over', (client) => client.send(open(1), cancel(1), ...times(40, () => cancel(1)))],
  [
    'DATA of what is over',
    (client) => client.send(open(1), cancel(1), ...times(40, () => toFrame(types.data, 0, 1, 'x'))),
  ],
  ['HEADERS of what is over', (client) => client.send(open(1), cancel(1), ...times(40, () => get(1)))],
  [
    'GOAWAY',
    (client) => client.send(open(1), ...times(40, () => toFrame(types.goAway, 0, 0, Buffer.alloc(8)))),
  ],
  [
    'HEADERS of what was refused',
    (client) => client.send(toHeaders(1, [[':x', 'y']], endHeaders), ...times(40, () => toHeaders(1, [], 4))),
  ],
  ['malformed requests', (client) => client.send(...times(40, (i) => toHeaders(odd(i), [[':x', 'y']])))],
  [
    'bodies that are longer than they said',
    (client) =>
      client.send(
        ...times(40, (i) =>
          Buffer.concat([
            open(odd(i), [['content-length', '0']]),
            toFrame(types.data, endStream, odd(i), 'x'),
          ]),
        ),
      ),
  ],
]

describe('frames that carry nothing', () => {
  for (const [title, flood] of floods) {
    test(`${title}: too many end the connection, and no other`, async (t) => {
      const scene = await createScene(t, { emptyFramesPerMinute: 30 }, () => {})
      const other = await scene.connect()
      const client = await scene.connect()
      flood(client)
      await waitUntil(() => client.closed())
      assert.equal(client.goneAway(), calm)
      assert.deepEqual(scene.endings, ['flood'])
      other.send(toFrame(types.ping, 0, 0, '12345678'))
      await waitUntil(() => other.frames.some(({ type }) => type === types.ping))
      assert.equal(other.closed(), false)
    })

    test(`${title}: below the limit they are fine`, async (t) => {
      const scene = await createScene(t, { emptyFramesPerMinute: 500 }, () => {})
      const client = await scene.connect()
      flood(client)
      client.send(toFrame(types.ping, 0, 0, 'the last'))
      await waitUntil(() => client.frames.some(({ payload }) => payload.toString() === 'the last'))
      assert.equal(client.goneAway(), -1)
    })
  }

  test('requests that are answered account for some of them', async (t) => {
    const scene = await createScene(t, { emptyFramesPerMinute: 30 })
    const client = await scene.connect()
    for (let index = 0; index < 10; index++) {
      client.send(...times(15, () => toFrame(types.ping, 0, 0, '12345678')), get(odd(index)))
      assert.equal((await client.answered(odd(index))).status, 200)
    }
    assert.equal(client.goneAway(), -1)
  })

  test('so do pieces of an answer, but not those of a window that is opened by bytes', async (t) => {
    const large = Buffer.alloc(600_000)
    const serve = (stream: Parameters<typeof answer>[0]) => {
      stream.respond(200, [], false)
      stream.end(large, null)
    }
    const scene = await createScene(t, { emptyFramesPerMinute: 30 }, serve)
    const client = await scene.connect()
    client.send(get(1))
    // It sends two WINDOW_UPDATE for each DATA frame.
    assert.equal((await client.answered(1)).body.length, large.length)
    const sly = await scene.connect()
    sly.taking = false
    sly.send(get(1))
    await waitUntil(() => sly.answer(1).body.length === 65_535)
    for (let i = 0; i < 40; i++)
      sly.send(toFrame(types.window, 0, 0, toUint32(1)), toFrame(types.window, 0, 1, toUint32(1)))
    await waitUntil(() => sly.closed())
    assert.equal(sly.goneAway(), calm)
  })
})

describe('requests that are cancelled', () => {
  const pairs = (count: number) => times(count, (i) => Buffer.concat([get(odd(i)), cancel(odd(i))]))

  test('too many end the connection (CVE-2023-44487), and none of them was begun', async (t) => {
    const scene = await createScene(t, { resetsPerMinute: 50 }, () => {})
    const client = await scene.connect()
    client.send(...pairs(60))
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
    assert.deepEqual(scene.endings, ['flood'])
    assert.ok(scene.streams.length <= 1, `${scene.streams.length} were served`)
  })

  test('below the limit they are fine', async (t) => {
    const scene = await createScene(t, { resetsPerMinute: 100 })
    const client = await scene.connect()
    client.send(...pairs(60), get(odd(60)))
    assert.equal((await client.answered(odd(60))).status, 200)
    // Where the bytes were cut in two between a request and its end, that one was.
    assert.ok(scene.streams.length <= 5, `${scene.streams.length} were served`)
  })

  test('one for each request that is let end is free', async (t) => {
    const scene = await createScene(t, { resetsPerMinute: 5 })
    const client = await scene.connect()
    for (let i = 0; i < 30; i += 2) {
      client.send(get(odd(i)))
      await client.answered(odd(i))
      client.send(get(odd(i + 1)), cancel(odd(i + 1)))
    }
    client.send(get(odd(30)))
    assert.equal((await client.answered(odd(30))).status, 200)
  })

  test('streams above the limit count as such', async (t) => {
    const scene = await createScene(t, { resetsPerMinute: 20, streams: 1 }, () => {})
    const client = await scene.connect()
    client.send(...times(30, (i) => get(odd(i))))
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
  })
})

describe('header blocks', () => {
  test('of CONTINUATION without end are cut (CVE-2024-27316)', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    client.send(toHeaders(1, request(), 0), ...times(40, () => toFrame(types.continuation, 0, 1)))
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
    assert.equal(scene.streams.length, 0)
  })

  test('of too many bytes are cut', async (t) => {
    const scene = await createScene(t, { headBytes: 4_096 })
    const client = await scene.connect()
    client.send(
      toHeaders(1, request(), 0),
      ...times(2, () => toFrame(types.continuation, 0, 1, Buffer.alloc(16_384))),
    )
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
  })

  test('a few bytes that stand for many megabytes are answered with 431, and nothing of them is kept', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    const entry = Buffer.concat([
      Buffer.from([0x40, 1, 120]),
      toInteger(4_000, 7, 0),
      Buffer.alloc(4_000, 'a'),
    ])
    // 16,000 times the same 4,000 bytes.
    const bomb = Buffer.concat([toBlock(request()), entry, Buffer.alloc(12_000, 0xbe)])
    assert.ok(bomb.length < 16_384)
    client.send(toFrame(types.headers, endStream | endHeaders, 1, bomb))
    assert.equal((await client.answered(1)).status, 431)
    const kept = scene.streams[0]?.head.fields.raw.reduce((sum, text) => sum + text.length, 0) ?? 0
    assert.ok(kept <= 16_384, `${kept} bytes`)
    client.send(get(3))
    assert.equal((await client.answered(3)).status, 200)
  })

  for (const [title, first] of [
    ['half a header block', [toHeaders(1, request(), 0)]],
    ['half a frame', [get(1).subarray(0, 20)]],
    ['half the header of a frame', [get(1).subarray(0, 5)]],
  ] as const) {
    test(`${title} may stand for headersMs only`, async (t) => {
      const scene = await createScene(t, { headersMs: 200 })
      const client = await scene.connect()
      // Our acknowledgement of its SETTINGS must not come in between.
      await waitUntil(() => client.frames.length >= 2)
      client.send(...first)
      await waitUntil(() => client.closed())
      assert.deepEqual(scene.endings, ['late'])
    })
  }

  test('so may half the preface', async (t) => {
    const scene = await createScene(t, { headersMs: 200 })
    const client = await scene.connect({ first: 'PRI * HTTP' })
    await waitUntil(() => client.closed())
    assert.deepEqual(scene.endings, ['late'])
  })

  test('half a DATA frame is a matter of its request', async (t) => {
    const scene = await createScene(t, { headersMs: 200, requestMs: 900 })
    const client = await scene.connect()
    await waitUntil(() => client.frames.length >= 2)
    client.send(open(1), toFrame(types.data, 0, 1, 'hello').subarray(0, 12))
    assert.equal((await client.answered(1)).status, 408)
    assert.equal(client.goneAway(), -1)
  })
})

describe('time', () => {
  test('a body must be whole within requestMs; others go on', async (t) => {
    const scene = await createScene(t, { requestMs: 300 })
    const client = await scene.connect()
    client.send(open(1), toFrame(types.data, 0, 1, 'hello'))
    assert.equal((await client.answered(1)).status, 408)
    client.send(get(3))
    assert.equal((await client.answered(3)).status, 200)
  })

  test('for gRPC requestMs is the longest pause', async (t) => {
    const scene = await createScene(t, { requestMs: 1_000 })
    const client = await scene.connect()
    client.send(open(1, [['content-type', 'application/grpc+proto']]), open(3))
    // Piece by piece, until the other one, which began at the same time and is no gRPC, was late.
    while (client.answer(3).status === 0) {
      client.send(toFrame(types.data, 0, 1, 'x'), toFrame(types.data, 0, 3, 'x'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal(client.answer(3).status, 408)
    assert.equal(client.answer(1).status, 0)
    client.send(toFrame(types.data, endStream, 1))
    assert.equal((await client.answered(1)).status, 200)
    client.send(open(5, [['content-type', 'application/grpc']]))
    assert.equal((await client.answered(5)).status, 408)
  })

  test('a connection without requests ends after idleMs', async (t) => {
    const scene = await createScene(t, { idleMs: 300 })
    const client = await scene.connect()
    client.send(get(1))
    await client.answered(1)
    await waitUntil(() => client.closed())
    assert.deepEqual([client.goneAway(), ...scene.endings], [0, 'idle'])
  })

  test('an answer whose window never opens is given up after idleMs, alone', async (t) => {
    const scene = await createScene(t, { idleMs: 400 }, (stream) => {
      stream.respond(200, [], false)
      if (stream.id === 1) stream.write(Buffer.alloc(100_000))
      else stream.end('small', null)
    })
    const client = await scene.connect()
    client.taking = false
    client.send(get(1), toFrame(types.window, 0, 0, toUint32(100_000)))
    const given = await client.answered(1)
    assert.deepEqual([given.reset, given.body.length], [8, 65_535])
    assert.equal(scene.ends.get(scene.streams[0] as never), 1)
  })

  test('a client that reads nothing at all is cut off after idleMs', async (t) => {
    const scene = await createScene(t, { idleMs: 400 }, (stream) => {
      stream.respond(200, [], false)
      const more = (): void => {
        while (stream.write(Buffer.alloc(65_536)));
        stream.onDrain(more)
      }
      more()
    })
    const client = await scene.connect()
    client.send(
      toFrame(types.window, 0, 0, toUint32(2 ** 30)),
      toFrame(types.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), toUint32(2 ** 30)])),
      get(1),
    )
    await waitUntil(() => client.answer(1).status === 200)
    client.socket.pause()
    await waitUntil(() => scene.connections.size === 0)
    assert.equal(scene.ends.get(scene.streams[0] as never), 1)
  })
})

describe('memory', () => {
  test('of a client that asks by PING and never reads is bounded: it is not read from either', async (t) => {
    const scene = await createScene(t, { emptyFramesPerMinute: 1_000_000 })
    const client = await scene.connect()
    await waitUntil(() => client.frames.length >= 2)
    client.socket.pause()
    const pings = Buffer.concat(times(20_000, () => toFrame(types.ping, 0, 0, '12345678')))
    let sent = 0
    const more = (): void => {
      if (client.socket.destroyed) return
      sent += pings.length
      client.socket.write(pings, (error) => error ?? more())
    }
    more()
    const socket = scene.sockets[0] as NonNullable<(typeof scene.sockets)[number]>
    // It stops reading, although there is more.
    await waitUntil(() => socket.isPaused(), 30_000)
    assert.ok(socket.writableLength < 1_000_000, `${socket.writableLength} bytes wait`)
    client.socket.resume()
    await waitUntil(() => !socket.isPaused(), 30_000)
    assert.ok(sent > 0)
  })

  test('of bodies that nobody takes is bounded by the windows', async (t) => {
    const scene = await createScene(t, {}, () => {})
    const client = await scene.connect()
    client.send(open(1), ...times(3, () => toFrame(types.data, 0, 1, Buffer.alloc(16_384))))
    client.send(toFrame(types.ping, 0, 0, 'the last'))
    await waitUntil(() => client.frames.some(({ payload }) => payload.toString() === 'the last'))
    const before = client.frames.filter(({ type }) => type === types.window).length
    assert.equal(before, 1, 'only the first one of the connection')
    // Somebody takes it: there is room again.
    let taken = 0
    scene.streams[0]?.read({
      onData: (bytes) => {
        taken += bytes.length
      },
      onEnd: () => {},
      onBroken: () => {},
    })
    await waitUntil(() => client.frames.some(({ type, id }) => type === types.window && id === 1))
    assert.equal(taken, 3 * 16_384)
  })

  test('of a body in pieces of a byte is what its bytes take, not what was read along with them', async (t) => {
    const scene = await createScene(t, {}, () => {})
    const client = await scene.connect()
    client.send(
      open(1),
      ...times(5_000, () => toFrame(types.data, 0, 1, 'x')),
      toFrame(types.data, endStream, 1),
    )
    await waitUntil(() => scene.streams[0]?.complete === true)
    const body = scene.streams[0]?.takeBody(10_000)
    assert.equal(body?.length, 5_000)
    assert.ok((body?.buffer.byteLength ?? 0) <= 16_384)
  })

  test('of an answer to a client that opens no window is one piece', async (t) => {
    let written = 0
    const scene = await createScene(t, {}, (stream) => {
      stream.respond(200, [], false)
      const more = (): void => {
        do written += 65_536
        while (stream.write(Buffer.alloc(65_536)))
        stream.onDrain(more)
      }
      more()
    })
    const client = await scene.connect()
    client.taking = false
    client.send(get(1))
    await waitUntil(() => client.answer(1).body.length === 65_535)
    assert.ok(written <= 131_072, `${written} bytes`)
  })
})
