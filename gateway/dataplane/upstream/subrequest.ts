// Questions of plugins to the upstream of a request's route (POST /aegis/authorize). Worker thread.
import { GatewayError } from '../../contract/errors.ts'
import type { RequestView } from '../../contract/exchange.ts'
import type { Subrequest, SubrequestAnswer, SubrequestPort } from '../../contract/ports.ts'
import type { Attempt } from './attempt.ts'
import { type Caller, tenantIdOf } from './caller.ts'
import { explainFailure } from './failure.ts'
import type { Waiting } from './fair-line.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** `upstreamOf`: one of the upstreams of the exchange's route. */
export function createSubrequests(upstreamOf: (ex: RequestView) => UpstreamHandle): SubrequestPort {
  return { send: (ex, request) => ask(upstreamOf(ex), ex, request) }
}

async function ask(upstream: UpstreamHandle, caller: Caller, request: Subrequest): Promise<SubrequestAnswer> {
  if (upstream.arriving !== null) await upstream.arriving
  const attempt = await beginTry(upstream, caller, request.timeoutMs)
  if (attempt === null)
    throw unavailable(`upstream ${upstream.name} has no healthy target or place, or its breaker is open`)
  const { endpoint } = attempt
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
    attempt.ended(statusCode >= 502 && statusCode <= 504 ? 'status-error' : 'ok')
    return { status: statusCode, body: text }
  } catch (error) {
    const cause = error as Error
    const timedOut = signal.aborted
    attempt.ended(timedOut ? 'timeout' : explainFailure(cause, true).outcome)
    if (cause instanceof GatewayError) throw cause
    throw unavailable(timedOut ? `no answer within ${request.timeoutMs} ms` : cause.message, cause)
  }
}

/** Waits for a place in its turn; null when there is none in time, or no target. */
function beginTry({ cluster }: UpstreamHandle, caller: Caller, timeoutMs: number): Promise<Attempt | null> {
  const begin = (): Attempt | null => {
    const endpoint = cluster.isOpen() ? null : cluster.pick([], caller)
    return endpoint === null ? null : cluster.begin(endpoint, caller)
  }
  const gate = cluster.enter(caller)
  if (gate === 'open') return Promise.resolve(null)
  if (gate === 'ok') return Promise.resolve(begin())
  return new Promise((resolve) => {
    const timer = setTimeout(() => cluster.giveUp(waiting), timeoutMs)
    const settle = (attempt: Attempt | null): void => {
      clearTimeout(timer)
      resolve(attempt)
    }
    const waiting: Waiting = {
      tenantId: tenantIdOf(caller),
      go: () => settle(begin()),
      refuse: () => settle(null),
    }
    cluster.wait(waiting)
  })
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
