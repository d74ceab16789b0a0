// Requests whose head or body two parsers could end in two places, for smuggling.test.ts. In each one another request is
// hidden, where a laxer or an older parser would find it.
import { hiddenBodies } from './smuggling-bodies.ts'
import { chunk, codings, get, host, lengthOf, lengths, post, type Smuggling } from './smuggling-framing.ts'

/** In place of `5\r\nhello\r\n0\r\n\r\n`; a request hides behind it. */
const badChunks = [
  ...['5\nhello\r\n0\r\n\r\n', '5\rhello\r\n0\r\n\r\n', '5\r\r\nhello\r\n0\r\n\r\n', '5\r\nhello\n0\r\n\r\n'],
  ...['5\r\nhello0\r\n\r\n', '5\r\nhello\r0\r\n\r\n', '4\r\nhello\r\n0\r\n\r\n', '6\r\nhello\r\n0\r\n\r\n'],
  ...[
    '0x5\r\nhello\r\n0\r\n\r\n',
    '+5\r\nhello\r\n0\r\n\r\n',
    '-5\r\nhello\r\n0\r\n\r\n',
    ' 5\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '5 \r\nhello\r\n0\r\n\r\n',
    '5\t\r\nhello\r\n0\r\n\r\n',
    '5\x00\r\nhello\r\n0\r\n\r\n',
    '5;\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '5;a="\r\nhello\r\n0\r\n\r\n',
    '5;a\nb\r\nhello\r\n0\r\n\r\n',
    '5;a\rb\r\nhello\r\n0\r\n\r\n',
    '5 ;a\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '5,5\r\nhello\r\n0\r\n\r\n',
    '5\x0b\r\nhello\r\n0\r\n\r\n',
    'g\r\nhello\r\n0\r\n\r\n',
    '\r\nhello\r\n0\r\n\r\n',
  ],
  ...['5\r\nhello\r\n0\n\n', '5\r\nhello\r\n0\r\n\n', '5\r\nhello\r\n0\n\r\n', '5\r\nhello\r\n0\r\r\n\r\n'],
  ...[
    '5\r\nhello\r\n-0\r\n\r\n',
    '5\r\nhello\r\n0;\r\n\r\n',
    '5\r\nhello\r\n0 \r\n\r\n',
    '5\r\nhello\r\n\r\n\r\n',
  ],
  ...[
    '100000005\r\nhello\r\n0\r\n\r\n',
    '10000000000000005\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    'fffffffffffffffb\r\nhello\r\n0\r\n\r\n',
    '00000000000000005\r\nhello\r\n0\r\n\r\n',
    '5\xa0\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '0\r\nContent-Length: 5\r\n\r\n',
    '0\r\nTransfer-Encoding: chunked\r\n\r\n',
    '0\r\nConnection: close\r\n\r\n',
  ],
  ...[
    '0\r\nA : b\r\n\r\n',
    '0\r\nA: b\r\n c\r\n\r\n',
    '0\r\n: b\r\n\r\n',
    '0\r\nA: b\n\r\n',
    '0\r\nA\r\n\r\n',
    '0\r\n \r\n\r\n',
  ],
  ...['0\r\nA: \x00\r\n\r\n', '0\rA: b\r\n\r\n', '0\r\nX\xa0: b\r\n\r\n'],
]

/** Heads whose lines end otherwise, or that hide a line. HID stands for the hidden request's path. */
const badHeads = [
  ...['GET PATH HTTP/1.1\nHost: acme.example.com\n\n', 'GET PATH HTTP/1.1\n\rHost: acme.example.com\r\n\r\n'],
  ...['GET PATH HTTP/1.1\rHost: acme.example.com\r\r', 'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\n\n'],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\n\r\n',
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX: y\n\nGET HID HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX: y\r\rGET HID HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...['GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX\nGET HID HTTP/1.1\r\nA: b\r\n\r\n'],
  ...[
    'GET PATH HTTP/1.1\x00\r\nHost: acme.example.com\r\n\r\n',
    'GET\x00PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH\x00HID HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'GET PATH HID HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1 HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'GET PATH\rHTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\n Host: acme.example.com\r\n\r\n',
    'GET PATH HTTP/1.1\r\n\r\n',
    'GET PATH HTTP/1.1\r\nHost : acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nHost: globex.example.com\r\n\r\n',
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\n Host: x\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com, x\r\n\r\n',
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\x00\r\n\r\n',
    '\x00GET PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX: \x1b\r\n\r\n',
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX: \x7f\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\nX\x01: y\r\n\r\n',
    'GET PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r: y\r\n\r\n',
  ],
  ...[
    'GET http://globex.example.com/PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'GET PATH HTTP/1.10\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET PATH HTTP/2.0\r\nHost: acme.example.com\r\n\r\n',
    'GET PATH HTTP/1.2\r\nHost: acme.example.com\r\n\r\n',
    'GET PATH http/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'GET\tPATH\tHTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'GET  PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    ' GET PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
  ],
  ...[
    'TRACE PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'CONNECT PATH HTTP/1.1\r\nHost: acme.example.com\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
]

/** A good request whose body is a request: only its framing says so. */
const bodies: readonly [string, (path: string, hidden: string) => string][] = [
  ['a length', (path, hidden) => post(path, lengthOf(get(hidden)), get(hidden))],
  [
    'a length on GET',
    (path, hidden) => `GET ${path} HTTP/1.1\r\n${host}${lengthOf(get(hidden))}\r\n${get(hidden)}`,
  ],
  [
    'a length on DELETE',
    (path, hidden) => `DELETE ${path} HTTP/1.1\r\n${host}${lengthOf(get(hidden))}\r\n${get(hidden)}`,
  ],
  [
    'a length on OPTIONS',
    (path, hidden) => `OPTIONS ${path} HTTP/1.1\r\n${host}${lengthOf(get(hidden))}\r\n${get(hidden)}`,
  ],
  ['a chunk', (path, hidden) => post(path, 'Transfer-Encoding: chunked\r\n', chunk(get(hidden)))],
  [
    'a chunk on GET',
    (path, hidden) =>
      `GET ${path} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${chunk(get(hidden))}`,
  ],
  [
    'a length in HTTP/1.0',
    (path, hidden) => post(path, lengthOf(get(hidden)), get(hidden)).replace('HTTP/1.1', 'HTTP/1.0'),
  ],
  [
    'a length and Expect',
    (path, hidden) => post(path, `Expect: 100-continue\r\n${lengthOf(get(hidden))}`, get(hidden)),
  ],
  [
    'a length and Upgrade',
    (path, hidden) =>
      post(path, `Connection: Upgrade\r\nUpgrade: h2c\r\n${lengthOf(get(hidden))}`, get(hidden)),
  ],
  [
    'a nominated Content-Length',
    (path, hidden) => post(path, `Connection: content-length\r\n${lengthOf(get(hidden))}`, get(hidden)),
  ],
  [
    'a nominated Transfer-Encoding',
    (path, hidden) =>
      post(path, 'Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', chunk(get(hidden))),
  ],
  [
    'a nominated Host',
    (path, hidden) => post(path, `Connection: host\r\n${lengthOf(get(hidden))}`, get(hidden)),
  ],
]

/** Refused by policy before anybody read its body. DENY: a route that asks for a token. */
const refusedWithBody: readonly [string, (path: string, hidden: string) => string][] = [
  ['a length', (path, hidden) => post(path, lengthOf(get(hidden)), get(hidden))],
  ['a length that is too large', (path, hidden) => post(path, 'Content-Length: 99999999\r\n', get(hidden))],
  ['a chunk', (path, hidden) => post(path, 'Transfer-Encoding: chunked\r\n', chunk(get(hidden)))],
  [
    'a chunk without an end',
    (path, hidden) => post(path, 'Transfer-Encoding: chunked\r\n', `ffff\r\n${get(hidden)}`),
  ],
  ['a broken chunk', (path, hidden) => post(path, 'Transfer-Encoding: chunked\r\n', `zz\r\n${get(hidden)}`)],
  [
    'Expect and a length',
    (path, hidden) => post(path, `Expect: 100-continue\r\n${lengthOf(get(hidden))}`, get(hidden)),
  ],
  [
    'Expect and no body',
    (path, hidden) => post(path, 'Expect: 100-continue\r\nContent-Length: 500\r\n', get(hidden)),
  ],
  [
    'Connection: close',
    (path, hidden) => `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n${get(hidden)}`,
  ],
]

function* others(): Generator<Smuggling> {
  for (const text of badChunks) {
    const bytes = (path: string, hidden: string): string =>
      post(path, 'Transfer-Encoding: chunked\r\n', text + get(hidden))
    yield { title: `chunks ${JSON.stringify(text)}`, verdict: 'refused', bytes }
  }
  for (const text of badHeads) {
    const bytes = (path: string, hidden: string): string =>
      text.replaceAll('PATH', path).replaceAll('HID', hidden) + get(hidden)
    yield { title: `a head ${JSON.stringify(text)}`, verdict: 'refused', bytes }
  }
  for (const [title, bytes] of bodies) yield { title: `a body by ${title}`, verdict: 'one', bytes, body: get }
  for (const [title, bytes] of refusedWithBody) {
    for (const [reason, target] of [
      ['without a token', '/api'],
      ['without a route', '/none'],
    ] as const) {
      const refused = (path: string, hidden: string): string => bytes(path.replace('/open', target), hidden)
      yield { title: `a refused request ${reason}: ${title}`, verdict: 'refused', bytes: refused }
    }
  }
}

export const smugglings: readonly Smuggling[] = [...codings(), ...lengths(), ...others(), ...hiddenBodies()]
