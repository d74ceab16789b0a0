// Requests whose length two parsers could read in two ways, for smuggling.test.ts. In each one another request is hidden, where a
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

export const host = 'Host: acme.example.com\r\n'
export const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${host}\r\n`
export const post = (path: string, headers: string, body: string): string =>
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

export function lengthOf(body: string): string {
  return `Content-Length: ${body.length}\r\n`
}

export function chunk(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

export function* codings(): Generator<Smuggling> {
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

export function* lengths(): Generator<Smuggling> {
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
