// Header fields as they come off the wire: checked, lower-cased and classified once, so that nobody looks at a name
// again. Worker thread; used by the parsers of both sides and by headers.ts.

/** Bytes that are not HTTP. The connection that they came on is given up. */
export class SyntaxFault extends Error {
  readonly code = 'UPSTREAM_PROTOCOL'
}

/** What a field means to an intermediary. From `hop` on it belongs to one connection and is never forwarded. */
export const Kind = {
  plain: 0,
  /** Only the gateway may say it to an upstream, or a spelling of such a name; not forwarded in requests. */
  ours: 1,
  /** As ours. */
  via: 2,
  host: 3,
  expect: 4,
  contentLength: 5,
  hop: 6,
  connection: 7,
  transferEncoding: 8,
  upgrade: 9,
  keepAlive: 10,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export interface Fields {
  /** Flat list: name as spelled, value, latin1. */
  readonly raw: string[]
  /** Name in lower case, by field. */
  readonly names: string[]
  readonly kinds: Kind[]
}

/** RFC 9110 section 7.6.1, and what older peers still send. */
const hopByHop = [
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'http2-settings',
]

/** behaviour.md section 5. */
const oursOnly = [
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-client-cert',
  'client-cert',
  'client-cert-chain',
  'forwarded',
  'x-real-ip',
  // Some frameworks route by these instead of the path that policy was asked about (CVE-2018-14773).
  'x-original-url',
  'x-rewrite-url',
  'traceparent',
  'tracestate',
]

/** Known so that they need no lower-casing; their spelling here is how most clients and servers write them. */
const common =
  'Accept Accept-Encoding Accept-Language Accept-Ranges Access-Control-Request-Headers Access-Control-Request-Method Age ' +
  'Authorization Cache-Control Content-Disposition Content-Encoding Content-Language Content-Type Cookie Date ETag ' +
  'Expires If-Match If-Modified-Since If-None-Match Last-Modified Location Origin Pragma Range Referer Retry-After ' +
  'Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key ' +
  'Sec-WebSocket-Protocol Sec-WebSocket-Version Server Set-Cookie Strict-Transport-Security User-Agent Vary ' +
  'WWW-Authenticate X-Requested-With'

interface Known {
  readonly name: string
  readonly kind: Kind
}

const known: ReadonlyMap<string, Known> = createKnown()

function createKnown(): Map<string, Known> {
  const map = new Map<string, Known>()
  const add = (spelled: string, kind: Kind): void => {
    const name = spelled.toLowerCase()
    const one = { name, kind }
    const title = name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase())
    for (const spelling of [spelled, name, title]) map.set(spelling, one)
  }
  for (const name of common.split(' ')) add(name, Kind.plain)
  for (const name of hopByHop) add(name, Kind.hop)
  for (const name of oursOnly) add(name, Kind.ours)
  add('via', Kind.via)
  add('host', Kind.host)
  add('expect', Kind.expect)
  add('content-length', Kind.contentLength)
  add('connection', Kind.connection)
  add('transfer-encoding', Kind.transferEncoding)
  add('upgrade', Kind.upgrade)
  add('keep-alive', Kind.keepAlive)
  return map
}

/** CGI-like backends read `_` and `.` in a header name as `-`; so do we when deciding whose header it is. */
export function toPlainName(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') || lower.includes('.') ? lower.replaceAll(/[_.]/g, '-') : lower
}

/** Adds a field that is known to be valid. */
export function addField(fields: Fields, name: string, value: string): void {
  const one = known.get(name)
  fields.raw.push(name, value)
  if (one !== undefined) {
    fields.names.push(one.name)
    fields.kinds.push(one.kind)
  } else {
    const lower = name.toLowerCase()
    fields.names.push(lower)
    fields.kinds.push(known.get(lower)?.kind ?? kindOfSpelling(lower))
  }
}

function kindOfSpelling(lower: string): Kind {
  const meant = known.get(toPlainName(lower))?.kind ?? Kind.plain
  if (meant === Kind.plain) return Kind.plain
  return meant >= Kind.hop ? Kind.hop : Kind.ours
}

/** RFC 9110 section 5.6.2: the characters of a token. */
const tokens = createTokenTable()

function createTokenTable(): Uint8Array {
  const table = new Uint8Array(256)
  const chars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  for (const char of chars) table[char.charCodeAt(0)] = 1
  return table
}

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (tokens[text.charCodeAt(i)] !== 1) return false
  return text.length > 0
}

/** Lines of `name: value` from `start` to the end of `text`, each but the last with its CRLF. Throws a SyntaxFault. */
export function parseFields(text: string, start: number, most: number): Fields {
  const fields: Fields = { raw: [], names: [], kinds: [] }
  let at = start
  while (at < text.length) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    if (fields.kinds.length >= most) throw new SyntaxFault(`there are more than ${most} header fields`)
    let colon = at
    while (colon < end && tokens[text.charCodeAt(colon)] === 1) colon += 1
    // Also refuses obs-fold and white space before the colon (RFC 9112 section 5.1).
    if (colon === at || text.charCodeAt(colon) !== 58) throw new SyntaxFault('a header name is not valid')
    addField(fields, text.slice(at, colon), readValue(text, colon + 1, end))
    // Some readers leave a tab at the end in the value, so that `chunked` is none (llhttp does).
    if (text.charCodeAt(end - 1) === 9) refuseTab(fields)
    at = end + 2
  }
  return fields
}

function refuseTab({ names, kinds }: Fields): void {
  const kind = kinds.at(-1)
  if (kind === Kind.transferEncoding || kind === Kind.contentLength)
    throw new SyntaxFault(`a tab ends the value of ${names.at(-1)}`)
}

/** Without white space at its ends. Throws a SyntaxFault on a control character. */
export function readValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  refuseControls(text, start, end)
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** Tab excepted. */
export function refuseControls(text: string, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127) throw new SyntaxFault('there is a control character')
  }
}

/** Values of a field joined as RFC 9110 section 5.3 says (Cookie: RFC 6265 section 4.2.1); undefined when it is not there. */
export function findField({ raw, names }: Fields, name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i < names.length; i++) {
    if (names[i] !== name) continue
    const value = raw[2 * i + 1] as string
    found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return found
}
