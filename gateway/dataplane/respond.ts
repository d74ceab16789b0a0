// The only place that turns a Reply or a failure into bytes. Worker thread; called by pipeline.ts and upstream/.
import { GatewayError } from '../contract/errors.ts'
import { deny, type Reply } from '../contract/reply.ts'
import { runResponseHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { pushGrpcRefusal, toGrpcType } from './grpc.ts'
import { findFieldFault, findHeader } from './headers.ts'
import { renderProblem } from './problem.ts'

/** Answers by the gateway itself: renders the reply, runs the response hooks, writes. Does nothing once an answer is on its way. */
export function answerWith(ex: Exchange, reply: Reply): void {
  if (ex.answering || ex.ended) return
  ex.code = reply.code
  ex.responseSource = 'gateway'
  const headers = [...reply.headers]
  for (let i = 0; i < headers.length; i += 2)
    ex.unsendable ??= findFieldFault(headers[i] as string, headers[i + 1] as string)
  const body = reply.body === undefined ? pushProblem(ex, reply, headers) : reply.body
  startAnswer(ex, reply.status, headers, () => writeWhole(ex, body))
}

/** As answerWith, for an exchange whose upstream broke off while the hooks ran on its head; they run again, on what the client gets. */
export function answerInstead(ex: Exchange, reply: Reply): void {
  if (ex.headSent) return
  ex.answering = false
  answerWith(ex, reply)
}

/** A limit that was met on the way, or a defect of ours: the worker lives, the client gets an answer. */
export function answerFailure(ex: Exchange, error: unknown): void {
  if (error instanceof GatewayError)
    return answerWith(ex, deny(error.status, error.code, `${error.message}.`))
  reportDefect(ex, error)
  if (ex.answering) breakOff(ex)
  else answerWith(ex, internal)
}

/** Runs the response hooks on this head, then `ready`. The head is what sendHead will write. */
export function startAnswer(ex: Exchange, status: number, headers: string[], ready: () => void): void {
  ex.answering = true
  ex.status = status
  ex.responseHeaders = headers
  const pending = runResponseHooks(ex)
  if (pending === undefined) return ready()
  pending.then(ready).catch((error) => {
    reportDefect(ex, error)
    breakOff(ex)
  })
}

/** False: the head could not be written as it is, and the client was answered otherwise or is gone. */
export function sendHead(ex: Exchange): boolean {
  if (ex.ended || ex.headSent) return false
  if (ex.runtime.draining()) ex.lastOnConnection = true
  // RFC 9110 section 8.6.
  if (ex.status === 204) ex.removeResponseHeader('content-length')
  try {
    if (ex.unsendable !== null) throw ex.unsendable
    ex.down.respond(statusOnWire(ex), ex.responseHeaders, ex.lastOnConnection)
  } catch (error) {
    sendDefect(ex, error)
    return false
  }
  ex.headSent = true
  return true
}

/** RFC 9112 section 8: a broken body must not look like a whole one, nor may anything follow it. */
export function breakOff(ex: Exchange): void {
  ex.down.breakOff()
}

const internal = deny(500, 'AEGIS_INTERNAL', 'The gateway failed on this request.')

function reportDefect(ex: Exchange, error: unknown): void {
  ex.failure = String(error)
  ex.runtime.log.error(
    { err: error, request_id: ex.requestId, path: ex.path },
    'an exchange failed inside the gateway',
  )
}

function writeWhole(ex: Exchange, body: string | Uint8Array | null): void {
  if (ex.ended) return
  const length = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (ex.status !== 304 && findHeader(ex.responseHeaders, 'content-length') < 0) {
    ex.responseHeaders.push('content-length', String(length))
  }
  if (!sendHead(ex)) return
  if (ex.method !== 'HEAD') ex.responseBytes = length
  ex.down.end(ex.method === 'HEAD' ? null : body, null)
}

/** The hooks left a head that cannot be written (a line break in a value, a status that is none): a bare 500 goes out. */
function sendDefect(ex: Exchange, error: unknown): void {
  reportDefect(ex, error)
  ex.status = internal.status
  ex.code = internal.code
  ex.responseSource = 'gateway'
  ex.responseHeaders = []
  const body = pushProblem(ex, internal, ex.responseHeaders)
  ex.responseHeaders.push('content-length', String(Buffer.byteLength(body ?? '')))
  ex.lastOnConnection = true
  ex.down.respond(statusOnWire(ex), ex.responseHeaders, true)
  ex.headSent = true
  ex.down.end(ex.method === 'HEAD' ? null : body, null)
}

/** A refusal in the words of gRPC is 200 there; log and metrics keep what it means. */
function statusOnWire(ex: Exchange): number {
  if (ex.responseSource === 'upstream') return ex.status
  return findHeader(ex.responseHeaders, 'grpc-status') < 0 ? ex.status : 200
}

function pushProblem(ex: Exchange, reply: Reply, headers: string[]): string | null {
  const grpcType = toGrpcType(ex.header('content-type'))
  if (grpcType !== null) {
    pushGrpcRefusal(headers, reply, grpcType)
    return null
  }
  const { contentType, body } = renderProblem(reply, ex.requestId, ex.header('accept'))
  headers.push('cache-control', 'no-store', 'content-type', contentType)
  return body
}
