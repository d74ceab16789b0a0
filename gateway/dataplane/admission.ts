// The first station: is this a request that every party downstream of us reads in one way? Worker thread.
// Strictness as behaviour.md section 6 and RFC 9112 ask; node's parser lets more pass than we do.
import { isIPv6 } from 'node:net'
import { answer, deny, type Reply } from '../contract/reply.ts'
import type { Exchange } from './exchange.ts'
import { canonicalTarget } from './path.ts'
import type { Peers } from './peers.ts'

const servedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
/** One name, whose labels are not empty (a last dot is fine), or a bracketed address; then a port. */
const hostPattern = /^(?:\[([0-9a-f:.]+)\]|[a-z0-9_](?:[a-z0-9_-]|\.(?!\.))*)(?::([0-9]{1,5}))?$/i
const lengthPattern = /^(?:0|[1-9][0-9]{0,15})$/

interface Framing {
  host: string | null
  hosts: number
  lengths: number
  length: string | null
  codings: number
  coding: string
  expects: boolean
  upgrades: boolean
  proto: boolean
}

/** Fills in what the exchange knows of its request; a Reply when it must not go further. */
export function admit(ex: Exchange): Reply | undefined {
  readPeer(ex, ex.runtime.peers)
  const { limits } = ex.runtime.snapshot.gateway
  const raw = ex.req.rawHeaders
  if (raw.length / 2 > limits.headerCount) {
    const detail = `The request has more than ${limits.headerCount} header fields.`
    return refuse(ex, 431, 'AEGIS_TOO_MANY_HEADERS', detail)
  }
  if (ex.method === 'TRACE' || ex.method === 'CONNECT') {
    const detail = `${ex.method} is not served here.`
    return refuse(ex, 405, 'AEGIS_METHOD_NOT_ALLOWED', detail, ['allow', servedMethods])
  }
  if (ex.req.httpVersionMajor !== 1 || ex.req.httpVersionMinor > 1) {
    return refuse(ex, 505, 'AEGIS_HTTP_VERSION', 'Only HTTP/1.1 and HTTP/1.0 are served here.')
  }
  const framing = readFraming(raw)
  // node's parser gives up on what follows a request that asks for an upgrade, also where none is made.
  if (framing.upgrades) ex.lastOnConnection = true
  return (
    checkFraming(ex, framing) ??
    checkExpectation(ex, framing) ??
    readTarget(ex, framing, limits.urlBytes) ??
    checkLength(ex)
  )
}

function readPeer(ex: Exchange, peers: Peers): void {
  ex.peerIp = peers.normalise(ex.socket.remoteAddress ?? '')
  ex.peerTrusted = peers.isTrusted(ex.peerIp)
  ex.clientIp = ex.peerTrusted ? peers.clientOf(ex.peerIp, ex.header('x-forwarded-for')) : ex.peerIp
  if (ex.peerTrusted && ex.header('x-forwarded-proto') === 'https') ex.scheme = 'https'
}

function readFraming(raw: readonly string[]): Framing {
  const framing: Framing = {
    host: null,
    hosts: 0,
    lengths: 0,
    length: null,
    codings: 0,
    coding: '',
    expects: false,
    upgrades: false,
    proto: false,
  }
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    // Only the lengths of the names in question are worth lower-casing.
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === 'host') {
          framing.hosts += 1
          framing.host = raw[i + 1] as string
        }
        break
      case 6:
        if (name.toLowerCase() === 'expect') framing.expects = true
        break
      case 7:
        if (name.toLowerCase() === 'upgrade') framing.upgrades = true
        break
      case 9:
        if (name.toLowerCase() === '__proto__') framing.proto = true
        break
      case 14:
        if (name.toLowerCase() === 'content-length') {
          framing.lengths += 1
          framing.length = raw[i + 1] as string
        }
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          framing.codings += 1
          framing.coding = raw[i + 1] as string
        }
    }
  }
  return framing
}

/** RFC 9112 sections 3.2, 6.1 and 6.3. */
function checkFraming(ex: Exchange, framing: Framing): Reply | undefined {
  const old = ex.req.httpVersionMinor === 0
  if (framing.proto) return malformed(ex, 'A header has a name that is not accepted.')
  if (framing.hosts > 1) return malformed(ex, 'The request has more than one Host header.')
  if (framing.host === null && !old) return malformed(ex, 'The request has no Host header.')
  if (framing.host !== null && !isHost(framing.host)) {
    return malformed(ex, 'The Host header is not a single host name or address with an optional port.')
  }
  if (framing.codings > 0) {
    if (old) return malformed(ex, 'HTTP/1.0 has no Transfer-Encoding.')
    if (framing.lengths > 0)
      return malformed(ex, 'The request has both Content-Length and Transfer-Encoding.')
    if (framing.codings > 1 || framing.coding.toLowerCase() !== 'chunked') {
      return malformed(ex, 'The only accepted transfer coding is chunked.')
    }
    ex.hasBody = true
  }
  if (framing.length !== null) {
    if (framing.lengths > 1 || !lengthPattern.test(framing.length)) {
      return malformed(ex, 'Content-Length must be given once, as plain digits.')
    }
    ex.contentLength = framing.length
    ex.hasBody = framing.length !== '0'
  }
  ex.bodyComplete = !ex.hasBody
  return undefined
}

function isHost(authority: string): boolean {
  const match = hostPattern.exec(authority)
  if (match === null) return false
  const [, address, port] = match
  return (address === undefined || isIPv6(address)) && (port === undefined || Number(port) <= 65_535)
}

/** RFC 9110 section 10.1.1. node has told `100-continue` from the rest already. */
function checkExpectation(ex: Exchange, framing: Framing): Reply | undefined {
  if (!framing.expects || ex.expectsContinue || ex.req.httpVersionMinor === 0) return undefined
  return refuse(ex, 417, 'AEGIS_EXPECTATION_FAILED', 'The only expectation served is 100-continue.')
}

/** RFC 9112 section 3.2: origin-form, absolute-form that agrees with Host, `*` for OPTIONS only. */
function readTarget(ex: Exchange, framing: Framing, urlBytes: number): Reply | undefined {
  const url = ex.req.url ?? ''
  if (url.length > urlBytes) {
    const detail = `The request target is longer than ${urlBytes} bytes.`
    return refuse(ex, 414, 'AEGIS_URI_TOO_LONG', detail)
  }
  ex.authority = framing.host ?? ''
  ex.host = hostOf(ex.authority)
  if (url === '*') {
    return ex.method === 'OPTIONS'
      ? answer(204, ['allow', servedMethods])
      : malformed(ex, 'The target * is for OPTIONS only.')
  }
  const origin = toOriginForm(ex, url)
  if (typeof origin !== 'string') return origin
  const target = canonicalTarget(origin)
  if (typeof target === 'string') return malformed(ex, target)
  ex.path = target.path
  ex.query = target.query
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
  if (ex.contentLength === null || Number(ex.contentLength) <= ex.bodyLimit) return undefined
  return deny(413, 'AEGIS_BODY_TOO_LARGE', `The request body is larger than ${ex.bodyLimit} bytes.`)
}

function malformed(ex: Exchange, detail: string): Reply {
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
