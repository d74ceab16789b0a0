// Which headers cross the gateway, in both directions. Worker thread; called by upstream/forward.ts and upgrade.ts.
import type { Exchange } from './exchange.ts'

/** RFC 9110 section 7.6.1, and what older peers still send. Never forwarded, either way. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** What only the gateway may say to an upstream (behaviour.md section 5). Compared after `_` and `.` became `-`. */
const ours: ReadonlySet<string> = new Set([
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'forwarded',
  'x-real-ip',
  'via',
  'traceparent',
  'tracestate',
])

/** The gateway answers 100-continue itself, once policy has allowed the request. */
const replaced: ReadonlySet<string> = new Set(['host', 'expect', 'content-length'])

/** All that a client's request does not carry further by itself: one look-up per header (bench: small GET). */
const withheld: ReadonlySet<string> = new Set([...hopByHop, ...ours, ...replaced])

export const viaPseudonym = '1.1 aegis'

/** The flat header list of the request that goes upstream. `targetHost` is used unless the upstream preserves the client's. */
export function toUpstreamHeaders(ex: Exchange, targetHost: string, preserveHost: boolean): string[] {
  const raw = ex.req.rawHeaders
  const nominated = nominatedBy(ex.header('connection'))
  const out: string[] = ['host', preserveHost && ex.authority !== '' ? ex.authority : targetHost]
  for (let i = 0; i < raw.length; i += 2) {
    const name = toPlainName(raw[i] as string)
    if (withheld.has(name) || nominated?.has(name)) continue
    out.push(raw[i] as string, raw[i + 1] as string)
  }
  if (ex.contentLength !== null) out.push('content-length', ex.contentLength)
  pushForwarded(ex, out)
  pushFacts(ex, out)
  return applyEdits(out, ex.upstreamEdits)
}

/** The flat header list of a response, from the upstream's raw one. */
export function toDownstreamHeaders(raw: readonly (Buffer | string)[]): string[] {
  // undici gives buffers, our own client strings.
  const all = typeof raw[0] === 'string' ? (raw as readonly string[]) : raw.map(toLatin1)
  let nominated: Set<string> | null = null
  for (let i = 0; i < all.length; i += 2) {
    const name = all[i] as string
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue
    const named = nominatedBy(all[i + 1])
    if (named !== null) nominated = nominated === null ? named : nominated.union(named)
  }
  const out: string[] = []
  for (let i = 0; i < all.length; i += 2) {
    const name = (all[i] as string).toLowerCase()
    if (hopByHop.has(name) || nominated?.has(toPlainName(name))) continue
    out.push(all[i] as string, all[i + 1] as string)
  }
  return out
}

function toLatin1(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('latin1')
}

/** CGI-like backends read `_` and `.` in a header name as `-`; so do we when deciding whose header it is. */
function toPlainName(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') || lower.includes('.') ? lower.replaceAll(/[_.]/g, '-') : lower
}

/** Names that the peer listed in Connection; null when there are none worth looking up. */
function nominatedBy(connection: string | undefined): Set<string> | null {
  if (connection === undefined) return null
  const lower = connection.toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return null
  return new Set(lower.split(',').map((name) => toPlainName(name.trim())))
}

function pushForwarded(ex: Exchange, out: string[]): void {
  const trusted = ex.peerTrusted
  const chain = trusted ? ex.header('x-forwarded-for') : undefined
  const via = trusted ? ex.header('via') : undefined
  out.push(
    'x-forwarded-for',
    chain === undefined ? ex.peerIp : `${chain}, ${ex.peerIp}`,
    'x-forwarded-proto',
    ex.scheme,
    'x-forwarded-port',
    (trusted ? ex.header('x-forwarded-port') : undefined) ?? ex.localPort,
    'via',
    via === undefined ? viaPseudonym : `${via}, ${viaPseudonym}`,
    'x-request-id',
    ex.requestId,
  )
  const host = (trusted ? ex.header('x-forwarded-host') : undefined) ?? ex.authority
  if (host !== '') out.push('x-forwarded-host', host)
  const prefix = ex.match?.entry.route.rewrite?.stripPrefix
  if (prefix) out.push('x-forwarded-prefix', prefix)
}

function pushFacts(ex: Exchange, out: string[]): void {
  if (ex.tenant !== null) out.push('x-tenant-id', ex.tenant.id)
  if (ex.identity !== null) {
    out.push('x-user-id', toHeaderBytes(ex.identity.userId))
    if (ex.identity.roles.length > 0) out.push('x-user-roles', toHeaderBytes(ex.identity.roles.join(',')))
  }
}

/** Header values are written as latin1; text beyond ASCII goes up as its UTF-8 bytes. */
function toHeaderBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 126) return Buffer.from(text, 'utf8').toString('latin1')
  }
  return text
}

/** Flat list of name and value, null to remove; the last word on a name wins. */
function applyEdits(headers: string[], edits: readonly (string | null)[] | null): string[] {
  if (edits === null) return headers
  let out = headers
  for (let i = 0; i < edits.length; i += 2) {
    const name = edits[i] as string
    const value = edits[i + 1] as string | null
    out = withoutSpellings(out, toPlainName(name))
    if (value !== null) out.push(name, value)
  }
  return out
}

/** All that a backend could take for that header: a client's `x_account` must not stand beside a plugin's `x-account`. */
function withoutSpellings(headers: readonly string[], plain: string): string[] {
  const out: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (toPlainName(headers[i] as string) === plain) continue
    out.push(headers[i] as string, headers[i + 1] as string)
  }
  return out
}

export function withoutHeader(headers: string[], name: string): string[] {
  const lower = name.toLowerCase()
  if (findHeader(headers, lower) < 0) return headers
  const out: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() !== lower) {
      out.push(headers[i] as string, headers[i + 1] as string)
    }
  }
  return out
}

/** Index of the first header of that lower-case name in a flat list; -1 when there is none. */
export function findHeader(headers: readonly string[], lower: string): number {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === lower.length && name.toLowerCase() === lower) return i
  }
  return -1
}
