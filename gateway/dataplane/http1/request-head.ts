// The bytes of a request before its body. Worker thread; used by client-connection.ts. Names and values were checked where
// they came in: the client's by request-parser.ts, those of plugins by headers.ts.
import type { UpstreamRequest } from '../upstream/transport.ts'

/** A latin1 string with the empty line. */
export function toRequestHead(request: UpstreamRequest): string {
  const { method, path, headers } = request
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return head + framingOf(request)
}

function framingOf({ method, body, length, upgrade }: UpstreamRequest): string {
  if (upgrade) return 'connection: Upgrade\r\nupgrade: websocket\r\n\r\n'
  if (body !== null)
    return length >= 0 ? `content-length: ${length}\r\n\r\n` : 'transfer-encoding: chunked\r\n\r\n'
  // RFC 9110 section 8.6: says that no body comes, where one could be expected.
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'content-length: 0\r\n\r\n' : '\r\n'
}
