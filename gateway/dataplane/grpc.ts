// The gateway's own refusals in the words of gRPC: a trailers-only answer (gRPC over HTTP/2, section Responses), which a client
// understands where a problem in JSON is just a broken stream. Worker thread; used by respond.ts.
import type { Reply } from '../contract/reply.ts'

/** Also gRPC-Web's. */
const grpcType = /^application\/grpc(?:-web(?:-text)?)?(?:\+[a-z0-9.-]{1,32})?$/

/** Status codes of gRPC, by name. */
const codes = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
}

/**
 * gRPC's http-grpc-status-mapping, but for what it has a better word for: a limit is RESOURCE_EXHAUSTED, not UNAVAILABLE,
 * which clients retry at once; a time-out is DEADLINE_EXCEEDED.
 */
const byStatus: ReadonlyMap<number, number> = new Map([
  [400, codes.internal],
  [401, codes.unauthenticated],
  [403, codes.permissionDenied],
  [404, codes.unimplemented],
  [405, codes.unimplemented],
  [408, codes.deadlineExceeded],
  [412, codes.failedPrecondition],
  [413, codes.resourceExhausted],
  [414, codes.resourceExhausted],
  [421, codes.unavailable],
  [429, codes.resourceExhausted],
  [431, codes.resourceExhausted],
  [499, codes.cancelled],
  [500, codes.internal],
  [501, codes.unimplemented],
  [502, codes.unavailable],
  [503, codes.unavailable],
  [504, codes.deadlineExceeded],
  [505, codes.internal],
  [508, codes.internal],
])

export function toGrpcStatus(status: number): number {
  return byStatus.get(status) ?? codes.unknown
}

/** What a request with this Content-Type is answered in; null when that is no gRPC. */
export function toGrpcType(contentType: string | undefined): string | null {
  if (contentType === undefined) return null
  const end = contentType.indexOf(';')
  const type = (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
  return grpcType.test(type) ? type : null
}

/** Adds what stands for the body of a refusal. The status on the wire is then 200. */
export function pushGrpcRefusal(headers: string[], { status, code, detail }: Reply, type: string): void {
  headers.push('content-type', type, 'grpc-status', String(toGrpcStatus(status)))
  headers.push('grpc-message', encodeMessage(`${detail} (${code})`))
}

/** gRPC over HTTP/2, Status-Message: UTF-8 in which all but printable ASCII is percent-encoded. */
export function encodeMessage(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
