// The first station: is this a request that every party downstream of us reads in one way? Worker thread.
// Strictness as behaviour.md section 6 and RFC 9112 ask; how the message ends was settled by http1/request-parser.ts.
import { isIPv6 } from 'node:net'
import { answer, deny, type Reply } from '../contract/reply.ts'
import type { Exchange } from './exchange.ts'
import { Kind } from './http1/fields.ts'
import { canonicalTarget } from './path.ts'
import type { Peers } from './peers.ts'

const servedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
/** One name, whose labels are not empty (a last dot is fine), or a bracketed address; then a port. */
const hostPattern = /^(?:\[([0-9a-f:.]+)\]|[a-z0-9_](?:[a-z0-9_-]|\.(?!\.))*)(?::([0-9]{1,5}))?$/i

/** Fills in what the exchange knows of its request; a Reply when it must not go further. */
export function admit(ex: Exchange): Reply | undefined {
  readPeer(ex, ex.runtime.peers)
  const { limits } = ex.runtime.snapshot.gateway
  const { fault, fields } = ex.down.head
  if (fields.kinds.length > limits.headerCount) {
    const detail = `The request has more than ${limits.headerCount} header fields.`
    return refuse(ex, 431, 'AEGIS_TOO_MANY_HEADERS', detail)
  }
  if (ex.method === 'TRACE' || ex.method === 'CONNECT') {
    const detail = `${ex.method} is not served here.`
    return refuse(ex, 405, 'AEGIS_METHOD_NOT_ALLOWED', detail, ['allow', servedMethods])
  }
  if (fault !== null) return refuse(ex, fault.status, fault.code, fault.detail)
  return (
    checkHost(ex) ??
    checkScheme(ex) ??
    checkExpectation(ex) ??
    readTarget(ex, limits.urlBytes) ??
    checkLength(ex) ??
    (fields.kinds.includes(Kind.via) ? checkVia(ex) : undefined) ??
    (ex.method === 'OPTIONS' ? checkForwards(ex) : undefined)
  )
}

function readPeer(ex: Exchange, peers: Peers): void {
  ex.peerIp = peers.normalise(ex.down.remoteAddress)
  ex.peerTrusted = peers.isTrusted(ex.peerIp)
  ex.clientIp = ex.peerTrusted ? peers.clientOf(ex.peerIp, ex.header('x-forwarded-for')) : ex.peerIp
  if (ex.peerTrusted) ex.scheme = schemeOf(ex.header('x-forwarded-proto')) ?? ex.scheme
}

/** What a trusted proxy says of its client; a list of several is nobody's word. */
function schemeOf(forwarded: string | undefined): 'http' | 'https' | null {
  const scheme = forwarded?.toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : null
}

/** RFC 9112 section 3.2. */
function checkHost(ex: Exchange): Reply | undefined {
  const { host, version } = ex.down.head
  if (host === null) {
    return version === '1.0' ? undefined : malformed(ex, 'The request has no Host header.')
  }
  if (!isHost(host)) {
    return malformed(ex, 'The Host header is not a single host name or address with an optional port.')
  }
  ex.authority = host
  ex.host = hostOf(host)
  return checkConnection(ex)
}

/** RFC 9110 section 15.5.20: what was agreed on in the handshake for one host says nothing of another. */
function checkConnection(ex: Exchange): Reply | undefined {
  if (ex.down.secured === null || ex.down.secured.hosts.covers(ex.host)) return undefined
  const detail = 'The certificate of this connection is not for the host that the request names.'
  return refuse(ex, 421, 'AEGIS_MISDIRECTED_REQUEST', detail)
}

/** RFC 9113 section 8.3.1: what it says of the connection must be so; a trusted proxy may speak of its client's. */
function checkScheme(ex: Exchange): Reply | undefined {
  const { scheme } = ex.down.head
  if (scheme === null || scheme === (ex.down.secured === null ? 'http' : 'https')) return undefined
  if (!ex.peerTrusted) return malformed(ex, 'The :scheme is not that of the connection.')
  if (scheme === 'https') ex.scheme = 'https'
  return undefined
}

function isHost(authority: string): boolean {
  const match = hostPattern.exec(authority)
  if (match === null) return false
  const [, address, port] = match
  return (address === undefined || isIPv6(address)) && (port === undefined || Number(port) <= 65_535)
}

/** RFC 9110 section 10.1.1; HTTP/1.0 has no expectations. */
function checkExpectation(ex: Exchange): Reply | undefined {
  const { expect, version } = ex.down.head
  if (expect === '' || version === '1.0') return undefined
  if (expect.toLowerCase() !== '100-continue')
    return refuse(ex, 417, 'AEGIS_EXPECTATION_FAILED', 'The only expectation served is 100-continue.')
  ex.expectsContinue = ex.hasBody
  return undefined
}

/** RFC 9112 section 3.2: origin-form, absolute-form that agrees with Host, `*` for OPTIONS only. */
function readTarget(ex: Exchange, urlBytes: number): Reply | undefined {
  const url = ex.down.head.target
  if (url.length > urlBytes) {
    const detail = `The request target is longer than ${urlBytes} bytes.`
    return refuse(ex, 414, 'AEGIS_URI_TOO_LONG', detail)
  }
  if (url === '*') {
    return ex.method === 'OPTIONS'
      ? answer(204, ['allow', servedMethods])
      : malformed(ex, 'The target * is for OPTIONS only.')
  }
  const origin = toOriginForm(ex, url)
  if (typeof origin !== 'string') return origin
  const target = canonicalTarget(origin, ex.runtime.snapshot.slashes)
  if (typeof target === 'string') return malformed(ex, target)
  ex.path = target.path
  ex.query = target.query
  ex.ambiguousPath = target.ambiguous
  return undefined
}

/** RFC 5842 section 7.2. */
function checkVia(ex: Exchange): Reply | undefined {
  const carried = ex.runtime.via.carry(ex.header('via') ?? '', ex.peerTrusted)
  if (carried === null)
    return deny(508, 'AEGIS_LOOP', 'The request came back to a gateway that had passed it on.')
  ex.carriedVia = carried
  return undefined
}

/** RFC 9110 section 7.6.2, for OPTIONS: TRACE goes nowhere. */
function checkForwards(ex: Exchange): Reply | undefined {
  const given = ex.header('max-forwards')
  if (given === undefined) return undefined
  if (!/^[0-9]{1,9}$/.test(given)) return malformed(ex, 'Max-Forwards must be given once, as plain digits.')
  const left = Number(given)
  if (left === 0) return answer(204, ['allow', servedMethods])
  ex.setUpstreamHeader('max-forwards', String(left - 1))
  return undefined
}

function toOriginForm(ex: Exchange, url: string): string | Reply {
  if (url.charCodeAt(0) === 47) return url
  const scheme = url.slice(0, 8).toLowerCase()
  const start = scheme.startsWith('http://') ? 7 : scheme === 'https://' ? 8 : 0
  if (start === 0) return malformed(ex, 'The request target must be a path or an absolute http URL.')
  const rest = url.slice(start)
  const end = rest.search(/[/?#]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  if (authority.toLowerCase() !== ex.authority.toLowerCase()) {
    return malformed(ex, 'The absolute request target and the Host header name different hosts.')
  }
  const path = end < 0 ? '/' : rest.slice(end)
  return path.startsWith('?') ? `/${path}` : path
}

function hostOf(authority: string): string {
  const lower = authority.toLowerCase()
  const colon = lower.lastIndexOf(':')
  const host = colon > lower.lastIndexOf(']') ? lower.slice(0, colon) : lower
  return host.endsWith('.') ? host.slice(0, -1) : host
}

/** The announced length against the limit that holds by now; a plugin may have lowered it. */
export function checkLength(ex: Exchange): Reply | undefined {
  if (ex.contentLength <= ex.bodyLimit) return undefined
  return deny(413, 'AEGIS_BODY_TOO_LARGE', `The request body is larger than ${ex.bodyLimit} bytes.`)
}

export function malformed(ex: Exchange, detail: string): Reply {
  return refuse(ex, 400, 'AEGIS_BAD_REQUEST', detail)
}

/** What could not be read in one way is not followed by another request on the same connection. */
function refuse(
  ex: Exchange,
  status: number,
  code: string,
  ...rest: [detail: string, headers?: readonly string[]]
): Reply {
  ex.lastOnConnection = true
  return deny(status, code, ...rest)
}
