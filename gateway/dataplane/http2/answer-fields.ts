// What node:http2 gives of a header or trailer section, in our shape. nghttp2 has refused control characters, upper-case
// names, connection headers and pseudo-headers that are none of an answer's. Worker thread; used by client-call.ts.
import { addField, type Fields } from '../http1/fields.ts'
import { mostTrailers, type Trailers } from '../trailers.ts'

export function toAnswerFields(raw: readonly string[]): Fields {
  const fields: Fields = { raw: [], names: [], kinds: [] }
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (!name.startsWith(':')) addField(fields, name, raw[i + 1] as string)
  }
  return fields
}

/** Throws when there are too many. */
export function toAnswerTrailers(raw: readonly string[]): Trailers {
  if (raw.length > 2 * mostTrailers) throw new Error(`there are more than ${mostTrailers} trailers`)
  return raw.length === 0 ? null : raw
}
