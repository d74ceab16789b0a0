// The first station: is this a request that every party downstream of us reads in one way? Worker thread.
// Strictness as behaviour.md section 6 and RFC 9112 ask; node's parser lets more pass than we do.
import { answer, deny, type Reply } from '../contract/reply.ts'
import type { Exchange } from './exchange.ts'
import { canonicalTarget } from './path.ts'
import type { Peers } from './peers.ts'

const servedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const hostPattern = /^(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?)(?::[0-9]{1,5})?$/i
const lengthPattern = /^(?:0|[1-9][0-9]{0,15})$/

interface Framing {
  host: string | null
  hosts: number
  lengths: number
  length: string | null
  codings: number
  coding: string
  proto: boolean
}

/** Fills in what the exchange knows of its request; a Reply when it must not go further. */
export function admit(ex: Exchange): Reply | undefined {
  readPeer(ex, ex.runtime.peers)
  const { limits } = ex.runtime.snapshot.gateway
  const raw = ex.req.rawHeaders
  if (raw.length / 2 > limits.headerCount) {
    return refuse(
      431,
      'AEGIS_TOO_MANY_HEADERS',
      `The request has more than ${limits.headerCount} header fields.`,
    )
  }
  if (ex.method === 'TRACE' || ex.method === 'CONNECT') {
    return refuse(405, 'AEGIS_METHOD_NOT_ALLOWED', `${ex.method} is not served here.`, [
      'allow',
      servedMethods,
    ])
  }
  const framing = readFraming(raw)
  return checkFraming(ex, framing) ?? readTarget(ex, framing, limits.urlBytes) ?? checkLength(ex)
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
      case 9:
        if (name === '__proto__') framing.proto = true
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
  if (framing.proto) return malformed('A header has a name that is not accepted.')
  if (framing.hosts > 1) return malformed('The request has more than one Host header.')
  if (framing.host === null && !old) return malformed('The request has no Host header.')
  if (framing.host !== null && !hostPattern.test(framing.host)) {
    return malformed('The Host header is not a single host name or address with an optional port.')
  }
  if (framing.codings > 0) {
    if (old) return malformed('HTTP/1.0 has no Transfer-Encoding.')
    if (framing.lengths > 0) return malformed('The request has both Content-Length and Transfer-Encoding.')
    if (framing.codings > 1 || framing.coding.toLowerCase() !== 'chunked') {
      return malformed('The only accepted transfer coding is chunked.')
    }
    ex.hasBody = true
  }
  if (framing.length !== null) {
    if (framing.lengths > 1 || !lengthPattern.test(framing.length)) {
      return malformed('Content-Length must be given once, as plain digits.')
    }
    ex.contentLength = framing.length
    ex.hasBody = framing.length !== '0'
  }
  return undefined
}

/** RFC 9112 section 3.2: origin-form, absolute-form that agrees with Host, `*` for OPTIONS only. */
function readTarget(ex: Exchange, framing: Framing, urlBytes: number): Reply | undefined {
  const url = ex.req.url ?? ''
  if (url.length > urlBytes) {
    return refuse(414, 'AEGIS_URI_TOO_LONG', `The request target is longer than ${urlBytes} bytes.`)
  }
  ex.authority = framing.host ?? ''
  ex.host = hostOf(ex.authority)
  if (url === '*') {
    return ex.method === 'OPTIONS'
      ? answer(204, ['allow', servedMethods])
      : malformed('The target * is for OPTIONS only.')
  }
  const origin = toOriginForm(ex, url)
  if (typeof origin !== 'string') return origin
  const target = canonicalTarget(origin)
  if (typeof target === 'string') return malformed(target)
  ex.path = target.path
  ex.query = target.query
  return undefined
}

function toOriginForm(ex: Exchange, url: string): string | Reply {
  if (url.charCodeAt(0) === 47) return url
  const scheme = url.slice(0, 8).toLowerCase()
  const start = scheme.startsWith('http://') ? 7 : scheme === 'https://' ? 8 : 0
  if (start === 0) return malformed('The request target must be a path or an absolute http URL.')
  const rest = url.slice(start)
  const end = rest.search(/[/?#]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  if (authority.toLowerCase() !== ex.authority.toLowerCase()) {
    return malformed('The absolute request target and the Host header name different hosts.')
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

function checkLength(ex: Exchange): Reply | undefined {
  if (ex.contentLength === null || Number(ex.contentLength) <= ex.bodyLimit) return undefined
  return bodyTooLarge(ex.bodyLimit)
}

export function bodyTooLarge(limitBytes: number): Reply {
  return deny(413, 'AEGIS_BODY_TOO_LARGE', `The request body is larger than ${limitBytes} bytes.`)
}

function malformed(detail: string): Reply {
  return refuse(400, 'AEGIS_BAD_REQUEST', detail)
}

/** What could not be read in one way is not followed by another request on the same connection. */
function refuse(status: number, code: string, detail: string, headers: readonly string[] = []): Reply {
  return deny(status, code, detail, [...headers, 'connection', 'close'])
}
