// Feeds bytes to the parser in pieces and keeps what it makes of them.
import { ResponseParser } from '../../../../gateway/dataplane/http1/response-parser.ts'
import type { Trailers } from '../../../../gateway/dataplane/trailers.ts'
import type { Random } from '../../../support/random.ts'

export interface Parsed {
  /** All of the answer is there; the end of the bytes counts as the end of the connection. */
  complete: boolean
  /** Why not one byte more is wanted from this connection; null when nothing is wrong. */
  refused: string | null
  reusable: boolean
  keepAliveMs: number
  /** Of the interim answers, in their order. */
  interim: number[]
  status: number
  headers: string[]
  body: Buffer
  trailers: Trailers
  /** Of the pieces, those that were needed to complete the answer. */
  pieces: number
}

export function parse(pieces: readonly Buffer[], method = 'GET'): Parsed {
  const body: Buffer[] = []
  const parsed: Parsed = {
    complete: false,
    refused: null,
    reusable: false,
    keepAliveMs: 0,
    interim: [],
    status: 0,
    headers: [],
    body: Buffer.alloc(0),
    trailers: null,
    pieces: 0,
  }
  const parser = new ResponseParser({
    onHead(status, { raw }) {
      if (status < 200) parsed.interim.push(status)
      else Object.assign(parsed, { status, headers: raw })
    },
    // A copy: nothing that the parser holds on to may change what was given out.
    onBody: (bytes) => void body.push(Buffer.from(bytes)),
    onComplete(trailers) {
      parsed.trailers = trailers
      parsed.complete = true
    },
  })
  parser.expect(method)
  try {
    for (const piece of pieces) {
      if (!parsed.complete) parsed.pieces += 1
      parser.execute(piece)
    }
    if (!parsed.complete) parser.finish()
    parsed.reusable = parser.reusable
    parsed.keepAliveMs = parser.keepAliveMs
  } catch (error) {
    parsed.refused = (error as Error).message
  }
  parsed.body = Buffer.concat(body)
  return parsed
}

export function toBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
}

export function toRandomPieces(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.int(random.pick([2, 8, 64]))
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

/** What must not depend on where the segments of a connection begin and end: all but the words of a refusal. */
export function toVerdict({
  complete,
  refused,
  reusable,
  interim,
  status,
  headers,
  body,
  trailers,
}: Parsed): object {
  return {
    complete,
    refused: refused !== null,
    reusable,
    interim,
    status,
    headers,
    trailers,
    body: body.toString('latin1'),
  }
}
