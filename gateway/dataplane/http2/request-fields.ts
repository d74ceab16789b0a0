// The header section of a request in HTTP/2 (RFC 9113 section 8.3.1). Worker thread; used by client-call.ts.
import { findFieldFault } from '../headers.ts'
import type { UpstreamRequest } from '../upstream/transport.ts'
import { Http2Fault } from './dial.ts'

/**
 * A flat list for node:http2, which writes names in lower case and refuses what is the connection's. It does not look at
 * values: a NUL in one would begin a field of its own, so all are looked at here. Throws on what cannot be sent.
 */
export function toRequestFields(request: UpstreamRequest, scheme: 'http' | 'https'): string[] {
  const { method, path, headers } = request
  const fields = [':method', method, ':scheme', scheme, ':path', path]
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    const fault = findFieldFault(name, value)
    if (fault !== null) throw fault
    // Host says what :authority says.
    if (name.length === 4 && name.toLowerCase() === 'host') fields.push(':authority', value)
    else fields.push(name, value)
  }
  if (notPath.test(path) || notPath.test(method))
    throw new Http2Fault('UPSTREAM_UNSENDABLE', 'the path or the method holds a character that it cannot')
  const length = lengthOf(request)
  if (length >= 0) fields.push('content-length', String(length))
  return fields
}

const notPath = /[^\x21-\x7e]/

/** As it is announced to HTTP/1.1 upstreams; -1: not at all. */
function lengthOf({ method, body, length }: UpstreamRequest): number {
  if (body !== null) return length
  // RFC 9110 section 8.6: says that no body comes, where one could be expected.
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 0 : -1
}
