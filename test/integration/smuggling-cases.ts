// Requests that two parsers could read in two ways, for smuggling.test.ts. In each one another request is hidden, where a
// laxer or an older parser would find it.

export interface Smuggling {
  readonly title: string
  /** Bytes (latin1); `path` is the one that may be asked for, `hidden` never. */
  bytes(path: string, hidden: string): string
  /** refused: the upstream hears nothing of it, or nothing whole. one: it gets this request and no other. */
  readonly verdict: 'refused' | 'one'
  /** Of the request that the upstream gets; default: not looked at. */
  body?(hidden: string): string
}

const host = 'Host: acme.example.com\r\n'
const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${host}\r\n`
const post = (path: string, headers: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\n${host}${headers}\r\n${body}`
/** Ends at once for who reads chunks; hides a request for who reads a length. */
const zeroThen = (hidden: string): string => `0\r\n\r\n${get(hidden)}`

/** Lines that some parser somewhere takes for Transfer-Encoding: chunked, and that HTTP does not know. */
const badCodings = [
  ...['Transfer-Encoding : chunked', 'Transfer-Encoding\t: chunked', 'Transfer-Encoding\x0b: chunked'],
  ...['Transfer-Encoding\x00: chunked', 'Transfer-Encoding\xa0: chunked', ' Transfer-Encoding: chunked'],
  ...['\tTransfer-Encoding: chunked', 'Transfer Encoding: chunked', 'Transfer-Encoding chunked'],
  ...[
    'Transfer-Encoding:\r\n chunked',
    'Transfer-Encoding: \r\n\tchunked',
    'Transfer-Encoding: x\r\n chunked',
  ],
  ...[
    'X: y\r\n Transfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
    'X: y\nTransfer-Encoding: chunked',
  ],
  ...['Transfer-Encoding: chunked\rX: y', 'Transfer-Encoding: chunked\n', 'Transfer-Encoding\r\n: chunked'],
  ...['Transfer-Encoding: \x0bchunked', 'Transfer-Encoding: chunked\x0b', 'Transfer-Encoding: \x0cchunked'],
  ...['Transfer-Encoding: \x00chunked', 'Transfer-Encoding: chunked\x00', 'Transfer-Encoding: chunk\x00ed'],
  ...['Transfer-Encoding: \xa0chunked', 'Transfer-Encoding: chunked\xa0', 'Transfer-Encoding: \x85chunked'],
  ...['Transfer-Encoding: "chunked"', "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked;q=1'],
  ...['Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx', 'Transfer-Encoding: x-chunked'],
  ...['Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: chunked,', 'Transfer-Encoding: ,chunked'],
  ...['Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: identity'],
  ...[
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: cow',
  ],
  ...[
    'Transfer-Encoding: chunked x',
    'Transfer-Encoding: c hunked',
    'Transfer-Encoding:',
    'Transfer-Encoding: ,',
  ],
  ...['Transfer-Encoding: chunked\t', 'Transfer-Encoding: chunked \t', 'Transfer-Encoding: CHUNKED, cow'],
  ...[
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: cow\r\nTransfer-Encoding: chunked',
  ],
  ...[
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: cow',
    'Transfer-Encoding: chunked\r\ntransfer-encoding: identity',
  ],
  ...['Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', '"Transfer-Encoding": chunked'],
  ...[
    'Transfer-Encoding; chunked',
    'Transfer-Encoding=chunked',
    'Tr\xe4nsfer-Encoding: chunked',
    ': chunked',
  ],
]

/** Valid, and chunked: refused as soon as there is a length too. */
const goodCodings = [
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'Transfer-Encoding:  chunked ',
]

/** Headers of other names: no framing for us, nor may the upstream take them for one. */
const otherNames = [
  ...[
    'Transfer_Encoding',
    'transfer.encoding',
    'TRANSFER_ENCODING',
    'Transfer-Encodings',
    'X-Transfer-Encoding',
  ],
  ...[
    'TransferEncoding',
    'Transfer--Encoding',
    'Transfer-Encoding-',
    '-Transfer-Encoding',
    'Transfer-Encodin',
  ],
  ...["Transfer-Encoding'", 'Transfer-Encoding!', 'TE', 'Encoding', 'Transfer', 'Content-Encoding'],
]

const badLengths = [
  ...['Content-Length: +LEN', 'Content-Length: -LEN', 'Content-Length: 0LEN', 'Content-Length: LEN, LEN'],
  ...['Content-Length: LEN,0', 'Content-Length: 0, LEN', 'Content-Length: LEN 0', 'Content-Length: LEN;a'],
  ...['Content-Length: 0xLEN', 'Content-Length: LEN.0', 'Content-Length: LENe0', 'Content-Length: "LEN"'],
  ...[
    'Content-Length: \x0bLEN',
    'Content-Length: LEN\x00',
    'Content-Length: \xa0LEN',
    'Content-Length: LENL',
  ],
  ...['Content-Length : LEN', 'Content-Length\t: LEN', 'Content-Length\x00: LEN', ' Content-Length: LEN'],
  ...[
    'Content Length: LEN',
    'Content-Length\xa0: LEN',
    'Content-Length LEN',
    'Content-Length=LEN',
    'Content-Length:',
  ],
  ...[
    'Content-Length:\r\n LEN',
    'Content-Length: \r\n\tLEN',
    'X: y\r\n Content-Length: LEN',
    'Content-Length: LEN\t',
  ],
  ...[
    'X: y\rContent-Length: LEN',
    'X: y\nContent-Length: LEN',
    'Content-Length: LEN\rX: y',
    'Content-Length: LEN\n',
  ],
  ...['Content-Length: LEN\r\nContent-Length: LEN', 'Content-Length: LEN\r\nContent-Length: 0'],
  ...['Content-Length: 0\r\nContent-Length: LEN', 'Content-Length: 0\r\ncontent-length: 0'],
  ...[
    'Content-Length: LEN\r\ncontent-Length: 1',
    'Content-Length: 00',
    'Content-Length: 1e99',
    'Content-Length: NaN',
  ],
  ...[
    'Content-Length: 18446744073709551616',
    'Content-Length: 4294967296000000',
    'Content-Length: 99999999999999999999',
  ],
]

const otherLengthNames = [
  ...[
    'Content_Length',
    'content.length',
    'CONTENT_LENGTH',
    'Content-Lengths',
    'X-Content-Length',
    'ContentLength',
  ],
  ...['Content--Length', '-Content-Length', 'Content-Length-', "Content-Length'", 'Length', 'Content-Lengt'],
]

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

function lengthOf(body: string): string {
  return `Content-Length: ${body.length}\r\n`
}

function chunk(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

function* codings(): Generator<Smuggling> {
  for (const line of badCodings) {
    const title = JSON.stringify(line)
    const verdict = 'refused' as const
    yield {
      title: `${title} alone`,
      verdict,
      bytes: (path, hidden) => post(path, `${line}\r\n`, zeroThen(hidden)),
    }
    for (const [where, order] of [
      ['before', 0],
      ['behind', 1],
    ] as const) {
      const bytes = (path: string, hidden: string): string => {
        const lines = [`${line}\r\n`, lengthOf(zeroThen(hidden))]
        return post(path, (order === 0 ? lines : lines.reverse()).join(''), zeroThen(hidden))
      }
      yield { title: `${title} ${where} a length`, verdict, bytes }
    }
  }
  for (const line of goodCodings) {
    const bytes = (path: string, hidden: string): string =>
      post(path, `${line}\r\n${lengthOf(zeroThen(hidden))}`, zeroThen(hidden))
    yield { title: `${JSON.stringify(line)} and a length`, verdict: 'refused', bytes }
    const old = (path: string, hidden: string): string =>
      post(path, `${line}\r\n`, chunk(get(hidden))).replace('HTTP/1.1', 'HTTP/1.0')
    yield { title: `${JSON.stringify(line)} in HTTP/1.0`, verdict: 'refused', bytes: old }
  }
  for (const name of otherNames) {
    const bytes = (path: string, hidden: string): string =>
      post(path, `${name}: chunked\r\n${lengthOf(zeroThen(hidden))}`, zeroThen(hidden))
    yield { title: `${name}: chunked and a length`, verdict: 'one', bytes, body: zeroThen }
  }
}

function* lengths(): Generator<Smuggling> {
  for (const line of badLengths) {
    const bytes = (path: string, hidden: string): string =>
      post(path, `${line.replaceAll('LEN', String(get(hidden).length))}\r\n`, get(hidden))
    yield { title: JSON.stringify(line), verdict: 'refused', bytes }
  }
  for (const name of otherLengthNames) {
    const bytes = (path: string, hidden: string): string =>
      post(path, `${name}: 0\r\n${lengthOf(get(hidden))}`, get(hidden))
    yield { title: `${name}: 0 and a length`, verdict: 'one', bytes, body: get }
  }
}

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

export const smugglings: readonly Smuggling[] = [...codings(), ...lengths(), ...others()]
