// Requests that hide another one where their framing is beyond doubt: in a body, behind a handshake, behind a refusal. For
// smuggling.test.ts.
import { chunk, get, host, lengthOf, post, type Smuggling } from './smuggling-framing.ts'

type Bytes = (path: string, hidden: string) => string

const handshake = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** `lines`, and a body of which only the framing says that it is one. */
const framed: readonly [string, (hidden: string) => string][] = [
  ['a length', (hidden) => `${lengthOf(get(hidden))}\r\n${get(hidden)}`],
  ['a chunk', (hidden) => `Transfer-Encoding: chunked\r\n\r\n${chunk(get(hidden))}`],
]

/** Lines beside which the framing must still be heeded. */
const beside: readonly [string, string][] = [
  ['a WebSocket handshake', `Connection: Upgrade\r\nUpgrade: websocket\r\n${handshake}`],
  ['a handshake without its Connection', `Upgrade: websocket\r\n${handshake}`],
  ['a handshake of two protocols', `Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n${handshake}`],
  ['two Upgrade headers', `Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n${handshake}`],
  ['h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ['h2c without its settings', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
  ['an upgrade to TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n'],
  ['Connection: Upgrade alone', 'Connection: Upgrade\r\n'],
  ['Connection that names the framing', 'Connection: content-length, transfer-encoding\r\n'],
  ['Proxy-Connection', 'Proxy-Connection: keep-alive, content-length\r\n'],
  ['Keep-Alive', 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n'],
  [
    'a method in a header',
    'X-HTTP-Method-Override: HEAD\r\nX-HTTP-Method: HEAD\r\nX-Method-Override: HEAD\r\n',
  ],
  ['a URL in a header', 'X-Original-URL: /open/x\r\nX-Rewrite-URL: /open/x\r\n'],
  ['Trailer', 'Trailer: Content-Length\r\n'],
  ['TE', 'TE: trailers, chunked\r\n'],
  ['Content-Encoding', 'Content-Encoding: chunked\r\n'],
  ['Range', 'Range: bytes=0-0\r\n'],
  ['If-None-Match', 'If-None-Match: *\r\n'],
]

/** Valid, if odd: read in one way by everybody. */
const goodChunks: readonly [string, (body: string) => string][] = [
  ['a size with zeros', (body) => `000${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ['a size in upper case', (body) => `${body.length.toString(16).toUpperCase()}\r\n${body}\r\n0\r\n\r\n`],
  ['many zeros at the end', (body) => `${body.length.toString(16)}\r\n${body}\r\n0000\r\n\r\n`],
  ['an extension', (body) => `${body.length.toString(16)};a=b\r\n${body}\r\n0;c\r\n\r\n`],
  ['a quoted extension', (body) => `${body.length.toString(16)};a="b;c"\r\n${body}\r\n0\r\n\r\n`],
  ['a trailer', (body) => `${body.length.toString(16)}\r\n${body}\r\n0\r\nX-T: GET / HTTP/1.1\r\n\r\n`],
  ['one byte a chunk', (body) => `${[...body].map((char) => `1\r\n${char}\r\n`).join('')}0\r\n\r\n`],
]

/** Expectations, refused or not: no body is taken for a request. */
const expectations: readonly [string, string, 'refused' | 'one'][] = [
  ['of 100-continue in capitals', 'Expect: 100-Continue\r\n', 'one'],
  ['of something else', 'Expect: 200-ok\r\n', 'refused'],
  ['of a list', 'Expect: 100-continue, 100-continue\r\n', 'refused'],
  ['with a parameter', 'Expect: 100-continue;x=y\r\n', 'refused'],
  ['with a space before the colon', 'Expect : 100-continue\r\n', 'refused'],
  ['on two lines', 'Expect:\r\n 100-continue\r\n', 'refused'],
]

/** Behind each of them nothing is a request any more. */
const lastWords: readonly [string, Bytes][] = [
  [
    'a handshake that is not agreed to',
    (path, hidden) =>
      `GET ${path} HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${handshake}\r\n${get(hidden)}`,
  ],
  [
    'Connection: close',
    (path, hidden) => `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n${get(hidden)}`,
  ],
  [
    'Connection: Close among others',
    (path, hidden) => `GET ${path} HTTP/1.1\r\n${host}Connection: x-a, Close\r\n\r\n${get(hidden)}`,
  ],
  [
    'two Connection headers',
    (path, hidden) =>
      `GET ${path} HTTP/1.1\r\n${host}Connection: keep-alive\r\nConnection: close\r\n\r\n${get(hidden)}`,
  ],
  ['HTTP/1.0', (path, hidden) => `GET ${path} HTTP/1.0\r\n${host}\r\n${get(hidden)}`],
]

export function* hiddenBodies(): Generator<Smuggling> {
  for (const [title, lines] of beside) {
    for (const [kind, tail] of framed) {
      for (const method of ['GET', 'POST']) {
        const bytes: Bytes = (path, hidden) => `${method} ${path} HTTP/1.1\r\n${host}${lines}${tail(hidden)}`
        yield { title: `${method} with ${kind} beside ${title}`, verdict: 'one', bytes, body: get }
      }
    }
  }
  for (const [title, body] of goodChunks) {
    const bytes: Bytes = (path, hidden) => post(path, 'Transfer-Encoding: chunked\r\n', body(get(hidden)))
    yield { title: `chunks with ${title}`, verdict: 'one', bytes, body: get }
  }
  for (const [title, line, verdict] of expectations) {
    const bytes: Bytes = (path, hidden) => post(path, line + lengthOf(get(hidden)), get(hidden))
    yield { title: `an expectation ${title}`, verdict, bytes, ...(verdict === 'one' && { body: get }) }
  }
  for (const [title, bytes] of lastWords)
    yield { title: `behind ${title}`, verdict: 'one', bytes, body: () => '' }
}
