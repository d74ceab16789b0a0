// The way of a request, station by station. Worker thread; called by listener.ts for every request and handshake.
import { GatewayError } from '../contract/errors.ts'
import type { Verdict } from '../contract/plugin.ts'
import { answer, deny, type Reply } from '../contract/reply.ts'
import { admit } from './admission.ts'
import { runBodyHooks, runLogHooks, runRequestHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { answerWith } from './respond.ts'
import { findRoute } from './routing.ts'
import { forward } from './upstream/forward.ts'
import { bufferBody } from './upstream/request-body.ts'
import type { OpenTunnel } from './upstream/upgrade.ts'

/** Downstream -> admitted -> routed -> allowed by the chain -> upstream. Each station may answer instead. */
export function serve(ex: Exchange, openTunnel: OpenTunnel): void {
  try {
    const refusal = admit(ex) ?? answerHealth(ex) ?? findRoute(ex)
    if (refusal !== undefined) return answerWith(ex, refusal)
    const verdict = runRequestHooks(ex, ex.chain)
    if (verdict instanceof Promise) {
      verdict.then((late) => inspect(ex, late, openTunnel)).catch((error) => fail(ex, error))
    } else inspect(ex, verdict, openTunnel)
  } catch (error) {
    fail(ex, error)
  }
}

/** The request hooks have spoken; plugins that opted in see the body before it goes up. */
function inspect(ex: Exchange, verdict: Verdict, openTunnel: OpenTunnel): void {
  if (ex.ended) return
  if (verdict !== undefined) return answerWith(ex, verdict)
  if (ex.chain.inspectUpTo === 0) return send(ex, openTunnel)
  const inspected = ex.hasBody ? bufferBody(ex, ex.chain.inspectUpTo) : Promise.resolve()
  inspected
    .then(() => runBodyHooks(ex))
    .then((late) => (late === undefined ? send(ex, openTunnel) : answerWith(ex, late)))
    .catch((error) => fail(ex, error))
}

function send(ex: Exchange, openTunnel: OpenTunnel): void {
  if (ex.ended) return
  if (ex.preflight)
    return answerWith(ex, deny(405, 'AEGIS_METHOD_NOT_ALLOWED', 'OPTIONS is not served on this route.'))
  const upstream = ex.compiled.pickUpstream()
  if (ex.tunnel === null) forward(ex, upstream)
  else openTunnel(ex, ex.tunnel, upstream)
}

/** Once per exchange, when its last byte is out, its tunnel closed or its client gone. */
export function conclude(ex: Exchange): void {
  if (ex.ended) return
  ex.ended = true
  const whole = ex.tunnel === null ? ex.res.writableFinished : ex.headSent
  if (!whole) {
    ex.abort?.abort()
    for (const callback of ex.abortCallbacks ?? []) callback()
    if (!ex.headSent) ex.status = 499
    if (ex.code === '') ex.code = 'AEGIS_CLIENT_CLOSED'
  }
  ex.durationMs = performance.now() - ex.startedAt
  runLogHooks(ex, ex.match === null ? ex.runtime.unrouted : ex.chain)
  ex.runtime.end()
}

function answerHealth(ex: Exchange): Reply | undefined {
  if (ex.path !== '/health' || (ex.method !== 'GET' && ex.method !== 'HEAD')) return undefined
  const headers = ['content-type', 'application/json', 'cache-control', 'no-store']
  return ex.runtime.draining()
    ? answer(503, headers, '{"status":"draining"}')
    : answer(200, headers, '{"status":"ok"}')
}

/** A limit that was met while reading, or a defect of ours: the worker lives, the client gets an answer. */
function fail(ex: Exchange, error: unknown): void {
  if (error instanceof GatewayError)
    return answerWith(ex, deny(error.status, error.code, `${error.message}.`))
  ex.failure = String(error)
  ex.runtime.log.error(
    { err: error, request_id: ex.requestId, path: ex.path },
    'an exchange failed inside the gateway',
  )
  if (ex.headSent) ex.socket.destroy()
  else answerWith(ex, deny(500, 'AEGIS_INTERNAL', 'The gateway failed on this request.'))
}
