// What a hostile upstream does to one request, as data for hostile-upstream.test.ts.
import type { Socket } from 'node:net'

/** `reset`: breaks the connection below TLS, if there is any. */
export type Does = (socket: Socket, reset: () => void) => void

export interface Act {
  /** "that ..." */
  readonly title: string
  readonly does: Does
  /** Of the answer that the client gets; where it is 200, its body must not end well. */
  readonly status: number
}

export const ok = 'HTTP/1.1 200 OK\r\n'
export const whole = `${ok}Content-Length: 2\r\n\r\nok`
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`

const write = (text: string) => (socket: Socket) => void socket.write(Buffer.from(text, 'latin1'))
const end = (text: string) => (socket: Socket) => void socket.end(text)
/** The bytes are on their way before the reset, which else could overtake them. */
const reset =
  (text: string): Does =>
  (socket, breakOff) =>
    void socket.write(text, () => setTimeout(breakOff, 20))

const flood = (before: string, again: string) => (socket: Socket) => {
  socket.write(before)
  const piece = again.repeat(Math.ceil(16_384 / again.length))
  const more = (): void => {
    while (!socket.destroyed) if (!socket.write(piece)) return void socket.once('drain', more)
  }
  more()
}

const trickle = (before: string, again: string) => (socket: Socket) => {
  socket.write(before)
  const timer = setInterval(() => socket.write(again), 20)
  socket.once('close', () => clearInterval(timer))
}

const refused: [string, Does][] = [
  ['closes at once', (socket) => socket.end()],
  ['resets at once', (_, breakOff) => breakOff()],
  ['closes within the status line', end('HTTP/1.1 2')],
  ['resets within the status line', reset('HTTP/1.1 2')],
  ['closes within the head', end(ok)],
  ['resets within the head', reset(`${ok}A: b\r\n`)],
  ['closes behind an interim answer', end('HTTP/1.1 103 Early Hints\r\n\r\n')],
  ['speaks another protocol', write('SSH-2.0-OpenSSH\r\n\r\n')],
  ['says two different lengths', write(`${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`)],
  ['says a length twice', write(`${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`)],
  ['says a list of lengths', write(`${ok}Content-Length: 2, 2\r\n\r\nok`)],
  ['says a length that is none', write(`${ok}Content-Length: +2\r\n\r\nok`)],
  [
    'says a length and chunks',
    write(`${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  ],
  [
    'says chunks and a length',
    write(`${ok}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n`),
  ],
  ['says a coding that nobody knows', write(`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)],
  ['ends lines with LF alone', write('HTTP/1.1 200 OK\nContent-Length: 2\n\nok')],
  ['ends a header with LF alone', write(`${ok}A: b\nContent-Length: 2\r\n\r\nok`)],
  ['folds a header', write(`${ok}A: b\r\n c\r\nContent-Length: 2\r\n\r\nok`)],
  ['puts NUL into a header', write(`${ok}A: b\0c\r\nContent-Length: 2\r\n\r\nok`)],
  ['puts a space before a colon', write(`${ok}Content-Length : 2\r\n\r\nok`)],
  [
    'switches protocols unasked',
    write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nevil'),
  ],
  ['switches to HTTP/2 unasked', write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nevil')],
  ['sends one header without end', flood(ok, 'A: b')],
  ['sends large headers without end', flood(ok, `A: ${'b'.repeat(1_000)}\r\n`)],
  ['sends small headers without end', flood(ok, 'A: b\r\n')],
  ['sends interim answers without end', flood('', 'HTTP/1.1 102 Processing\r\n\r\n')],
]

const late: [string, Does][] = [
  ['says nothing', () => {}],
  ['speaks HTTP/2', write('\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff')],
  ['says nothing behind half a head', write(ok)],
  ['sends its head a little at a time for ever', trickle(`${ok}A: `, 'b')],
]

const broken: [string, Does][] = [
  ['ends a body early', end(`${ok}Content-Length: 10\r\n\r\nshort`)],
  ['resets within a body', reset(`${ok}Content-Length: 10\r\n\r\nshort`)],
  ['resets behind its head', reset(`${ok}Content-Length: 10\r\n\r\n`)],
  ['says nothing within a body', write(`${ok}Content-Length: 10\r\n\r\nshort`)],
  ['resets a body that the end of the connection ends', reset(`${ok}\r\nshort`)],
  ['ends within a chunk', end(`${chunked}5\r\nshor`)],
  ['ends between chunks', end(`${chunked}5\r\nshort\r\n`)],
  ['resets between chunks', reset(`${chunked}5\r\nshort\r\n`)],
  ['ends within the last chunk', end(`${chunked}5\r\nshort\r\n0\r\n`)],
  ['breaks its chunks', write(`${chunked}5\r\nshort\r\nzz\r\n`)],
  ['sends a chunk that is longer than it says', write(`${chunked}2\r\nshort\r\n0\r\n\r\n`)],
  ['sends a chunk size that overflows', write(`${chunked}5\r\nshort\r\n${'f'.repeat(17)}\r\n`)],
  ['sends a chunk size without end', flood(chunked, '0')],
  ['sends a chunk extension without end', flood(`${chunked}5\r\nshort\r\n5`, ';a=b')],
  ['sends trailers without end', flood(`${chunked}2\r\nok\r\n0\r\n`, 'A: b\r\n')],
  ['sends one trailer without end', flood(`${chunked}2\r\nok\r\n0\r\n`, 'A: b')],
]

const rowsOf = (rows: [string, Does][], status: number): Act[] =>
  rows.map(([title, does]) => ({ title, does, status }))

export const acts: readonly Act[] = [...rowsOf(refused, 502), ...rowsOf(late, 504), ...rowsOf(broken, 200)]

/** Where our own parser waits for the end of a line, and node's knows at once that none of it can be right. */
export const refusedByUndici: ReadonlyMap<string, number> = new Map([['speaks HTTP/2', 502]])

/** What node's parser, as undici uses it, lets pass: excluded with `"transport": "undici"`. */
export const passedByUndici: ReadonlyMap<string, string> = new Map([
  ['says a coding that nobody knows', 'any coding is fine for it whose last one is chunked'],
  [
    'resets a body that the end of the connection ends',
    'a reset is as good as an end where the connection is not to be used again',
  ],
])

/** Their answer is whole, and yet their connection is not to be used again. */
export const surplus: readonly [title: string, bytes: string][] = [
  ['two answers at once', `${whole}${ok}Content-Length: 4\r\n\r\nevil`],
  ['bytes behind its answer', `${whole}evil`],
  ['an answer that is longer than it says', `${ok}Content-Length: 2\r\n\r\nokevil`],
  [
    'a second answer behind the last chunk',
    `${chunked}2\r\nok\r\n0\r\n\r\n${ok}Content-Length: 4\r\n\r\nevil`,
  ],
  ['a body that must not be there', 'HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil'],
  ['a body behind 304', 'HTTP/1.1 304 Not Modified\r\n\r\nevil'],
]
