// The only place that turns a Reply or a failure into bytes. Worker thread; called by pipeline.ts and upstream/.
import { GatewayError } from '../contract/errors.ts'
import { deny, type Reply } from '../contract/reply.ts'
import { runResponseHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { findHeader } from './headers.ts'
import { renderProblem } from './problem.ts'

/** What a client may still send of a body that nobody reads before its connection is cut, in bytes. */
const drainLimitBytes = 1 << 20

/** Answers by the gateway itself: renders the reply, runs the response hooks, writes. Does nothing once an answer is on its way. */
export function answerWith(ex: Exchange, reply: Reply): void {
  if (ex.answering || ex.ended) return
  ex.code = reply.code
  ex.responseSource = 'gateway'
  const headers = [...reply.headers]
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
  if (ex.lastOnConnection || ex.runtime.draining()) {
    ex.lastOnConnection = true
    ex.res.shouldKeepAlive = false
  }
  // RFC 9110 section 8.6.
  if (ex.status === 204) ex.removeResponseHeader('content-length')
  try {
    ex.res.writeHead(ex.status, ex.responseHeaders)
  } catch (error) {
    sendDefect(ex, error)
    return false
  }
  ex.headSent = true
  return true
}

/** RFC 9112 section 8: a broken body must not look like a whole one, nor may anything follow it. */
export function breakOff(ex: Exchange): void {
  // For HTTP/1.0 the end of the connection is the end of the body: only a reset says that it is not.
  if (ex.headSent && ex.req.httpVersionMinor === 0) ex.socket.resetAndDestroy()
  else ex.socket.destroy()
}

/** What is left of a body that nobody will read is taken off the wire within limits, so that the client gets to read the answer. */
export function drainRequest(ex: Exchange): void {
  if (!ex.hasBody) return
  if (!ex.req.complete) {
    let drained = 0
    ex.req.on('data', (chunk: Buffer) => {
      drained += chunk.length
      if (drained > drainLimitBytes) ex.socket.destroy()
    })
  }
  ex.req.resume()
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
  // A body that was never invited will not come: what follows on this connection could not be told from it.
  if (ex.tunnel !== null || ex.expectsContinue) ex.lastOnConnection = true
  if (!sendHead(ex)) return
  if (body === null || ex.method === 'HEAD') ex.res.end()
  else {
    ex.responseBytes = length
    ex.res.end(body)
  }
  if (!ex.expectsContinue) drainRequest(ex)
}

/** The hooks left a head that cannot be written (a line break in a value, a status that is none): a bare 500 goes out. */
function sendDefect(ex: Exchange, error: unknown): void {
  reportDefect(ex, error)
  ex.status = internal.status
  ex.code = internal.code
  ex.responseSource = 'gateway'
  ex.responseHeaders = []
  const body = pushProblem(ex, internal, ex.responseHeaders)
  ex.responseHeaders.push('content-length', String(Buffer.byteLength(body)))
  ex.res.shouldKeepAlive = false
  ex.lastOnConnection = true
  ex.res.writeHead(ex.status, ex.responseHeaders)
  ex.headSent = true
  ex.res.end(ex.method === 'HEAD' ? undefined : body)
}

function pushProblem(ex: Exchange, reply: Reply, headers: string[]): string {
  const { contentType, body } = renderProblem(reply, ex.requestId, ex.header('accept'))
  headers.push('cache-control', 'no-store', 'content-type', contentType)
  return body
}
