// Feeds bytes to the request parser in pieces, as a connection does, and keeps what it makes of them.
import type { RequestFault } from '../../../../gateway/dataplane/downstream.ts'
import { RequestParser } from '../../../../gateway/dataplane/http1/request-parser.ts'
import type { Trailers } from '../../../../gateway/dataplane/trailers.ts'

export interface ParsedRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: readonly string[]
  readonly keepAlive: boolean
  body: string
  trailers: Trailers
  complete: boolean
}

export interface ParsedRequests {
  readonly requests: ParsedRequest[]
  /** Why nothing more is read; null: more could come. */
  fault: RequestFault | null
}

export interface ParseOptions {
  /** Default 16,384. */
  readonly headLimitBytes?: number
  /** Default 100. */
  readonly mostFields?: number
  /** The parser is paused at every head and body, and resumed behind it, as under backpressure. */
  readonly pausing?: boolean
}

/** Reads until a fault or until a request is the last on its connection. */
export function parseRequests(pieces: readonly Buffer[], options: ParseOptions = {}): ParsedRequests {
  const parsed: ParsedRequests = { requests: [], fault: null }
  const pausing = options.pausing === true
  let current: ParsedRequest | null = null
  const finish = (request: ParsedRequest): void => {
    request.complete = true
    if (!request.keepAlive) parser.stop()
  }
  const parser = new RequestParser(
    {
      onHead(head) {
        if (head.fault !== null) {
          parsed.fault = head.fault
          return
        }
        parser.paused = pausing
        const { method, target, version, fields, keepAlive } = head
        current = {
          method,
          target,
          version,
          headers: fields.raw,
          keepAlive,
          body: '',
          trailers: null,
          complete: false,
        }
        parsed.requests.push(current)
        if (head.body === 'none') finish(current)
      },
      onBody(bytes) {
        if (current === null || current.complete) throw new Error('a body without a request')
        current.body += bytes.toString('latin1')
        parser.paused = pausing
      },
      onComplete(trailers) {
        if (current === null || current.complete) throw new Error('an end without a request')
        current.trailers = trailers
        finish(current)
      },
      onBroken(fault) {
        parsed.fault = fault
      },
    },
    options.headLimitBytes ?? 16_384,
    options.mostFields ?? 100,
  )
  for (const piece of pieces) feed(parser, piece, () => current?.complete === true && !current.keepAlive)
  return parsed
}

/** All of `piece`, however often the parser pauses within it. */
function feed(parser: RequestParser, piece: Buffer, over: () => boolean): void {
  let left = parser.read(piece)
  while (left.length > 0 && !over()) {
    parser.paused = false
    const before = left.length
    left = parser.read(left)
    if (left.length >= before) throw new Error('the parser does not go on')
  }
  if (!over()) parser.paused = false
}
