// Messages of HTTP/1.1 out of random choices: mostly right, wrong where parsers were seen to differ.
import type { Random } from '../support/random.ts'

export const host = 'Host: a\r\n'

const methods = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'M-SEARCH',
]
const oddMethods = ['get', 'TRACE', 'X', 'GE T', '', 'PRI', 'GET\t', 'HEAD ', '_', 'ACL']
const targets = [
  '/',
  '/a',
  '/a?b=c',
  '/a/../b',
  'http://a/b',
  '*',
  '//a',
  '/%2e',
  '/a?%00',
  'a:1',
  '/"<>|',
  '/a#b',
]
const versions = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/1.10',
  'http/1.1',
]
const plainFields = [
  ...[
    'A: b',
    'Cookie: a=b',
    'Accept: */*',
    `X-Long: ${'y'.repeat(40)}`,
    'a:',
    'A:\tb \t',
    'X: \xe9\xff',
    'Foo: a, b',
  ],
  ...['TE: trailers', 'Trailer: x', 'content_length: 5', 'Content.Length: 5', 'transfer_encoding: chunked'],
  ...[
    'X-Tenant-Id: evil',
    'x_user_id: evil',
    'Upgrade: h2c',
    'Expect: 100-continue',
    'Via: 1.1 x',
    'Max-Forwards: 0',
  ],
  ...[
    'constructor: x',
    'toString: y',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: close',
    'HTTP2-Settings: x',
  ],
]
const connections = [
  ...[
    'close',
    'keep-alive',
    'Close',
    'upgrade',
    'close, x',
    'x, close',
    'keep-alive, close',
    'content-length',
    '',
  ],
  ...[
    'transfer-encoding',
    'close,',
    ' , close',
    'closed',
    '"close"',
    'host, cookie',
    'keep-alive\t',
    'x-user-id',
  ],
]
const codings = [
  ...[
    'chunked',
    'Chunked',
    'chunked ',
    'identity',
    'gzip, chunked',
    'chunked, chunked',
    'xchunked',
    'chunked\t',
  ],
  ...['', ' chunked', 'chunked;a', '"chunked"', 'chunked,', '\x0bchunked', 'chunked, identity', 'chu nked'],
]
const oddFields = [
  ...[
    'A : b',
    ' A: b',
    '\tA: b',
    'A',
    ': b',
    'A\0: b',
    'A: b\0',
    'A: b\rc',
    'A: b\nC: d',
    '__proto__: x',
    'A\t: b',
    '\xe9: x',
  ],
  ...[
    'Content-Length : 5',
    'Content-Length\0: 5',
    'Content-Length:\r\n 5',
    'Transfer-Encoding:\n chunked',
    'Host : b',
  ],
]
const lengthSpellings = ['+', '0', '-', ' ', '\t', '"', '0x', '5,', '\x0b']
const extensions = [
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b"',
  ';a="b',
  ';',
  ' ;a',
  ';a="\\""',
  ';a=b;c',
  '; a',
  ';a= b',
  ';\xe9',
  ' ',
  '\t',
]
const ends = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '']

/** One request, or what tries to be one. */
export function createRequest(random: Random): string {
  const odd = random.chance(0.05)
  const method = random.pick(odd ? oddMethods : methods)
  const line = `${method} ${random.pick(targets)} ${random.pick(versions)}${createEnd(random)}`
  const body = createBody(random)
  return `${random.chance(0.03) ? '\r\n' : ''}${line}${createFields(random, body.fields)}\r\n${body.text}`
}

/** One answer with what comes before it. */
export function createResponse(random: Random): string {
  let text = ''
  while (random.chance(0.15))
    text += `HTTP/1.1 ${random.pick(['100', '102', '103', '101', '199'])} Go\r\n${createFields(random, [])}\r\n`
  const status = random.pick([
    '200',
    '200',
    '201',
    '204',
    '304',
    '404',
    '500',
    '206',
    '999',
    '099',
    '600',
    '20',
    '2000',
  ])
  const line = `${random.pick(versions)} ${status}${random.pick([' OK', ' OK', '', ' ', ' \xe9', '\tOK', ' a\0'])}${createEnd(random)}`
  const body = createBody(random)
  return `${text}${line}${createFields(random, body.fields)}\r\n${body.text}`
}

function createEnd(random: Random): string {
  return random.chance(0.9) ? '\r\n' : random.pick(ends)
}

function createFields(random: Random, framing: readonly string[]): string {
  const lines = [...framing]
  if (random.chance(0.9))
    lines.push(random.chance(0.9) ? 'Host: a' : random.pick(['Host: a, b', 'host:', 'HOST: b:80']))
  for (let i = random.int(4); i > 0; i--) lines.push(random.pick(plainFields))
  if (random.chance(0.3))
    lines.push(`${random.pick(['Connection', 'connection'])}: ${random.pick(connections)}`)
  if (random.chance(0.06)) lines.push(random.pick(oddFields))
  if (random.chance(0.01)) for (let i = 95 + random.int(170); i > 0; i--) lines.push('n:')
  for (let i = lines.length - 1; i > 0; i--) swap(lines, i, random.int(i + 1))
  return lines.map((line) => line + createEnd(random)).join('')
}

function swap(list: string[], one: number, other: number): void {
  const kept = list[one] as string
  list[one] = list[other] as string
  list[other] = kept
}

interface Body {
  readonly fields: string[]
  readonly text: string
}

function createBody(random: Random): Body {
  const kind = random.int(12)
  if (kind < 4) return { fields: [], text: '' }
  const text = createContent(random)
  if (kind < 7) return { fields: [`Content-Length: ${createLength(random, text.length)}`], text }
  if (kind < 10)
    return {
      fields: [`Transfer-Encoding: ${random.chance(0.85) ? 'chunked' : random.pick(codings)}`],
      text: createChunks(random),
    }
  // Two who say how long it is: nobody may be believed.
  const length = `Content-Length: ${createLength(random, text.length)}`
  const coding = `${random.pick(['Transfer-Encoding', 'transfer-encoding', 'Transfer_Encoding'])}: ${random.pick(codings)}`
  const fields =
    kind === 10 ? [length, coding] : [length, `content-length: ${createLength(random, text.length)}`]
  return { fields, text: random.chance(0.5) ? text : createChunks(random) }
}

function createContent(random: Random): string {
  return random.pick([
    '',
    'a',
    'hello',
    `GET /hidden HTTP/1.1\r\n${host}\r\n`,
    '\r\n\r\n',
    '0\r\n\r\n',
    '\0\xff'.repeat(9),
    'x'.repeat(300),
  ])
}

function createLength(random: Random, length: number): string {
  if (random.chance(0.85)) return String(length)
  return random.pick([
    ...lengthSpellings.map((spelling) => spelling + length),
    ...[
      `${length} `,
      `${length},${length}`,
      String(length + 1),
      String(Math.max(0, length - 1)),
      '',
      '99999999999999999999',
    ],
  ])
}

function createChunks(random: Random): string {
  let text = ''
  for (let i = random.int(4); i > 0; i--) {
    const content = createContent(random)
    if (content === '') continue
    const said = random.chance(0.93) ? content.length : content.length + random.pick([-1, 1, 16])
    text += `${spellSize(random, Math.max(0, said))}${createExtension(random)}${createEnd(random)}${content}${createEnd(random)}`
  }
  const trailers = random.chance(0.15)
    ? `${random.pick(['T: u', 'Content-Length: 5', 'Connection: close', 'A', ' a: b', 'X: \0'])}\r\n`
    : ''
  return `${text}0${createExtension(random)}${createEnd(random)}${trailers}${createEnd(random)}`
}

function spellSize(random: Random, size: number): string {
  const hex = size.toString(16)
  if (random.chance(0.9)) return hex
  return random.pick([
    hex.toUpperCase(),
    `0${hex}`,
    `000000000000${hex}`,
    `0x${hex}`,
    `-${hex}`,
    ` ${hex}`,
    'ffffffffffffffff',
  ])
}

function createExtension(random: Random): string {
  if (random.chance(0.8)) return ''
  // About as long as a line may be.
  if (random.chance(0.1)) return `;${'e'.repeat(250 + random.int(8))}`
  return random.pick(extensions)
}

/** A field that makes a head of about so many bytes. */
export function createFiller(random: Random, bytes: number): string {
  return `F: ${'f'.repeat(Math.max(0, bytes - 8 + random.int(12)))}\r\n`
}
