// Decides, request by request. Worker thread.
// With the local store nothing here waits, except a shaped request for its turn; a store that answers by a promise
// goes the same way through `decide`.
import type { RequestView, ResponseView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { LimitState, PluginPorts } from '../../gateway/contract/ports.ts'
import { deny } from '../../gateway/contract/reply.ts'
import { createControl } from './control.ts'
import { createHeaderLister, type Outcome, retryAfterSeconds } from './headers.ts'
import { type AskedCheck, compileLimit, type Limit, toChecks } from './limit.ts'
import type { RateLimitConfig } from './schema.ts'
import { createFailureLog, createTrial } from './trial.ts'

export function createRateLimit(config: Readonly<RateLimitConfig>, ports: PluginPorts): Plugin {
  const limits = config.limits.map((limit) => compileLimit(limit, config, ports.metrics))
  const isTrial = (index: number) => config.dryRun || config.limits[index]?.dryRun === true
  const enforced = limits.filter((_, index) => !isTrial(index))
  const listHeaders = createHeaderLister(enforced, config.headers)
  const logFailure = createFailureLog(ports)
  // A plugin wholly on trial acts as it would in earnest: all its limits or none. Single limits are tried one by one.
  const tried = limits.filter((_, index) => isTrial(index))
  const trials = config.dryRun ? [tried] : tried.map((limit) => [limit])
  const runTrials = createTrial(trials, ports.counters, logFailure)

  function onRequest(ex: RequestView): Verdict | Promise<Verdict> {
    if (enforced.length === 0) return runTrials(ex)
    const checks = toChecks(enforced, ex)
    let taken: ReturnType<typeof ports.counters.take>
    try {
      taken = ports.counters.take(checks)
    } catch (error) {
      return failed(error)
    }
    if (!('then' in taken)) return decide(ex, checks, taken)
    return taken.then((states) => decide(ex, checks, states), failed)
  }

  function decide(
    ex: RequestView,
    checks: readonly AskedCheck[],
    states: readonly LimitState[],
  ): Verdict | Promise<Verdict> {
    const outcome: Outcome = { checks, states }
    let delayMs = 0
    let refusing: Limit | null = null
    for (let i = 0; i < states.length; i++) {
      const state = states[i] as LimitState
      if (state.delayMs > delayMs) delayMs = state.delayMs
      if (state.allowed) continue
      refusing ??= enforced[i] as Limit
      enforced[i]?.denied.inc()
    }
    if (refusing !== null) return refuse(refusing, outcome)
    for (let i = 0; i < states.length; i++) {
      const limit = enforced[i] as Limit
      if ((states[i] as LimitState).delayMs > 0) limit.delayed.inc()
      else limit.allowed.inc()
    }
    ex.setSlot(ports.slot, outcome)
    runTrials(ex)
    return delayMs > 0 ? waitTurn(ex, delayMs) : undefined
  }

  function refuse(limit: Limit, outcome: Outcome): Verdict {
    const seconds = retryAfterSeconds(outcome.states)
    const headers = ['Retry-After', String(seconds), ...listHeaders(outcome)]
    const wait = seconds === 1 ? '1 second' : `${seconds} seconds`
    const detail = `The rate limit "${limit.name}" is used up. Try again in ${wait}.`
    return deny(config.status, 'AEGIS_RATE_LIMITED', detail, headers)
  }

  /** The place in the queue is taken already; a client that leaves gives it up unused, and the others keep their times. */
  function waitTurn(ex: RequestView, delayMs: number): Promise<Verdict> {
    return new Promise((resolve) => {
      const cancel = ports.clock.after(Math.ceil(delayMs), () => resolve(undefined))
      ex.onAbort(() => {
        cancel()
        resolve(
          deny(499, 'AEGIS_CLIENT_CLOSED_REQUEST', 'The client left while its request waited for its turn.'),
        )
      })
    })
  }

  function failed(error: unknown): Verdict {
    logFailure(error)
    for (const limit of enforced) limit.failed.inc()
    if (config.onStoreFailure === 'allow') return undefined
    const detail = 'The rate limit cannot be checked now. Try again in a moment.'
    return deny(503, 'AEGIS_RATE_LIMIT_UNAVAILABLE', detail, ['Retry-After', '1'])
  }

  return {
    onRequest,
    /** Ours win over fields of the same name that an upstream sent. A refusal carries them already. */
    onResponse(ex: ResponseView) {
      const outcome = ex.getSlot(ports.slot) as Outcome | undefined
      if (outcome === undefined) return
      const headers = listHeaders(outcome)
      for (let i = 0; i < headers.length; i += 2) {
        ex.setResponseHeader(headers[i] as string, headers[i + 1] as string)
      }
    },
    onControl: createControl(limits, ports),
  }
}
