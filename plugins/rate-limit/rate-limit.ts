// Decides, request by request. Worker thread.
// With the local store nothing here waits, except a shaped request for its turn; a store that answers by a promise
// goes the same way through `decide`.
import type { RequestView, ResponseView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { Clock, CounterStore, LimitState, PluginPorts } from '../../gateway/contract/ports.ts'
import { deny } from '../../gateway/contract/reply.ts'
import { createControl } from './control.ts'
import { createHeaderLister, type ListHeaders, type Outcome, retryAfterSeconds } from './headers.ts'
import { type AskedCheck, compileLimit, type Limit, toChecks } from './limit.ts'
import type { RateLimitConfig } from './schema.ts'
import { pickStores, type Stores } from './store.ts'
import { createFailureLog, createTrial } from './trial.ts'

/** One instance, compiled. */
interface Limiter {
  readonly config: Readonly<RateLimitConfig>
  readonly ports: PluginPorts
  readonly stores: Stores
  /** Limits that refuse; the others are on trial. */
  readonly enforced: readonly Limit[]
  readonly listHeaders: ListHeaders
  readonly logFailure: (error: unknown) => void
  readonly runTrials: (ex: RequestView) => undefined
}

export function createRateLimit(config: Readonly<RateLimitConfig>, ports: PluginPorts): Plugin {
  const limits = config.limits.map((limit) => compileLimit(limit, config, ports.metrics))
  const limiter = createLimiter(limits, config, ports)
  return {
    onRequest: (ex) => onRequest(limiter, ex),
    onResponse: (ex) => onResponse(limiter, ex),
    onControl: createControl(limits, { id: ports.id, counters: limiter.stores.first }),
  }
}

function createLimiter(
  limits: readonly Limit[],
  config: Readonly<RateLimitConfig>,
  ports: PluginPorts,
): Limiter {
  const isTrial = (index: number) => config.dryRun || config.limits[index]?.dryRun === true
  const enforced = limits.filter((_, index) => !isTrial(index))
  const tried = limits.filter((_, index) => isTrial(index))
  // A plugin wholly on trial acts as it would in earnest: all its limits or none. Single limits are tried one by one.
  const trials = config.dryRun ? [tried] : tried.map((limit) => [limit])
  const logFailure = createFailureLog(ports)
  const stores = pickStores(config, ports)
  return {
    config,
    ports,
    stores,
    enforced,
    listHeaders: createHeaderLister(enforced, config.headers),
    logFailure,
    runTrials: createTrial(trials, stores.first, logFailure),
  }
}

function onRequest(limiter: Limiter, ex: RequestView): Verdict | Promise<Verdict> {
  if (limiter.enforced.length === 0) return limiter.runTrials(ex)
  const checks = toChecks(limiter.enforced, ex)
  let taken: ReturnType<CounterStore['take']>
  try {
    taken = limiter.stores.first.take(checks)
  } catch (error) {
    return failed(limiter, ex, checks, error)
  }
  if (!('then' in taken)) return decide(limiter, ex, { checks, states: taken })
  return taken.then(
    (states) => decide(limiter, ex, { checks, states }),
    (error) => failed(limiter, ex, checks, error),
  )
}

/** Ours win over fields of the same name that an upstream sent. A refusal carries them already. */
function onResponse({ listHeaders, ports }: Limiter, ex: ResponseView): void {
  const outcome = ex.getSlot(ports.slot) as Outcome | undefined
  if (outcome === undefined) return
  const headers = listHeaders(outcome)
  for (let i = 0; i < headers.length; i += 2) {
    ex.setResponseHeader(headers[i] as string, headers[i + 1] as string)
  }
}

function decide(limiter: Limiter, ex: RequestView, outcome: Outcome): Verdict | Promise<Verdict> {
  const { enforced, ports } = limiter
  const { states } = outcome
  let delayMs = 0
  let refusing: Limit | null = null
  for (let i = 0; i < states.length; i++) {
    const state = states[i] as LimitState
    if (state.delayMs > delayMs) delayMs = state.delayMs
    if (state.allowed) continue
    refusing ??= enforced[i] as Limit
    enforced[i]?.denied.inc()
  }
  if (refusing !== null) return refuse(limiter, refusing, outcome)
  for (let i = 0; i < states.length; i++) {
    const limit = enforced[i] as Limit
    if ((states[i] as LimitState).delayMs > 0) limit.delayed.inc()
    else limit.allowed.inc()
  }
  ex.setSlot(ports.slot, outcome)
  limiter.runTrials(ex)
  return delayMs > 0 ? waitTurn(ports.clock, ex, delayMs) : undefined
}

function refuse({ config, listHeaders }: Limiter, limit: Limit, outcome: Outcome): Verdict {
  const seconds = retryAfterSeconds(outcome.states)
  const headers = ['Retry-After', String(seconds), ...listHeaders(outcome)]
  const wait = seconds === 1 ? '1 second' : `${seconds} seconds`
  const detail = `The rate limit "${limit.name}" is used up. Try again in ${wait}.`
  return deny(config.status, 'AEGIS_RATE_LIMITED', detail, headers)
}

/** The place in the queue is taken already; a client that leaves gives it up unused, and the others keep their times. */
function waitTurn(clock: Clock, ex: RequestView, delayMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const cancel = clock.after(Math.ceil(delayMs), () => resolve(undefined))
    ex.onAbort(() => {
      cancel()
      resolve(deny(499, 'AEGIS_CLIENT_CLOSED', 'The client left while its request waited for its turn.'))
    })
  })
}

function failed(
  limiter: Limiter,
  ex: RequestView,
  checks: readonly AskedCheck[],
  error: unknown,
): Verdict | Promise<Verdict> {
  const { config, enforced, logFailure, stores } = limiter
  logFailure(error)
  for (const limit of enforced) limit.failed.inc()
  if (stores.fallback !== null) return decideAlone(limiter, stores.fallback, ex, checks)
  if (config.onStoreFailure === 'allow') return undefined
  const detail = 'The rate limit cannot be checked now. Try again in a moment.'
  return deny(503, 'AEGIS_RATE_LIMIT_UNAVAILABLE', detail, ['Retry-After', '1'])
}

/** By this process' own counters: each gateway then lets the whole limit through. */
async function decideAlone(
  limiter: Limiter,
  store: CounterStore,
  ex: RequestView,
  checks: readonly AskedCheck[],
): Promise<Verdict> {
  return decide(limiter, ex, { checks, states: await store.take(checks) })
}
