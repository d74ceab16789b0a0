// A compressed request body as the application will see it, within the limit. Worker thread; called by inspection.ts.
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib'

export interface Decoded {
  readonly bytes: Uint8Array
  /** False when there is more than these bytes, or when they could not be decoded. */
  readonly complete: boolean
}

type Decode = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflate],
  ['br', brotliDecompressSync],
  ['zstd', zstdDecompressSync],
])

/** Codings on top of each other: nobody does that with good intent. */
const mostCodings = 2

/** `encoding` is the value of Content-Encoding; at most `limitBytes` are decoded. */
export function decodeBody(body: Decoded, encoding: string, limitBytes: number): Decoded {
  const codings = encoding.split(',').map((one) => one.trim().toLowerCase())
  const applied = codings.filter((one) => one !== '' && one !== 'identity')
  if (applied.length === 0 || body.bytes.length === 0) return body
  if (applied.length > mostCodings || !body.complete) return { bytes: body.bytes, complete: false }
  let { bytes } = body
  for (const coding of applied.toReversed()) {
    const decode = decoders.get(coding)
    try {
      if (decode === undefined) return { bytes, complete: false }
      bytes = decode(bytes, { maxOutputLength: limitBytes })
    } catch {
      // Too long, or not what it says: either way it is not known what is in it.
      return { bytes, complete: false }
    }
  }
  return { bytes, complete: true }
}

/** RFC 9110 section 8.4.1.2: with a zlib head, which some senders leave out. */
function inflate(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array {
  try {
    return inflateSync(bytes, options)
  } catch {
    return inflateRawSync(bytes, options)
  }
}
