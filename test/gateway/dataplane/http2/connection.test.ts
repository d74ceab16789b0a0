// What ends a connection and what only ends a stream (RFC 9113 sections 4 to 7), byte by byte.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, test } from 'node:test'
import { waitUntil } from '../../../support/gateway.ts'
import {
  ack,
  endHeaders,
  endStream,
  type Field,
  preface,
  request,
  toBlock,
  toFrame,
  toHeaders,
  toUint32,
  types,
} from '../../../support/http2-frames.ts'
import { createScene } from './serve-frames.ts'

const setting = (name: number, value: number) => Buffer.concat([Buffer.from([0, name]), toUint32(value)])
const settings = toFrame(types.settings, 0, 0)
const get = (id: number) => toHeaders(id, request())
const open = (id: number) => toHeaders(id, request({ ':method': 'POST' }), endHeaders)
const data = (id: number, text: string | Buffer, flags = 0) => toFrame(types.data, flags, id, text)
const codes = { protocol: 1, flow: 3, closed: 5, size: 6, refused: 7, compression: 9 }
const window = (id: number, bytes: number) => toFrame(types.window, 0, id, toUint32(bytes))

/** What is sent behind the preface and SETTINGS, and the code of GOAWAY. */
const connectionErrors: [string, Buffer[], number][] = [
  ['a frame larger than allowed', [data(1, Buffer.alloc(16_385))], codes.size],
  ['DATA of no stream', [data(0, 'x')], codes.protocol],
  ['DATA of a stream that never began', [get(1), data(3, 'x')], codes.protocol],
  ['HEADERS of no stream', [get(0)], codes.protocol],
  ['HEADERS of an even stream', [get(2)], codes.protocol],
  ['more padding than frame', [open(1), toFrame(types.data, 8, 1, '\x05ab')], codes.protocol],
  ['padding without its length', [open(1), toFrame(types.data, 8, 1, '')], codes.size],
  ['HEADERS without the priority they announce', [toFrame(types.headers, 0x25, 1, 'ab')], codes.size],
  ['SETTINGS of a stream', [toFrame(types.settings, 0, 1)], codes.protocol],
  ['SETTINGS of a wrong size', [toFrame(types.settings, 0, 0, 'abcde')], codes.size],
  ['an acknowledgement with settings', [toFrame(types.settings, ack, 0, setting(4, 1))], codes.size],
  ['ENABLE_PUSH of 2', [toFrame(types.settings, 0, 0, setting(2, 2))], codes.protocol],
  ['MAX_FRAME_SIZE that is too small', [toFrame(types.settings, 0, 0, setting(5, 16_383))], codes.protocol],
  ['MAX_FRAME_SIZE that is too large', [toFrame(types.settings, 0, 0, setting(5, 2 ** 24))], codes.protocol],
  ['INITIAL_WINDOW_SIZE that is too large', [toFrame(types.settings, 0, 0, setting(4, 2 ** 31))], codes.flow],
  [
    'INITIAL_WINDOW_SIZE that makes a window too large',
    [open(1), window(1, 2 ** 30), toFrame(types.settings, 0, 0, setting(4, 2 ** 31 - 1))],
    codes.flow,
  ],
  ['PING of a stream', [toFrame(types.ping, 0, 1, '12345678')], codes.protocol],
  ['PING of a wrong size', [toFrame(types.ping, 0, 0, '1234567')], codes.size],
  ['GOAWAY of a stream', [toFrame(types.goAway, 0, 1, Buffer.alloc(8))], codes.protocol],
  ['GOAWAY of a wrong size', [toFrame(types.goAway, 0, 0, Buffer.alloc(7))], codes.size],
  ['WINDOW_UPDATE of nothing', [window(0, 0)], codes.protocol],
  ['WINDOW_UPDATE of a wrong size', [toFrame(types.window, 0, 0, 'abc')], codes.size],
  ['WINDOW_UPDATE of a stream that never began', [window(1, 1)], codes.protocol],
  ['a window of the connection that is too large', [window(0, 2 ** 31 - 1)], codes.flow],
  ['RST_STREAM of no stream', [toFrame(types.rst, 0, 0, toUint32(8))], codes.protocol],
  ['RST_STREAM of a stream that never began', [toFrame(types.rst, 0, 1, toUint32(8))], codes.protocol],
  ['RST_STREAM of a wrong size', [open(1), toFrame(types.rst, 0, 1, 'abc')], codes.size],
  ['DATA of an even stream', [open(5), data(2, 'x')], codes.protocol],
  ['RST_STREAM of an even stream', [open(5), toFrame(types.rst, 0, 2, toUint32(8))], codes.protocol],
  ['WINDOW_UPDATE of an even stream', [open(5), window(2, 1)], codes.protocol],
  ['PRIORITY of no stream', [toFrame(types.priority, 0, 0, Buffer.alloc(5))], codes.protocol],
  ['PRIORITY of a wrong size', [toFrame(types.priority, 0, 1, Buffer.alloc(4))], codes.size],
  ['PUSH_PROMISE', [open(1), toFrame(types.push, endHeaders, 1, Buffer.alloc(4))], codes.protocol],
  [
    'CONTINUATION of nothing',
    [toFrame(types.continuation, endHeaders, 1, toBlock(request()))],
    codes.protocol,
  ],
  ['CONTINUATION behind a whole block', [get(1), toFrame(types.continuation, endHeaders, 1)], codes.protocol],
  [
    'a header block that PING interrupts',
    [toHeaders(1, request(), 0), toFrame(types.ping, 0, 0, '12345678')],
    codes.protocol,
  ],
  ['a header block that another stream interrupts', [toHeaders(1, request(), 0), get(3)], codes.protocol],
  [
    'a header block that another stream continues',
    [toHeaders(1, request(), 0), toFrame(types.continuation, 4, 3)],
    codes.protocol,
  ],
  [
    'a header block that an unknown frame interrupts',
    [toHeaders(1, request(), 0), toFrame(99, 0, 1)],
    codes.protocol,
  ],
  ['a header block that cannot be decoded', [toFrame(types.headers, 5, 1, '\x80')], codes.compression],
  ['trailers that cannot be decoded', [open(1), toFrame(types.headers, 5, 1, '\xff\xff')], codes.compression],
  [
    'more DATA than the window of the connection',
    [1, 3, 5].flatMap((id) => [open(id), ...Array.from({ length: 3 }, () => data(id, Buffer.alloc(16_384)))]),
    codes.flow,
  ],
]

describe('what ends a connection', () => {
  for (const [title, frames, code] of connectionErrors) {
    test(title, async (t) => {
      // Nobody reads a body, so that windows are not given back.
      const scene = await createScene(t, {}, () => {})
      const client = await scene.connect()
      client.send(...frames)
      await waitUntil(() => client.closed())
      assert.equal(client.goneAway(), code)
      assert.deepEqual(scene.endings, ['protocol'])
      for (const stream of scene.streams) assert.equal(scene.ends.get(stream), 1)
    })
  }

  const beginnings: [string, string | Buffer][] = [
    ['a preface that is none', preface.replace('SM', 'XX') + settings.toString('latin1')],
    ['another request than the preface', 'GET / HTTP/1.1\r\nHost: acme.example.com\r\n\r\n'],
    [
      'a first frame that is not SETTINGS',
      Buffer.concat([Buffer.from(preface), toFrame(types.ping, 0, 0, '12345678'), get(1)]),
    ],
    [
      'a first frame that acknowledges SETTINGS',
      Buffer.concat([Buffer.from(preface), toFrame(types.settings, ack, 0)]),
    ],
  ]
  for (const [title, first] of beginnings) {
    test(title, async (t) => {
      const scene = await createScene(t)
      const client = await scene.connect({ first })
      await waitUntil(() => client.closed())
      assert.equal(client.goneAway(), codes.protocol)
      assert.ok(client.frames.every(({ type }) => type !== types.ping))
      assert.equal(scene.streams.length, 0)
    })
  }
})

/** The code of RST_STREAM on stream 1; the connection goes on. */
const streamErrors: [string, Buffer[], number][] = [
  ['WINDOW_UPDATE of nothing', [open(1), window(1, 0)], codes.protocol],
  ['a window that is too large', [open(1), window(1, 2 ** 31 - 1)], codes.flow],
  ['DATA behind its end', [open(1), data(1, 'x', endStream), data(1, 'y')], codes.closed],
  ['HEADERS behind its end', [open(1), data(1, 'x', endStream), get(1)], codes.closed],
  [
    'more DATA than its window',
    [open(1), ...Array.from({ length: 5 }, () => data(1, Buffer.alloc(16_000)))],
    codes.flow,
  ],
]

describe('what ends a stream alone', () => {
  for (const [title, frames, code] of streamErrors) {
    test(title, async (t) => {
      const scene = await createScene(t, {}, (stream) => {
        if (stream.id === 3) stream.respond(204, [], false)
        if (stream.id === 3) stream.end(null, null)
      })
      const client = await scene.connect()
      client.send(...frames)
      assert.equal((await client.answered(1)).reset, code)
      client.send(get(3))
      assert.equal((await client.answered(3)).status, 204)
      assert.equal(client.goneAway(), -1)
      // Where all came at once, nobody was asked to serve it.
      for (const stream of scene.streams) assert.equal(scene.ends.get(stream), 1)
    })
  }

  test('more streams than allowed are refused, and may be asked again', async (t) => {
    const scene = await createScene(t, { streams: 2 }, () => {})
    const client = await scene.connect()
    client.send(get(1), get(3), get(5))
    assert.equal((await client.answered(5)).reset, codes.refused)
    assert.deepEqual(
      scene.streams.map(({ id }) => id),
      [1, 3],
    )
    for (const stream of scene.streams) {
      stream.respond(204, [], false)
      stream.end(null, null)
    }
    await Promise.all([client.answered(1), client.answered(3)])
    client.send(get(7))
    await waitUntil(() => scene.streams.length === 3)
  })

  test('what is not known is passed over: frames, settings, flags, PRIORITY', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    client.send(
      ...[
        toFrame(99, 255, 0, 'abc'),
        toFrame(types.settings, 0, 0, setting(99, 7)),
        toFrame(16, 0, 0, '\0\0\0\0u=1'),
      ],
      ...[
        toFrame(types.priority, 0, 1, Buffer.alloc(5)),
        toFrame(types.headers, 0xff & ~8, 1, Buffer.concat([Buffer.alloc(5), toBlock(request())])),
      ],
    )
    assert.equal((await client.answered(1)).status, 200)
  })
})

test('frames are the same however the bytes are cut', async (t) => {
  const scene = await createScene(t)
  const bytes = Buffer.concat([Buffer.from(preface), settings, open(1), data(1, 'hello', endStream), get(3)])
  for (const size of [1, 2, 7, 8, 9, 10, 23, 24, 25, 40]) {
    const client = await scene.connect({ first: '' })
    client.socket.setNoDelay(true)
    for (let at = 0; at < bytes.length; at += size)
      await new Promise((sent) => client.socket.write(bytes.subarray(at, at + size), sent))
    assert.equal((await client.answered(1)).body, 'POST /open/x hello')
    assert.equal((await client.answered(3)).status, 200)
    client.close()
  }
})

test('a header block may come in pieces, padded and with a priority', async (t) => {
  const scene = await createScene(t)
  const client = await scene.connect()
  const fields: Field[] = request({}, [['x', 'y'.repeat(500)]])
  const block = toBlock(fields)
  const head = Buffer.concat([Buffer.from([3]), Buffer.alloc(5), block.subarray(0, 10), Buffer.alloc(3)])
  const rest = Array.from({ length: 9 }, (_, index) =>
    toFrame(types.continuation, 0, 1, block.subarray(10 + index, 11 + index)),
  )
  client.send(
    toFrame(types.headers, 0x29, 1, head),
    ...rest,
    toFrame(types.continuation, endHeaders, 1, block.subarray(19)),
  )
  assert.equal((await client.answered(1)).status, 200)
})

test('PING and SETTINGS are acknowledged', async (t) => {
  const scene = await createScene(t)
  const client = await scene.connect()
  client.send(toFrame(types.ping, 0, 0, '12345678'), settings)
  await waitUntil(() => client.frames.filter(({ flags }) => flags === ack).length >= 3)
  const acks = client.frames.filter(({ flags }) => flags === ack)
  assert.deepEqual(
    acks.map(({ type, payload }) => `${type} ${payload}`),
    ['4 ', '6 12345678', '4 '],
  )
})

test('answers are understood whatever size the client gives its header table, before and between them', async (t) => {
  const scene = await createScene(t)
  const { remotePort } = (await scene.connect()).socket
  const session = connect(`http://127.0.0.1:${remotePort}`, { settings: { headerTableSize: 0 } })
  t.after(() => session.destroy())
  for (const headerTableSize of [8_192, 0, 100, 4_096]) {
    const stream = session.request({ ':path': '/open/x' })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 200)
    stream.resume()
    await once(stream, 'close')
    session.settings({ headerTableSize })
    await once(session, 'localSettings')
  }
})

test('says what it takes: streams, windows, headers', async (t) => {
  const scene = await createScene(t, { streams: 7, windowBytes: 70_000, headBytes: 9_000 })
  const client = await scene.connect()
  await waitUntil(() => client.frames.length >= 2)
  const said = Buffer.concat([setting(3, 7), setting(4, 70_000), setting(6, 9_000)])
  assert.deepEqual(client.frames[0]?.payload, said)
  assert.deepEqual(client.frames[1]?.payload, toUint32(131_072 - 65_535))
})
