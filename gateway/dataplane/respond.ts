// The only place that turns a Reply or a failure into bytes. Worker thread; called by pipeline.ts and upstream/.
import { STATUS_CODES } from 'node:http'
import type { Reply } from '../contract/reply.ts'
import { runResponseHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { findHeader } from './headers.ts'

/** What a refused request may still send before its connection is cut, in bytes. */
const drainLimitBytes = 1 << 20

/** Answers by the gateway itself: renders the reply, runs the response hooks, writes. Does nothing once a head is out. */
export function answerWith(ex: Exchange, reply: Reply): void {
  if (ex.headSent || ex.ended) return
  ex.status = reply.status
  ex.code = reply.code
  ex.responseSource = 'gateway'
  ex.responseHeaders = [...reply.headers]
  const body = reply.body === undefined ? renderProblem(ex, reply) : reply.body
  const pending = runResponseHooks(ex)
  if (pending instanceof Promise) void pending.then(() => writeWhole(ex, body))
  else writeWhole(ex, body)
}

/** Passes an upstream's head on, response hooks included; the body follows by `res.write`. */
export function answerFromUpstream(ex: Exchange, status: number, headers: string[], then: () => void): void {
  ex.status = status
  ex.responseSource = 'upstream'
  ex.responseHeaders = headers
  const pending = runResponseHooks(ex)
  if (pending instanceof Promise) {
    void pending.then(() => {
      writeHead(ex)
      then()
    })
    return
  }
  writeHead(ex)
  then()
}

function writeHead(ex: Exchange): void {
  if (ex.ended || ex.headSent) return
  ex.headSent = true
  ex.res.writeHead(ex.status, ex.responseHeaders)
}

function writeWhole(ex: Exchange, body: string | Uint8Array | null): void {
  if (ex.ended || ex.headSent) return
  const length = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (ex.status !== 204 && ex.status !== 304 && findHeader(ex.responseHeaders, 'content-length') < 0) {
    ex.responseHeaders.push('content-length', String(length))
  }
  refuseRestOfBody(ex)
  writeHead(ex)
  ex.responseBytes = ex.method === 'HEAD' ? 0 : length
  if (body === null || ex.method === 'HEAD') ex.res.end()
  else ex.res.end(body)
}

/** A body that nobody will read is drained within limits, so that the client gets to read the answer. */
function refuseRestOfBody(ex: Exchange): void {
  if (ex.tunnel !== null) {
    ex.responseHeaders.push('connection', 'close')
    return
  }
  if (!ex.hasBody || ex.req.complete) return
  if (ex.expectsContinue) {
    // It was never invited, so it will not come: what follows on this connection cannot be told from it.
    ex.responseHeaders.push('connection', 'close')
    return
  }
  let drained = 0
  ex.req.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > drainLimitBytes) ex.socket.destroy()
  })
  ex.req.resume()
}

/** RFC 9457, or HTML or plain text for who asks for that. */
function renderProblem(ex: Exchange, reply: Reply): string {
  const title = STATUS_CODES[reply.status] ?? 'Error'
  const accept = ex.header('accept') ?? ''
  ex.responseHeaders.push('cache-control', 'no-store')
  if (prefers(accept, 'text/html')) {
    ex.responseHeaders.push('content-type', 'text/html; charset=utf-8')
    const lines = [
      `<h1>${reply.status} ${title}</h1>`,
      `<p>${escapeHtml(reply.detail)}</p>`,
      `<p>${reply.code} ${ex.requestId}</p>`,
    ]
    return `<!doctype html><title>${reply.status} ${title}</title>${lines.join('')}\n`
  }
  if (prefers(accept, 'text/plain')) {
    ex.responseHeaders.push('content-type', 'text/plain; charset=utf-8')
    return `${reply.status} ${title}\n${reply.detail}\n${reply.code} ${ex.requestId}\n`
  }
  ex.responseHeaders.push('content-type', 'application/problem+json')
  const { status, code, detail } = reply
  return JSON.stringify({ type: 'about:blank', title, status, detail, code, request_id: ex.requestId })
}

/** Browsers put text/html first; who lists JSON before it gets JSON. */
function prefers(accept: string, type: string): boolean {
  const at = accept.indexOf(type)
  if (at < 0) return false
  const json = accept.indexOf('json')
  return json < 0 || at < json
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
