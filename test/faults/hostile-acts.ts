// What an upstream can do to a request besides answering it: issue 4, item 4.
import type { Socket } from 'node:net'

/** `text`: the answer that would be right. */
export type Act = (socket: Socket, text: string) => void

const ok = 'HTTP/1.1 200 OK\r\n'
const lengthOf = (text: string, more = 0) => `Content-Length: ${Buffer.byteLength(text) + more}\r\n\r\n`
const whole = (text: string) => `${ok}${lengthOf(text)}${text}`

const resetBehind =
  (bytes: (text: string) => string): Act =>
  (socket, text) =>
    void socket.write(bytes(text), () => setImmediate(() => socket.resetAndDestroy()))

const say =
  (bytes: (text: string) => string): Act =>
  (socket, text) =>
    void socket.write(bytes(text))

/** Until the other side has had enough. */
const repeat =
  (first: string, piece: string): Act =>
  (socket) => {
    socket.write(first)
    const more = setInterval(() => socket.write(piece), 5)
    socket.once('close', () => clearInterval(more))
  }

/** Nothing of an answer can reach the client: it gets 502 or 504. */
const beforeTheHead = {
  'resets within the status line': resetBehind(() => 'HTTP/1.1 2'),
  'resets within the head': resetBehind(() => ok),
  'sends one length twice': say((text) => `${ok}${lengthOf(text).slice(0, -2)}${lengthOf(text)}${text}`),
  'sends a length and chunks': say(
    (text) => `${ok}Transfer-Encoding: chunked\r\n${lengthOf(text)}${text.length}\r\n${text}\r\n0\r\n\r\n`,
  ),
  'ends lines with LF alone': say((text) => whole(text).replaceAll('\r\n', '\n')),
  'sends a byte a second': (socket, text) => {
    const left = [...whole(text)]
    const more = setInterval(() => socket.write(left.shift() ?? ''), 1_000)
    socket.write(left.shift() ?? '')
    socket.once('close', () => clearInterval(more))
  },
  'sends 1xx without end': repeat('', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)),
  'sends headers without end': repeat(ok, 'A: b\r\n'.repeat(200)),
  'sends a header without end': repeat(`${ok}A: `, 'b'.repeat(4_000)),
} satisfies Record<string, Act>

/** The head may have gone out: the body must not end as if it were whole. */
const behindTheHead = {
  'resets behind the head': resetBehind((text) => `${ok}${lengthOf(text)}`),
  'resets within the body': resetBehind((text) => `${ok}${lengthOf(text, 10)}${text}`),
  'ends the body early': (socket, text) => void socket.end(`${ok}${lengthOf(text, 10)}${text}`),
  'stops within the body': say((text) => `${ok}${lengthOf(text, 10)}${text}`),
  'breaks its chunks': say(
    (text) => `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\n${text.slice(0, 5)}\r\nzz\r\n`,
  ),
  'sends trailers without end': repeat(
    `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`,
    'A: b\r\n'.repeat(200),
  ),
} satisfies Record<string, Act>

/** The answer is good, what comes behind it is nobody's. */
const surplus = {
  'sends a body longer than it says': say((text) => `${whole(text)}${'for evil'.repeat(3)}`),
  'sends two answers at once': say((text) => `${whole(text)}${whole('for evil')}`),
} satisfies Record<string, Act>

export const acts = { ...beforeTheHead, ...behindTheHead, ...surplus }
export type ActName = keyof typeof acts
export const actNames = Object.keys(acts) as readonly ActName[]

export function mayCut(name: string): boolean {
  return name in behindTheHead
}
