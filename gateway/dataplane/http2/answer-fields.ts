// What node:http2 gives of a header or trailer section, in our shape. nghttp2 has refused upper-case names, connection headers
// and pseudo-headers that are none of an answer's, and dropped names and values with characters that no field can have.
// Worker thread; used by client-call.ts.
import { addField, type Fields, readValue } from '../http1/fields.ts'
import { mostTrailers, type Trailers } from '../trailers.ts'

/** Throws on a value that no field can have. */
export function toAnswerFields(raw: readonly string[]): Fields {
  const fields: Fields = { raw: [], names: [], kinds: [] }
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (!name.startsWith(':')) addField(fields, name, toBare(raw[i + 1] as string))
  }
  return fields
}

/** Throws when there are too many, and as above. */
export function toAnswerTrailers(raw: readonly string[]): Trailers {
  if (raw.length > 2 * mostTrailers) throw new Error(`there are more than ${mostTrailers} trailers`)
  return raw.length === 0 ? null : raw.map((text, i) => (i % 2 === 0 ? text : toBare(text)))
}

/**
 * White space at an end is no part of a value (RFC 9110 section 5.5). HTTP/2 forbids to send it, but gRPC servers do, in
 * grpc-message: the call would lose its reason.
 */
function toBare(value: string): string {
  return readValue(value, 0, value.length)
}
