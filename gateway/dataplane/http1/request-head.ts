// The bytes of a request before its body. Worker thread; used by connection.ts. The last place that sees to it that
// nothing in a name or value can become a line of its own.
import type { Readable } from 'node:stream'

/** The flat header list is complete but for the framing of a body that has no length. */
export interface Http1Request {
  readonly path: string
  readonly method: string
  readonly headers: readonly string[]
  readonly body: Readable | Buffer | null
}

export class RequestHeadError extends Error {
  readonly code = 'UPSTREAM_REQUEST_INVALID'
}

const notToken = /[^!#$%&'*+.^_`|~0-9A-Za-z-]/
/** Also what latin1 would cut down to something else, such as U+010A to a line feed. */
const notValue = /[^\t\x20-\x7e\x80-\xff]/
const notTarget = /[^\x21-\x7e\x80-\xff]/

/** A latin1 string. Throws a RequestHeadError on a name, value, method or path that cannot be sent. */
export function toRequestHead({ method, path, headers, body }: Http1Request): string {
  if (method === '' || notToken.test(method)) throw new RequestHeadError('the method is not a token')
  if (path === '' || notTarget.test(path))
    throw new RequestHeadError('the path holds a character that cannot be sent')
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    if (name === '' || notToken.test(name)) throw new RequestHeadError('a header name is not a token')
    if (notValue.test(value))
      throw new RequestHeadError(`the value of ${name} holds a character that cannot be sent`)
    head += `${name}: ${value}\r\n`
  }
  if (!hasLength(headers)) head += framingOf(method, body)
  return `${head}\r\n`
}

function framingOf(method: string, body: Http1Request['body']): string {
  if (Buffer.isBuffer(body)) return `content-length: ${body.length}\r\n`
  if (body !== null) return 'transfer-encoding: chunked\r\n'
  // RFC 9110 section 8.6: says that no body comes, where one could be expected.
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'content-length: 0\r\n' : ''
}

export function hasLength(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return true
  }
  return false
}
