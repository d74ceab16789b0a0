// The tables of response-parser.test.ts: titles and bytes (latin1).
export const ok = 'HTTP/1.1 200 OK\r\n'
export const empty = `${ok}Content-Length: 0\r\n\r\n`
export const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`

export const refusedHeads: readonly [string, string][] = [
  ['no head at all', '\r\n\r\n'],
  ['an empty line before the status line', `\r\n${empty}`],
  ['a space before the status line', ` ${empty}`],
  ['HTTP/0.9', 'hello\r\n\r\n'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
  ['HTTP/1', 'HTTP/1 200 OK\r\n\r\n'],
  ['HTTP/1.10', 'HTTP/1.10 200 OK\r\n\r\n'],
  ['HTTP/01.1', 'HTTP/01.1 200 OK\r\n\r\n'],
  ['small letters', 'http/1.1 200 OK\r\n\r\n'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
  ['a tab before the status', 'HTTP/1.1\t200 OK\r\n\r\n'],
  ['a tab behind the status', 'HTTP/1.1 200\tOK\r\n\r\n'],
  ['no status', 'HTTP/1.1\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status that is no number', 'HTTP/1.1 2x0 OK\r\n\r\n'],
  ['a status with a sign', 'HTTP/1.1 +20 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['a status above 599', 'HTTP/1.1 600 OK\r\n\r\n'],
  ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
  ['CR in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n'],
  ['LF in the reason', 'HTTP/1.1 200 O\nK\r\n\r\n'],
  ['DEL in the reason', 'HTTP/1.1 200 O\x7fK\r\n\r\n'],
  [
    '101 that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n',
  ],
  ['an interim answer of HTTP/1.0', `HTTP/1.0 103 Hints\r\n\r\n${empty}`],
  ['an interim answer that closes', `HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n${empty}`],
  ['bare LF behind the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
  ['bare LF behind a header', `${ok}A: b\nB: c\r\n\r\n`],
  ['bare LF as the empty line', `${ok}A: b\r\n\n`],
  ['bare LFs only', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nhi'],
  ['bare CR behind the status line', 'HTTP/1.1 200 OK\rA: b\r\n\r\n'],
  ['bare CR behind a header', `${ok}A: b\rB: c\r\n\r\n`],
  ['CR CR LF', `${ok}A: b\r\r\n\r\n`],
  ['LF CR', `${ok}A: b\n\rB: c\r\n\r\n`],
  ['an empty name', `${ok}: b\r\n\r\n`],
  ['a name without a colon', `${ok}A\r\n\r\n`],
  ['white space before the colon', `${ok}Content-Length : 0\r\n\r\n`],
  ['a tab before the colon', `${ok}Content-Length\t: 0\r\n\r\n`],
  ['white space in a name', `${ok}Content Length: 0\r\n\r\n`],
  ['white space before the first header', `${ok} Content-Length: 0\r\n\r\n`],
  ['a folded line', `${ok}A: b\r\n c\r\n\r\n`],
  ['a line folded by a tab', `${ok}A: b\r\n\tc\r\n\r\n`],
  ['a folded Transfer-Encoding', `${ok}Transfer-Encoding:\r\n chunked\r\n\r\n`],
  ['NUL in a name', `${ok}A\0: b\r\n\r\n`],
  ['a name beyond ASCII', `${ok}\xe9: b\r\n\r\n`],
  ['a name in quotes', `${ok}"A": b\r\n\r\n`],
  ['NUL in a value', `${ok}A: b\0c\r\n\r\n`],
  ['a control character in a value', `${ok}A: b\x0bc\r\n\r\n`],
  ['DEL in a value', `${ok}A: b\x7fc\r\n\r\n`],
  ['too many headers', `${ok}${'A: b\r\n'.repeat(257)}\r\n`],
  ['too large a head', `${ok}A: ${'b'.repeat(65_536)}\r\n\r\n`],
  ['too large a head of many lines', `${ok}${`A: ${'b'.repeat(1_000)}\r\n`.repeat(70)}\r\n`],
]

const lengths = [
  '',
  ' ',
  '05',
  '00',
  '+5',
  '-5',
  '-0',
  '5,5',
  '5, 5',
  '5 5',
  '5;',
  '0x5',
  '5.0',
  '5e0',
  "'5'",
  '٥',
]
const tooLong = ['1000000000000000', '9007199254740993', '18446744073709551621', '99999999999999999999']
const codings = ['', 'gzip', 'identity', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,']
const otherCodings = [
  'chunked;a=b',
  'x-chunked',
  'chunked x',
  '"chunked"',
  ',chunked',
  '\x0bchunked',
  'chunke',
]

export const refusedFramings: readonly [string, string][] = [
  ...[...lengths, ...tooLong].map((value): [string, string] => [
    `Content-Length ${JSON.stringify(value)}`,
    `${ok}Content-Length: ${value}\r\n\r\nhello`,
  ]),
  ...[...codings, ...otherCodings].map((value): [string, string] => [
    `Transfer-Encoding ${JSON.stringify(value)}`,
    `${ok}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
  ]),
  ['Content-Length twice', `${ok}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  ['two Content-Lengths', `${ok}Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello!`],
  [
    'Transfer-Encoding twice',
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['TE, then CL', `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
  ['CL, then TE', `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a tab behind chunked', `${ok}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`],
  ['a tab behind a length', `${ok}Content-Length: 5\t \t\r\n\r\nhello`],
  ['TE in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two Content-Lengths on 204', 'HTTP/1.1 204 No\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n'],
  ['two Content-Lengths on 100', `HTTP/1.1 100 Go\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n${empty}`],
]

const sizes = [
  '',
  ' ',
  'g',
  '0x5',
  '-5',
  '+5',
  '5 ',
  ' 5',
  '\t5',
  '5\t',
  '5\0',
  '5,',
  '"5"',
  '5 ;a=b',
  '5;',
  '5;;a',
]
const otherSizes = [
  '5; a=b',
  '5;a =b',
  '5;a= b',
  '5;a="b',
  '5;a="b"c',
  '5;a="\\""',
  '5;a="\n"',
  '5;a=\0',
  '5;\xe9',
  '5;a="\x7f"',
]
const hugeSizes = [
  '00000000000005',
  '20000000000000',
  'ffffffffffffffff',
  '10000000000000005',
  `5;${'a'.repeat(256)}`,
]

export const refusedSizes: readonly [string, string][] = [...sizes, ...otherSizes, ...hugeSizes].map(
  (line) => [`chunk-size line ${JSON.stringify(line)}`, `${chunked}${line}\r\nhello\r\n0\r\n\r\n`],
)

export const refusedBodies: readonly [string, string][] = [
  ['bare LF behind a chunk size', `${chunked}5\nhello\r\n0\r\n\r\n`],
  ['bare CR behind a chunk size', `${chunked}5\rhello\r\n0\r\n\r\n`],
  ['CR CR LF behind a chunk size', `${chunked}5\r\r\nhello\r\n0\r\n\r\n`],
  ['a chunk longer than its size', `${chunked}4\r\nhello\r\n0\r\n\r\n`],
  ['a chunk shorter than its size', `${chunked}6\r\nhello\r\n0\r\n\r\n`],
  ['bare LF behind a chunk', `${chunked}5\r\nhello\n0\r\n\r\n`],
  ['bare CR behind a chunk', `${chunked}5\r\nhello\r0\r\n\r\n`],
  ['no line end behind a chunk', `${chunked}5\r\nhello0\r\n\r\n`],
  ['bare LF at the end', `${chunked}0\r\n\n`],
  ['bare LF behind the last size', `${chunked}0\n\n`],
  ['a trailer that is no header', `${chunked}0\r\nA\r\n\r\n`],
  ['Content-Length in a trailer', `${chunked}0\r\nContent-Length: 9\r\n\r\n`],
  ['Transfer-Encoding in a trailer', `${chunked}0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['Connection in a trailer', `${chunked}0\r\nConnection: close\r\n\r\n`],
  ['a folded trailer', `${chunked}0\r\nA: b\r\n c\r\n\r\n`],
  ['bare LF behind a trailer', `${chunked}0\r\nA: b\n\r\n`],
  ['NUL in a trailer', `${chunked}0\r\nA: \0\r\n\r\n`],
  ['too large a trailer', `${chunked}0\r\nA: ${'b'.repeat(65_536)}\r\n\r\n`],
  ['trailers too large together', `${chunked}0\r\n${`A: ${'b'.repeat(1_000)}\r\n`.repeat(70)}\r\n`],
  ['an end within the head', ok],
  ['an end within a body of known length', `${ok}Content-Length: 6\r\n\r\nhello`],
  ['an end within a chunk', `${chunked}6\r\nhello`],
  ['an end behind a chunk', `${chunked}5\r\nhello\r\n`],
  ['an end before the last empty line', `${chunked}5\r\nhello\r\n0\r\n`],
  ['an end behind an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['no byte at all', ''],
]

interface Taken {
  readonly title: string
  readonly text: string
  readonly method?: string
  readonly status?: number
  readonly body?: string
  readonly headers?: readonly string[]
  /** Default null: none. */
  readonly trailers?: readonly string[]
  readonly interim?: readonly number[]
  /** Default true. */
  readonly reusable?: boolean
}

export const taken: readonly Taken[] = [
  { title: 'no reason and no space', text: 'HTTP/1.1 204\r\n\r\n', status: 204 },
  { title: 'an empty reason', text: 'HTTP/1.1 204 \r\n\r\n', status: 204 },
  { title: 'a reason beyond ASCII', text: 'HTTP/1.1 204 \xe9\t!\r\n\r\n', status: 204 },
  { title: 'no headers', text: 'HTTP/1.1 304 Same\r\n\r\n', status: 304, headers: [] },
  { title: 'a length of nothing', text: empty },
  { title: 'white space about a length', text: `${ok}Content-Length:\t 5 \r\n\r\nhello`, body: 'hello' },
  { title: 'no space before a value', text: `${ok}Content-Length:5\r\n\r\nhello`, body: 'hello' },
  { title: 'names in any case', text: `${ok}cOnTent-LENGTH: 2\r\n\r\nhi`, body: 'hi' },
  {
    title: 'headers as they are, in their order',
    text: `${ok}X: a  b \t\r\nEmpty:\r\nx: \xe9:\t"\r\nContent-Length: 0\r\n\r\n`,
    headers: ['X', 'a  b', 'Empty', '', 'x', '\xe9:\t"', 'Content-Length', '0'],
  },
  {
    title: 'every character of a token in a name',
    text: `${ok}!#$%&'*+-.^_\`|~09aZ: b\r\nContent-Length: 0\r\n\r\n`,
  },
  { title: 'as many headers as allowed', text: `${ok}${'A: b\r\n'.repeat(255)}Content-Length: 0\r\n\r\n` },
  { title: 'chunks', text: `${chunked}5\r\nhello\r\n00001\r\n!\r\n0\r\n\r\n`, body: 'hello!' },
  { title: 'no chunk', text: `${chunked}0\r\n\r\n` },
  { title: 'a last chunk of many zeros', text: `${chunked}0000\r\n\r\n` },
  {
    title: 'sizes in either case',
    text: `${chunked}a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    body: '01234567890123456789',
  },
  { title: 'line ends within a chunk', text: `${chunked}4\r\n\r\n\r\n\r\n0\r\n\r\n`, body: '\r\n\r\n' },
  {
    title: 'Chunked in any case',
    text: `${ok}Transfer-Encoding: cHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    body: 'hi',
  },
  { title: 'chunk extensions', text: `${chunked}2;a;b=c;d="e;f=\t~"\r\nhi\r\n0;z=9\r\n\r\n`, body: 'hi' },
  {
    title: 'trailers, which never become headers',
    text: `${chunked}2\r\nhi\r\n0\r\nX: y\r\nZ:\r\n\r\n`,
    body: 'hi',
    trailers: ['X', 'y', 'Z', ''],
    headers: ['Transfer-Encoding', 'chunked'],
  },
  { title: 'an answer to HEAD with a length', text: `${ok}Content-Length: 5\r\n\r\n`, method: 'HEAD' },
  { title: 'an answer to HEAD with chunks', text: chunked, method: 'HEAD' },
  { title: 'an answer to HEAD with neither', text: `${ok}\r\n`, method: 'HEAD' },
  { title: '304 with a length', text: 'HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n', status: 304 },
  {
    title: '204 with a length of nothing',
    text: 'HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n',
    status: 204,
  },
  {
    title: 'interim answers',
    text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n${empty}`,
    interim: [100, 103],
  },
  { title: 'an unknown interim answer', text: `HTTP/1.1 199 Huh\r\n\r\n${empty}`, interim: [199] },
  { title: 'a body until the end', text: `${ok}\r\nall of it`, body: 'all of it', reusable: false },
  { title: 'an empty body until the end', text: `${ok}\r\n`, reusable: false },
  {
    title: 'Connection: close',
    text: `${ok}Connection: close\r\nContent-Length: 2\r\n\r\nhi`,
    body: 'hi',
    reusable: false,
  },
  {
    title: 'close among options',
    text: `${ok}Connection: a ,\tCLOSE\r\nContent-Length: 0\r\n\r\n`,
    reusable: false,
  },
  {
    title: 'close in a second line',
    text: `${ok}Connection: keep-alive\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    reusable: false,
  },
  {
    title: 'an option that only looks like close',
    text: `${ok}Connection: closed\r\nContent-Length: 0\r\n\r\n`,
  },
  { title: 'HTTP/1.0', text: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi', body: 'hi', reusable: false },
  {
    title: 'HTTP/1.0 that is kept',
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi',
    body: 'hi',
  },
  {
    title: 'HTTP/1.0 that says both',
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n\r\n',
    reusable: false,
  },
  {
    title: 'HTTP/1.0 until the end',
    text: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhi',
    body: 'hi',
    reusable: false,
  },
  // A body that must not be there could come later: it would be the beginning of the next answer.
  {
    title: '204 that announces a body',
    text: 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n',
    status: 204,
    reusable: false,
  },
  {
    title: '204 that announces chunks',
    text: 'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n',
    status: 204,
    reusable: false,
  },
  {
    title: 'an interim answer that announces a body',
    text: `HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\n${empty}`,
    interim: [103],
    reusable: false,
  },
  {
    title: 'an interim answer that announces chunks',
    text: `HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n${empty}`,
    interim: [103],
    reusable: false,
  },
]
