// The tables of request-parser.test.ts: titles and bytes (latin1).
export const host = 'Host: a\r\n'
export const line = 'GET / HTTP/1.1\r\n'
export const get = `${line}${host}\r\n`
export const chunked = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`

const withHeader = (header: string, body = ''): string => `POST / HTTP/1.1\r\n${host}${header}\r\n\r\n${body}`

/** Title, bytes and status. Nothing of them may be taken for a request. */
export const refusedHeads: readonly [string, string, number][] = [
  ['two empty lines before the request line', `\r\n\r\n${get}`, 400],
  ['a lone line feed before the request line', `\n${get}`, 400],
  ['a lone carriage return before the request line', `\r${get}`, 400],
  ['a space before the request line', ` ${get}`, 400],
  ['no request line', `\r\n${host}\r\n`, 400],
  ['a method alone', 'GET\r\n\r\n', 400],
  ['no version', 'GET /\r\n\r\n', 400],
  ['an empty target', `GET  HTTP/1.1\r\n${host}\r\n`, 400],
  ['two spaces before the target', `GET  / HTTP/1.1\r\n${host}\r\n`, 400],
  ['two spaces behind the target', `GET /  HTTP/1.1\r\n${host}\r\n`, 400],
  ['a tab before the target', `GET\t/ HTTP/1.1\r\n${host}\r\n`, 400],
  ['a tab behind the target', `GET /\tHTTP/1.1\r\n${host}\r\n`, 400],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${host}\r\n`, 400],
  ['a tab in the target', `GET /a\tb HTTP/1.1\r\n${host}\r\n`, 400],
  ['NUL in the target', `GET /a\0b HTTP/1.1\r\n${host}\r\n`, 400],
  ['CR in the target', `GET /a\rb HTTP/1.1\r\n${host}\r\n`, 400],
  ['bytes beyond ASCII in the path', `GET /\xe4 HTTP/1.1\r\n${host}\r\n`, 400],
  ['bytes beyond ASCII in the query', `GET /?\xe4 HTTP/1.1\r\n${host}\r\n`, 400],
  ['DEL in the target', `GET /a\x7f HTTP/1.1\r\n${host}\r\n`, 400],
  ['a space behind the version', `GET / HTTP/1.1 \r\n${host}\r\n`, 400],
  ['a tab behind the version', `GET / HTTP/1.1\t\r\n${host}\r\n`, 400],
  ['a fourth word', `GET / HTTP/1.1 x\r\n${host}\r\n`, 400],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`, 505],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${host}\r\n`, 505],
  ['HTTP/0.9', `GET / HTTP/0.9\r\n${host}\r\n`, 505],
  ['HTTP/1', `GET / HTTP/1\r\n${host}\r\n`, 400],
  ['HTTP/1.10', `GET / HTTP/1.10\r\n${host}\r\n`, 400],
  ['HTTP/01.1', `GET / HTTP/01.1\r\n${host}\r\n`, 400],
  ['http/1.1', `GET / http/1.1\r\n${host}\r\n`, 400],
  ['HTTP/1.1 of another protocol', `GET / XHTTP/1.1\r\n${host}\r\n`, 400],
  ['a version with a bare CR', `GET / HTTP/1.1\r${host}\r\n\r\n`, 400],
  ['a method in small letters', `get / HTTP/1.1\r\n${host}\r\n`, 400],
  ['a method that nobody knows', `GOT / HTTP/1.1\r\n${host}\r\n`, 400],
  ['a method with a character beyond tokens', `GE(T / HTTP/1.1\r\n${host}\r\n`, 400],
  ['a preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a TLS client hello', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n', 400],
  ['bare LF behind the request line', `GET / HTTP/1.1\n${host}\r\n`, 400],
  ['bare LF behind a header', `${line}Host: a\nA: b\r\n\r\n`, 400],
  ['bare LF as the empty line', `${line}${host}\n`, 400],
  ['bare LFs only', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['bare CR behind a header', `${line}Host: a\rA: b\r\n\r\n`, 400],
  ['CR CR LF', `${line}Host: a\r\r\n\r\n`, 400],
  ['LF CR', `${line}Host: a\n\rA: b\r\n\r\n`, 400],
  ['an empty name', `${line}${host}: b\r\n\r\n`, 400],
  ['a name without a colon', `${line}${host}A\r\n\r\n`, 400],
  ['a space before the colon', `${line}${host}Content-Length : 0\r\n\r\n`, 400],
  ['a tab before the colon', `${line}${host}Content-Length\t: 0\r\n\r\n`, 400],
  ['a space in a name', `${line}${host}Content Length: 0\r\n\r\n`, 400],
  ['a space before the first header', `${line} ${host}\r\n`, 400],
  ['a tab before the first header', `${line}\t${host}\r\n`, 400],
  ['a folded line', `${line}${host}A: b\r\n c\r\n\r\n`, 400],
  ['a line folded by a tab', `${line}${host}A: b\r\n\tc\r\n\r\n`, 400],
  ['a line of white space', `${line}${host} \r\n\r\n`, 400],
  ['NUL in a name', `${line}${host}A\0: b\r\n\r\n`, 400],
  ['a name beyond ASCII', `${line}${host}\xe9: b\r\n\r\n`, 400],
  ['a name in quotes', `${line}${host}"A": b\r\n\r\n`, 400],
  ['a name with a slash', `${line}${host}A/B: b\r\n\r\n`, 400],
  ['NUL in a value', `${line}${host}A: b\0c\r\n\r\n`, 400],
  ['a vertical tab in a value', `${line}${host}A: b\x0bc\r\n\r\n`, 400],
  ['a form feed in a value', `${line}${host}A: \x0cb\r\n\r\n`, 400],
  ['an escape character in a value', `${line}${host}A: b\x1b[2J\r\n\r\n`, 400],
  ['DEL in a value', `${line}${host}A: b\x7fc\r\n\r\n`, 400],
  ['a __proto__ header', `${line}${host}__proto__: b\r\n\r\n`, 400],
  ['Host twice, alike', `${line}${host}${host}\r\n`, 400],
  ['Host twice, different', `${line}${host}hOST: b\r\n\r\n`, 400],
  ['too large a head', `${line}${host}A: ${'b'.repeat(16_384)}\r\n\r\n`, 431],
  ['too large a head of many lines', `${line}${host}${`A: ${'b'.repeat(1_000)}\r\n`.repeat(17)}\r\n`, 431],
  ['too long a request line', `GET /${'a'.repeat(16_384)} HTTP/1.1\r\n${host}\r\n`, 431],
  ['more headers than anybody counts', `${line}${host}${'A:b\r\n'.repeat(300)}\r\n`, 400],
]

const lengths = [
  ...['', ' ', '05', '00', '+5', '-5', '-0', '5,5', '5, 5', '5,', ',5', '5 5', '5;', '0x5', '5.0', '5e0'],
  ...["'5'", '"5"', '5\xa0', '\xa05', '5\x0b', '\u0665', '5L', '5_0', '1000000000000000', '9007199254740993'],
  ...['18446744073709551621', '99999999999999999999', '4294967301x', 'Infinity', 'NaN', '0b101', '0o5'],
]
const codings = [
  ...[
    '',
    ' ',
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked,',
    ',chunked',
  ],
  ...[
    'identity, chunked',
    'chunked, identity',
    'chunked;a=b',
    'chunked ;a',
    'x-chunked',
    'xchunked',
    'chunkedx',
  ],
  ...[
    'chunked x',
    '"chunked"',
    "'chunked'",
    '\x0bchunked',
    'chunked\x0b',
    'chunke',
    'chunk',
    'cow',
    'trailers',
  ],
  ...['chunked\xa0', '\xa0chunked', 'c\0hunked', 'chun\u212aed', 'chunked, ', 'deflate', 'br'],
]

export const refusedFramings: readonly [string, string, number][] = [
  ...lengths.map((value): [string, string, number] => [
    `Content-Length ${JSON.stringify(value)}`,
    withHeader(`Content-Length: ${value}`, 'hello'),
    400,
  ]),
  ...codings.map((value): [string, string, number] => [
    `Transfer-Encoding ${JSON.stringify(value)}`,
    withHeader(`Transfer-Encoding: ${value}`, '0\r\n\r\n'),
    400,
  ]),
  ['Content-Length twice, alike', withHeader('Content-Length: 5\r\nContent-Length: 5', 'hello'), 400],
  ['Content-Length twice, different', withHeader('Content-Length: 5\r\ncontent-length: 0', 'hello'), 400],
  ['Content-Length of nothing twice', withHeader('Content-Length: 0\r\nContent-Length: 0'), 400],
  [
    'Transfer-Encoding twice',
    withHeader('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding in two lines',
    withHeader('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  [
    'identity, in two lines',
    withHeader('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'),
    400,
  ],
  ['TE, then CL', withHeader('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'), 400],
  ['CL, then TE', withHeader('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  ['TE and a CL of nothing', withHeader('Content-Length: 0\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  ['a tab behind chunked', withHeader('Transfer-Encoding: chunked\t', '0\r\n\r\n'), 400],
  ['a tab behind a length', withHeader('Content-Length: 5\t', 'hello'), 400],
  ['a folded Transfer-Encoding', withHeader('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'), 400],
  ['a folded Content-Length', withHeader('Content-Length:\r\n 5', 'hello'), 400],
  ['TE in HTTP/1.0', chunked.replace('1.1', '1.0'), 400],
]

const sizes = [
  ...['', ' ', 'g', '0x5', '-5', '+5', '5 ', ' 5', '\t5', '5\t', '5\0', '5,', '"5"', '5 ;a=b', '5;', '5;;a'],
  ...['5; a=b', '5;a =b', '5;a= b', '5;a="b', '5;a="b"c', '5;a="\\""', '5;a="\n"', '5;a=\0', '5;\xe9', '5 5'],
  ...['5;a="\x7f"', '5;a=b;', '00000000000005', '20000000000000', 'ffffffffffffffff', '10000000000000005'],
  ...['fffffffffffffffb', `5;${'a'.repeat(256)}`, '5\x0b', '5.', '5h', '5\xa0', ';5', '=5', '5\r'],
]

/** Bodies that are broken: the head stands, the end never comes. */
export const brokenBodies: readonly [string, string][] = [
  ...sizes.map((size): [string, string] => [
    `chunk-size line ${JSON.stringify(size)}`,
    `${chunked}${size}\r\nhello\r\n0\r\n\r\n`,
  ]),
  ['bare LF behind a chunk size', `${chunked}5\nhello\r\n0\r\n\r\n`],
  ['bare LF in an extension', `${chunked}5;a\nhello\r\n0\r\n\r\n`],
  ['bare CR behind a chunk size', `${chunked}5\rhello\r\n0\r\n\r\n`],
  ['CR CR LF behind a chunk size', `${chunked}5\r\r\nhello\r\n0\r\n\r\n`],
  ['a chunk longer than its size', `${chunked}4\r\nhello\r\n0\r\n\r\n`],
  ['a chunk shorter than its size', `${chunked}6\r\nhello\r\n0\r\n\r\n`],
  ['another byte and LF behind a chunk', `${chunked}5\r\nhellox\n0\r\n\r\n`],
  ['bare LF behind a chunk', `${chunked}5\r\nhello\n0\r\n\r\n`],
  ['bare CR behind a chunk', `${chunked}5\r\nhello\r0\r\n\r\n`],
  ['no line end behind a chunk', `${chunked}5\r\nhello0\r\n\r\n`],
  ['two line ends behind a chunk', `${chunked}5\r\nhello\r\n\r\n0\r\n\r\n`],
  ['bare LF at the end', `${chunked}0\r\n\n`],
  ['bare LF behind the last size', `${chunked}0\n\r\n`],
  ['a request in place of a chunk', `${chunked}${get}`],
  ['a request in place of the last line', `${chunked}0\r\n${get}`],
  ['a trailer that is no header', `${chunked}0\r\nA\r\n\r\n`],
  ['Content-Length in a trailer', `${chunked}0\r\nContent-Length: 9\r\n\r\n`],
  ['Transfer-Encoding in a trailer', `${chunked}0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['Connection in a trailer', `${chunked}0\r\nConnection: close\r\n\r\n`],
  ['a folded trailer', `${chunked}0\r\nA: b\r\n c\r\n\r\n`],
  ['a space before the colon of a trailer', `${chunked}0\r\nA : b\r\n\r\n`],
  ['NUL in a trailer', `${chunked}0\r\nA: \0\r\n\r\n`],
  ['too large a trailer', `${chunked}0\r\nA: ${'b'.repeat(16_384)}\r\n\r\n`],
  ['trailers too large together', `${chunked}0\r\n${`A: ${'b'.repeat(1_000)}\r\n`.repeat(17)}\r\n`],
]

/** What ends before the request does, without being wrong so far. */
export const unfinished: readonly [string, string][] = [
  ['nothing', ''],
  ['an empty line', '\r\n'],
  ['a request line', line],
  ['a head without its empty line', `${line}${host}`],
  ['half of the empty line', `${line}${host}\r`],
  ['a body of known length', withHeader('Content-Length: 6', 'hello')],
  ['a chunk', `${chunked}6\r\nhello`],
  ['a chunk without its line end', `${chunked}5\r\nhello`],
  ['a chunk with half of its line end', `${chunked}5\r\nhello\r`],
  ['a size without its line end', `${chunked}5`],
  ['a body without its last chunk', `${chunked}5\r\nhello\r\n`],
  ['a body without its last empty line', `${chunked}0\r\n`],
  ['trailers without the last empty line', `${chunked}0\r\nA: b\r\n`],
]

export interface TakenRequest {
  readonly title: string
  readonly text: string
  readonly method?: string
  readonly target?: string
  readonly version?: '1.0' | '1.1'
  readonly body?: string
  readonly headers?: readonly string[]
  /** Default null: none. */
  readonly trailers?: readonly string[]
  /** Default true. */
  readonly keepAlive?: boolean
}

export const taken: readonly TakenRequest[] = [
  { title: 'a plain request', text: get, headers: ['Host', 'a'] },
  { title: 'no headers at all', text: `${line}\r\n`, headers: [] },
  { title: 'an empty line before the request line', text: `\r\n${get}`, headers: ['Host', 'a'] },
  { title: 'absolute-form', text: `GET http://a/b HTTP/1.1\r\n${host}\r\n`, target: 'http://a/b' },
  { title: 'authority-form', text: `CONNECT a:1 HTTP/1.1\r\n${host}\r\n`, method: 'CONNECT', target: 'a:1' },
  { title: 'an asterisk', text: `OPTIONS * HTTP/1.1\r\n${host}\r\n`, method: 'OPTIONS', target: '*' },
  { title: 'a target with odd characters', text: `GET /"<>|{}^\` HTTP/1.1\r\n\r\n`, target: '/"<>|{}^`' },
  {
    title: 'headers as they are, in their order',
    text: `${line}X: a  b \t\r\nEmpty:\r\nx: \xe9:\t"\r\n\r\n`,
    headers: ['X', 'a  b', 'Empty', '', 'x', '\xe9:\t"'],
  },
  { title: 'every character of a token in a name', text: `${line}!#$%&'*+-.^_\`|~09aZ: b\r\n\r\n` },
  { title: 'names that every object has', text: `${line}constructor: a\r\ntoString: b\r\n\r\n` },
  {
    title: 'a length',
    text: withHeader('Content-Length: 5', 'hello'),
    method: 'POST',
    body: 'hello',
  },
  { title: 'a length of nothing', text: withHeader('Content-Length: 0'), method: 'POST' },
  {
    title: 'white space about a length',
    text: withHeader('Content-Length:\t 5 ', 'hello'),
    method: 'POST',
    body: 'hello',
  },
  {
    title: 'no space before a length',
    text: withHeader('cONTENT-lENGTH:5', 'hello'),
    method: 'POST',
    body: 'hello',
  },
  { title: 'a length on GET', text: `${line}${host}Content-Length: 2\r\n\r\nhi`, body: 'hi' },
  {
    title: 'a request within a body of known length',
    text: withHeader(`Content-Length: ${get.length}`, get),
    method: 'POST',
    body: get,
  },
  {
    title: 'chunks',
    text: `${chunked}5\r\nhello\r\n00001\r\n!\r\n0\r\n\r\n`,
    method: 'POST',
    body: 'hello!',
  },
  { title: 'no chunk', text: `${chunked}0\r\n\r\n`, method: 'POST' },
  { title: 'a last chunk of many zeros', text: `${chunked}0000\r\n\r\n`, method: 'POST' },
  {
    title: 'sizes in either case',
    text: `${chunked}a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    method: 'POST',
    body: '01234567890123456789',
  },
  {
    title: 'a request within a chunk',
    text: `${chunked}${get.length.toString(16)}\r\n${get}\r\n0\r\n\r\n`,
    method: 'POST',
    body: get,
  },
  {
    title: 'chunk extensions',
    text: `${chunked}2;a;b=c;d="e;f=\t~"\r\nhi\r\n0;z=9\r\n\r\n`,
    method: 'POST',
    body: 'hi',
  },
  {
    title: 'trailers, which never become headers',
    text: `${chunked}2\r\nhi\r\n0\r\nX-Tenant-Id: evil\r\nZ:\r\n\r\n`,
    method: 'POST',
    body: 'hi',
    trailers: ['X-Tenant-Id', 'evil', 'Z', ''],
    headers: ['Host', 'a', 'Transfer-Encoding', 'chunked'],
  },
  {
    title: 'Chunked in any case',
    text: withHeader('Transfer-Encoding: cHUNKED', '0\r\n\r\n'),
    method: 'POST',
  },
  { title: 'HTTP/1.0', text: `GET / HTTP/1.0\r\n\r\n`, version: '1.0', keepAlive: false },
  {
    title: 'HTTP/1.0 that is kept',
    text: `GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n`,
    version: '1.0',
  },
  {
    title: 'HTTP/1.0 that says both',
    text: `GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n`,
    version: '1.0',
    keepAlive: false,
  },
  { title: 'Connection: close', text: `${line}Connection: close\r\n\r\n`, keepAlive: false },
  { title: 'close among options', text: `${line}Connection: a ,\tCLOSE\r\n\r\n`, keepAlive: false },
  {
    title: 'close in a second line',
    text: `${line}Connection: keep-alive\r\nA: b\r\nConnection: close\r\n\r\n`,
    keepAlive: false,
  },
  {
    title: 'close in a first line',
    text: `${line}Connection: close\r\nConnection: keep-alive\r\n\r\n`,
    keepAlive: false,
  },
  { title: 'an option that only looks like close', text: `${line}Connection: closed\r\n\r\n` },
]
