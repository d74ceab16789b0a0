// The way of a request, station by station. Worker thread; called by listener.ts for every request and handshake.
import type { Verdict } from '../contract/plugin.ts'
import { deny } from '../contract/reply.ts'
import { admit, checkLength } from './admission.ts'
import { runBodyHooks, runLogHooks, runRequestHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { answerFailure, answerWith } from './respond.ts'
import { answerHealth, findRoute } from './routing.ts'
import { forward } from './upstream/forward.ts'
import { bufferBody } from './upstream/request-body.ts'
import type { UpstreamHandle } from './upstream/upstream-handle.ts'

/** Downstream -> admitted -> routed -> allowed by the chain -> upstream. Each station may answer instead. */
export function serve(ex: Exchange): void {
  try {
    const refusal = admit(ex) ?? answerHealth(ex) ?? findRoute(ex) ?? ex.runtime.shed(ex)
    if (refusal !== undefined) return answerWith(ex, refusal)
    const verdict = runRequestHooks(ex, ex.chain)
    if (verdict instanceof Promise) {
      verdict.then((late) => inspect(ex, late)).catch((error) => answerFailure(ex, error))
    } else inspect(ex, verdict)
  } catch (error) {
    answerFailure(ex, error)
  }
}

/** The request hooks have spoken; plugins that opted in see the body before it goes up. */
function inspect(ex: Exchange, verdict: Verdict): void {
  if (ex.ended || ex.answering) return
  const refusal = verdict ?? checkLength(ex)
  if (refusal !== undefined) return answerWith(ex, refusal)
  if (ex.inspectUpTo === 0) return send(ex)
  const inspected = ex.hasBody ? bufferBody(ex, ex.inspectUpTo) : Promise.resolve()
  inspected
    .then(() => runBodyHooks(ex))
    .then((late) => (late === undefined ? send(ex) : answerWith(ex, late)))
    .catch((error) => answerFailure(ex, error))
}

function send(ex: Exchange): void {
  if (ex.ended || ex.answering) return
  if (ex.preflight)
    return answerWith(ex, deny(405, 'AEGIS_METHOD_NOT_ALLOWED', 'OPTIONS is not served on this route.'))
  const upstream = ex.compiled.pickUpstream(ex)
  if (upstream.arriving === null) return pass(ex, upstream)
  upstream.arriving.then(() => pass(ex, upstream)).catch((error) => answerFailure(ex, error))
}

function pass(ex: Exchange, upstream: UpstreamHandle): void {
  if (!ex.ended && !ex.answering) forward(ex, upstream)
}

/** Once per exchange, when its last byte is out, its tunnel closed or its client gone. Never throws. */
export function conclude(ex: Exchange): void {
  ex.ended = true
  if (ex.longLived !== null) ex.longLived.remove(ex)
  const whole = ex.down.answered || (ex.isHandshake && ex.headSent)
  if (!whole) {
    ex.cancel()
    if (!ex.headSent) ex.status = 499
    if (ex.code === '') ex.code = 'AEGIS_CLIENT_CLOSED'
  }
  ex.durationMs = performance.now() - ex.startedAt
  runLogHooks(ex, ex.match === null ? ex.runtime.unrouted : ex.chain)
  ex.runtime.end()
}
