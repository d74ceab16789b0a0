// Questions of plugins to the upstream of a request's route (POST /aegis/authorize). Worker thread.
import { GatewayError } from '../../contract/errors.ts'
import type { RequestView } from '../../contract/exchange.ts'
import type { Subrequest, SubrequestAnswer, SubrequestPort } from '../../contract/ports.ts'
import type { Caller } from './caller.ts'
import { explainFailure } from './failure.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** `upstreamOf`: one of the upstreams of the exchange's route. */
export function createSubrequests(upstreamOf: (ex: RequestView) => UpstreamHandle): SubrequestPort {
  return { send: (ex, request) => ask(upstreamOf(ex), ex, request) }
}

async function ask(upstream: UpstreamHandle, caller: Caller, request: Subrequest): Promise<SubrequestAnswer> {
  const { cluster, arriving } = upstream
  if (arriving !== null) await arriving
  const endpoint = cluster.admit() === 'ok' ? cluster.pick([], caller) : null
  if (endpoint === null)
    throw unavailable(`upstream ${upstream.name} has no healthy target or its breaker is open`)
  cluster.began(endpoint)
  const signal = AbortSignal.timeout(request.timeoutMs)
  try {
    const { statusCode, body } = await upstream.poolOf(endpoint).questions.request({
      method: request.method as 'POST',
      path: request.path,
      headers: [...request.headers, 'host', upstream.hostOf(endpoint)],
      body: request.body,
      signal,
    })
    const text = await readLimited(body, request.maxBytes)
    cluster.ended(endpoint, statusCode >= 502 && statusCode <= 504 ? 'status-error' : 'ok')
    return { status: statusCode, body: text }
  } catch (error) {
    const cause = error as Error
    const timedOut = signal.aborted
    cluster.ended(endpoint, timedOut ? 'timeout' : explainFailure(cause, true).outcome)
    if (cause instanceof GatewayError) throw cause
    throw unavailable(timedOut ? `no answer within ${request.timeoutMs} ms` : cause.message, cause)
  }
}

async function readLimited(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw unavailable(`the answer is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function unavailable(message: string, cause?: Error): GatewayError {
  return new GatewayError(message, {
    code: 'AEGIS_SUBREQUEST_FAILED',
    source: 'upstream',
    status: 503,
    cause,
  })
}
