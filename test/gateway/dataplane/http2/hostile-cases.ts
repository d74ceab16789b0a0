// What an HTTP/2 upstream can do wrong with one answer, for client-hostile.test.ts.
import {
  block,
  endHeaders,
  endStream,
  frame,
  goAway,
  headers,
  type RawConnection,
  reset,
  status,
  types,
  uint32,
  whole,
} from './raw-upstream.ts'

export interface Hostile {
  readonly title: string
  serve(connection: RawConnection, id: number): void
  /** The head must not be believed either. */
  readonly noHead?: boolean
}

export const data = (id: number, text: string, flags = 0): Buffer => frame(types.data, flags, id, text)
export const ok = (id: number, ...more: (readonly [string, string])[]): Buffer =>
  headers(id, 0, status(200), ...more)
const large = 'x'.repeat(60_000)

/** Each of them is the end of the call, with an error. */
export const broken: readonly Hostile[] = [
  { title: 'resets before its head', serve: (to, id) => to.send(reset(id, 2)), noHead: true },
  { title: 'resets behind its head', serve: (to, id) => to.send(ok(id), reset(id, 2)) },
  { title: 'resets within its body', serve: (to, id) => to.send(ok(id), data(id, 'some'), reset(id, 2)) },
  {
    title: 'resets without an error before its head',
    serve: (to, id) => to.send(reset(id, 0)),
    noHead: true,
  },
  { title: 'resets without an error behind its head', serve: (to, id) => to.send(ok(id), reset(id, 0)) },
  {
    title: 'resets without an error within its body',
    serve: (to, id) => to.send(ok(id), data(id, 'some'), reset(id, 0)),
  },
  { title: 'cancels within its body', serve: (to, id) => to.send(ok(id), data(id, 'some'), reset(id, 8)) },
  {
    title: 'says a length and sends less',
    serve: (to, id) => to.send(ok(id, ['content-length', '9']), data(id, 'some', endStream)),
  },
  {
    title: 'says a length and sends more',
    serve: (to, id) => to.send(ok(id, ['content-length', '2']), data(id, 'some', endStream)),
  },
  {
    title: 'says a length and sends nothing',
    serve: (to, id) => to.send(headers(id, endStream, status(200), ['content-length', '9'])),
    noHead: true,
  },
  {
    title: 'says two lengths',
    serve: (to, id) =>
      to.send(ok(id, ['content-length', '4'], ['content-length', '5']), data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'says a length that is no number',
    serve: (to, id) => to.send(ok(id, ['content-length', '+4']), data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'says how its connection goes on',
    serve: (to, id) => to.send(ok(id, ['connection', 'x-user-id']), data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'says a transfer coding',
    serve: (to, id) => to.send(ok(id, ['transfer-encoding', 'chunked']), data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'writes a name in capitals',
    serve: (to, id) => to.send(ok(id, ['X-Name', '1']), data(id, 'some', endStream)),
    noHead: true,
  },
  { title: 'says no status', serve: (to, id) => to.send(headers(id, endStream, ['x', 'y'])), noHead: true },
  {
    title: 'says two statuses',
    serve: (to, id) => to.send(headers(id, endStream, status(200), status(500))),
    noHead: true,
  },
  {
    title: 'says no number for a status',
    serve: (to, id) => to.send(headers(id, endStream, status('2x0'))),
    noHead: true,
  },
  {
    title: 'says its status behind a header',
    serve: (to, id) => to.send(headers(id, endStream, ['x', 'y'], status(200))),
    noHead: true,
  },
  {
    title: 'sends a pseudo-header of a request',
    serve: (to, id) => to.send(headers(id, endStream, status(200), [':path', '/'])),
    noHead: true,
  },
  {
    title: 'switches protocols',
    serve: (to, id) => to.send(headers(id, 0, status(101)), data(id, 'evil')),
    noHead: true,
  },
  {
    title: 'ends with an interim head',
    serve: (to, id) => to.send(headers(id, endStream, status(103))),
    noHead: true,
  },
  {
    title: 'sends a body without a head',
    serve: (to, id) => to.send(data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'sends a pseudo-header among its trailers',
    serve: (to, id) => to.send(ok(id), data(id, 'some'), headers(id, endStream, status(200))),
  },
  {
    title: 'goes on behind its trailers',
    serve: (to, id) =>
      to.send(ok(id), data(id, 'some'), headers(id, 0, ['x', 'y']), data(id, 'evil', endStream)),
  },
  {
    title: 'sends more trailers than anybody needs',
    serve: (to, id) => {
      const many = Array.from({ length: 101 }, (_, i) => [`x-${i}`, ''] as const)
      to.send(ok(id), data(id, 'some'), headers(id, endStream, ...many))
    },
  },
  {
    title: 'sends a header that is too large',
    serve: (to, id) => {
      const parts = [large, large, 'x'.repeat(11_000)]
      const bytes = block(status(200), ['a', parts.join('')])
      const pieces = Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, i) =>
        bytes.subarray(i * 16_384, (i + 1) * 16_384),
      )
      pieces.forEach((piece, i) => {
        const last = i === pieces.length - 1 ? endHeaders : 0
        to.send(frame(i === 0 ? types.headers : types.continuation, last, id, piece))
      })
    },
    noHead: true,
  },
  {
    title: 'sends more headers than anybody needs',
    serve: (to, id) => {
      const many = Array.from({ length: 300 }, (_, i) => [`x-${i}`, ''] as const)
      to.send(ok(id, ...many), data(id, 'some', endStream))
    },
    noHead: true,
  },
  {
    title: 'unpacks a few bytes to megabytes of headers',
    serve: (to, id) => {
      // One field of 4,000 bytes into the table, then a reference to it of one byte, many times.
      const value = Buffer.concat([
        Buffer.from([0x40, 1, 97, 127, 0x80 + ((4_000 - 127) % 128), Math.floor((4_000 - 127) / 128)]),
        Buffer.alloc(4_000, 120),
      ])
      const bomb = Buffer.concat([block(status(200)), value, Buffer.alloc(12_000, 0xbe)])
      to.send(frame(types.headers, endHeaders, id, bomb.subarray(0, 16_384)))
    },
    noHead: true,
  },
  {
    title: 'continues a header section without end',
    serve: (to, id) => {
      to.send(frame(types.headers, 0, id, block(status(200))))
      const more = frame(types.continuation, 0, id, block(['x', 'y']))
      for (let i = 0; i < 100; i++) to.send(more)
    },
    noHead: true,
  },
  {
    title: 'begins another frame within a header section',
    serve: (to, id) => to.send(frame(types.headers, 0, id, block(status(200))), data(id, 'some', endStream)),
    noHead: true,
  },
  {
    title: 'pushes',
    serve: (to, id) => {
      const promised = Buffer.concat([
        uint32(2),
        block([':method', 'GET'], [':path', '/'], [':scheme', 'http'], [':authority', 'a']),
      ])
      to.send(
        frame(types.push, endHeaders, id, promised),
        headers(2, endStream, status(200)),
        whole(id, 'evil'),
      )
    },
    noHead: true,
  },
  {
    title: 'opens a stream of its own',
    serve: (to, id) => to.send(headers(2, endStream, status(200)), whole(id, 'evil')),
    noHead: true,
  },
  {
    title: 'answers a stream that was never opened',
    serve: (to, id) => to.send(headers(id + 20, endStream, status(200)), whole(id, 'evil')),
    noHead: true,
  },
  { title: 'closes before its head', serve: ({ socket }) => socket.end(), noHead: true },
  {
    title: 'closes within its body',
    serve: (to, id) => {
      to.send(ok(id), data(id, 'some'))
      to.socket.end()
    },
  },
  {
    title: 'resets its connection within its body',
    serve: (to, id) => {
      to.send(ok(id), data(id, 'some'))
      setImmediate(() => to.socket.resetAndDestroy())
    },
  },
  {
    title: 'closes within a frame',
    serve: (to, id) => {
      to.send(ok(id), data(id, 'some and more', endStream).subarray(0, -3))
      to.socket.end()
    },
  },
  {
    title: 'goes away within its body and closes',
    serve: (to, id) => {
      to.send(ok(id), data(id, 'some'), goAway(id, 0))
      to.socket.end()
    },
  },
  {
    title: 'goes away with an error within its body',
    serve: (to, id) => to.send(ok(id), data(id, 'some'), goAway(id, 2)),
  },
  {
    title: 'sends a frame that is too large',
    serve: (to, id) => to.send(ok(id), data(id, 'x'.repeat(20_000))),
  },
  {
    title: 'sends more than the window allows',
    serve: (to, id) => {
      to.send(ok(id))
      for (let i = 0; i < 40; i++) to.send(data(id, 'x'.repeat(16_384)))
    },
  },
  {
    title: 'opens the window too far',
    serve: (to, id) => to.send(frame(types.window, 0, id, uint32(0x7fffffff)), ok(id)),
    noHead: true,
  },
  {
    title: 'opens the window by nothing',
    serve: (to, id) => to.send(frame(types.window, 0, id, uint32(0))),
    noHead: true,
  },
  {
    title: 'sends SETTINGS without end',
    serve: (to) => {
      const flood = Buffer.concat(Array.from({ length: 5_000 }, () => frame(types.settings, 0, 0)))
      to.send(flood)
    },
    noHead: true,
  },
  {
    title: 'sends PING without end',
    serve: (to) => {
      const flood = Buffer.concat(Array.from({ length: 5_000 }, () => frame(types.ping, 0, 0, '12345678')))
      to.send(flood)
    },
    noHead: true,
  },
  {
    title: 'goes away without end',
    serve: (to, id) => {
      to.send(...Array.from({ length: 5_000 }, () => goAway(id, 0)))
    },
    noHead: true,
  },
  {
    title: 'sends bytes that are no frame',
    serve: (to, id) => to.send(ok(id), Buffer.alloc(100, 255)),
  },
  {
    title: 'breaks HPACK',
    serve: (to, id) => to.send(frame(types.headers, endHeaders | endStream, id, Buffer.alloc(20, 255))),
    noHead: true,
  },
]

/** Fields that are none; `evil` stands in each. */
export const invalidFields: readonly (readonly [name: string, value: string])[] = [
  ['x', 'a\r\nset-cookie: evil=1'],
  ['x', 'evil\0b'],
  ['x', 'a\nevil'],
  ['x', 'a\revil'],
  ['x', '\x01evil'],
  ['x', 'evil\x7f'],
  ['set-cookie', 'evil=1\0'],
  ['x evil', '1'],
  ['x:evil', '1'],
  ['xevil\0', '1'],
  ['x\xe4evil', '1'],
  ['x\r\nset-cookie', 'evil'],
  ['', 'evil'],
]
