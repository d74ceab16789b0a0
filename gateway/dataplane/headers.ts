// Which headers cross the gateway, in both directions. Worker thread; called by upstream/forward.ts and upstream-call.ts.
import type { Exchange } from './exchange.ts'
import { type Fields, isToken, Kind, toPlainName } from './http1/fields.ts'

/**
 * The flat header list of the request that goes upstream, without what frames its body. `targetHost` is used unless the
 * upstream preserves the client's.
 */
export function toUpstreamHeaders(ex: Exchange, targetHost: string, preserveHost: boolean): string[] {
  const { raw, names, kinds } = ex.down.head.fields
  const nominated = nominatedBy(ex.down.head.fields)
  const out: string[] = ['host', preserveHost && ex.authority !== '' ? ex.authority : targetHost]
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] !== Kind.plain || nominated?.has(toPlainName(names[i] as string))) continue
    out.push(raw[2 * i] as string, raw[2 * i + 1] as string)
  }
  pushForwarded(ex, out)
  pushFacts(ex, out)
  return applyEdits(out, ex.upstreamEdits)
}

/** The flat header list of a response, from what the upstream sent. */
export function toDownstreamHeaders(fields: Fields): string[] {
  const { raw, names, kinds } = fields
  const nominated = nominatedBy(fields)
  const out: string[] = []
  for (let i = 0; i < kinds.length; i++) {
    if ((kinds[i] as Kind) >= Kind.hop || nominated?.has(toPlainName(names[i] as string))) continue
    out.push(raw[2 * i] as string, raw[2 * i + 1] as string)
  }
  return out
}

/** Names that the peer listed in Connection; null when there are none worth looking up. */
function nominatedBy(fields: Fields): Set<string> | null {
  const { raw, kinds } = fields
  let nominated: Set<string> | null = null
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] !== Kind.connection) continue
    const lower = (raw[2 * i + 1] as string).toLowerCase()
    if (lower === 'keep-alive' || lower === 'close') continue
    nominated ??= new Set()
    for (const name of lower.split(',')) nominated.add(toPlainName(name.trim()))
  }
  return nominated
}

const notValue = /[^\t\x20-\x7e\x80-\xff]/

/** What a plugin says must be one header field, in bytes: nothing in it can become a line of its own. null: it is. */
export function findFieldFault(name: string, value: string): Error | null {
  if (!isToken(name)) return new Error(`${JSON.stringify(name)} is no name of a header field`)
  if (notValue.test(value))
    return new Error(`The value of ${name} holds a character that no header field can`)
  return null
}

function pushForwarded(ex: Exchange, out: string[]): void {
  const trusted = ex.peerTrusted
  const chain = trusted ? ex.header('x-forwarded-for') : undefined
  const via = ex.runtime.via.own[ex.httpVersion]
  out.push(
    'x-forwarded-for',
    chain === undefined ? ex.peerIp : `${chain}, ${ex.peerIp}`,
    'x-forwarded-proto',
    ex.scheme,
    'x-forwarded-port',
    (trusted ? ex.header('x-forwarded-port') : undefined) ?? ex.localPort,
    'via',
    ex.carriedVia === '' ? via : `${ex.carriedVia}, ${via}`,
    'x-request-id',
    ex.requestId,
  )
  const host = (trusted ? ex.header('x-forwarded-host') : undefined) ?? ex.authority
  if (host !== '') out.push('x-forwarded-host', host)
  const certificate = ex.down.secured?.forwardedCertificate
  if (certificate) out.push('x-forwarded-client-cert', certificate)
  const prefix = ex.match?.entry.route.rewrite?.stripPrefix
  const outer = trusted ? ex.header('x-forwarded-prefix') : undefined
  if (prefix || outer) out.push('x-forwarded-prefix', joinPrefixes(outer, prefix ?? ''))
}

/** A proxy in front may have taken off a prefix of its own: the path that the client knows begins with both. */
function joinPrefixes(outer = '', own: string): string {
  return outer.endsWith('/') ? outer.slice(0, -1) + own : outer + own
}

function pushFacts(ex: Exchange, out: string[]): void {
  if (ex.tenant !== null) out.push('x-tenant-id', ex.tenant.id)
  if (ex.identity !== null) {
    out.push('x-user-id', toHeaderBytes(ex.identity.userId))
    if (ex.identity.roles.length > 0) out.push('x-user-roles', toHeaderBytes(ex.identity.roles.join(',')))
  }
}

/** Header values are written as latin1; text beyond ASCII goes up as its UTF-8 bytes. Throws on a control character. */
function toHeaderBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code === 127) throw new Error('A fact about the caller holds a control character')
    if (code > 126) return toHeaderBytes8(text)
  }
  return text
}

function toHeaderBytes8(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  if (notValue.test(bytes)) throw new Error('A fact about the caller holds a control character')
  return bytes
}

/** Flat list of name and value, null to remove; the last word on a name wins. */
function applyEdits(headers: string[], edits: readonly (string | null)[] | null): string[] {
  if (edits === null) return headers
  for (let i = 0; i < edits.length; i += 2) {
    const name = edits[i] as string
    const value = edits[i + 1] as string | null
    removeSpellings(headers, toPlainName(name))
    if (value !== null) headers.push(name, value)
  }
  return headers
}

/** All that a backend could take for that header: a client's `x_account` must not stand beside a plugin's `x-account`. */
function removeSpellings(headers: string[], plain: string): void {
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    // A spelling is as long as the name that it stands for.
    if (name.length === plain.length && toPlainName(name) === plain) continue
    headers[kept] = name
    headers[kept + 1] = headers[i + 1] as string
    kept += 2
  }
  headers.length = kept
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
