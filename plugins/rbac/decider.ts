// What neither roles nor token grant: the worker's cache, then the shared one, then the upstream, each asked once however
// many requests wait. docs/decisions/rbac-cache.md says why it is safe. Worker thread; called by rbac.ts.
import { LRUCache } from 'lru-cache'
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { CounterChild, PluginPorts } from '../../gateway/contract/ports.ts'
import { type AuthorizeAnswer, parseAnswer, toSubrequest } from './authorize.ts'
import { withDeadline } from './deadline.ts'
import { type Keys, type Question, toKeys } from './question.ts'
import type { RbacConfig } from './schema.ts'
import type { SharedLevel } from './shared-level.ts'
import type { Finding, Known, WorkerCache } from './worker-cache.ts'

export type Outcome = 'allow' | 'deny' | 'unavailable'

export interface DeciderLevels {
  readonly worker: WorkerCache
  /** null: state is kept in process. */
  readonly shared: SharedLevel | null
}

/** Backends can be away for long: one line tells as much as a thousand. */
const warnEveryMs = 10_000
const maxFailures = 1_000

export class Decider {
  private readonly config: RbacConfig
  private readonly ports: PluginPorts
  private readonly worker: WorkerCache
  private readonly shared: SharedLevel | null
  private readonly count: ReturnType<typeof bindCounters>
  /** Bounded by the requests that wait: each is taken out when it settles. */
  private readonly flights = new Map<string, Promise<Outcome>>()
  /** Decision key to the time until which it is not asked again. */
  private readonly failures = new LRUCache<string, number>({
    max: maxFailures,
    maxSize: maxFailures * 1_024,
    sizeCalculation: (_, key) => key.length,
  })
  private epoch = 0
  private warnAtMs = Number.NEGATIVE_INFINITY

  constructor(config: RbacConfig, ports: PluginPorts, levels: DeciderLevels) {
    this.config = config
    this.ports = ports
    this.worker = levels.worker
    this.shared = levels.shared
    this.count = bindCounters(ports)
  }

  /** Answers at once when the answer is known; never rejects. */
  decide(ex: RequestView, question: Question): Outcome | Promise<Outcome> {
    const keys = toKeys(question)
    const known = this.worker.find(
      question,
      keys,
      this.ports.clock.monotonicMs(),
      this.config.staleSeconds * 1_000,
    )
    if (known === 'allow' || known === 'deny') {
      this.count.workerHit.inc()
      return known
    }
    if (known === 'stale-allow') {
      this.count.workerStale.inc()
      // Nobody waits for this one; the next request sees what it brought.
      if (!this.hasFailed(keys)) void this.join(ex, question, keys)
      return 'allow'
    }
    this.count.workerMiss.inc()
    if (this.hasFailed(keys)) return this.fallBack(question, keys)
    return this.join(ex, question, keys).then((outcome) =>
      outcome === 'unavailable' ? this.fallBack(question, keys) : outcome,
    )
  }

  /** From now on nothing counts that was asked before. What is kept already is dropped by the caller. */
  forgetOngoing(): void {
    this.epoch += 1
    this.flights.clear()
    this.failures.clear()
  }

  private hasFailed(keys: Keys): boolean {
    return this.ports.clock.monotonicMs() < (this.failures.get(keys.decision) ?? 0)
  }

  private fallBack(question: Question, keys: Keys): Outcome {
    if (this.config.onUnavailable !== 'stale') return 'unavailable'
    const graceMs = this.config.staleOnErrorSeconds * 1_000
    const known = this.worker.find(question, keys, this.ports.clock.monotonicMs(), graceMs)
    if (known === 'unknown') return 'unavailable'
    this.count.workerStale.inc()
    return known === 'allow' || known === 'stale-allow' ? 'allow' : 'deny'
  }

  private join(ex: RequestView, question: Question, keys: Keys): Promise<Outcome> {
    const ongoing = this.flights.get(keys.decision)
    if (ongoing !== undefined) return ongoing
    const flight = this.findOut(ex, question, keys).finally(() => {
      // After a purge a newer flight may stand here.
      if (this.flights.get(keys.decision) === flight) this.flights.delete(keys.decision)
    })
    this.flights.set(keys.decision, flight)
    return flight
  }

  private async findOut(ex: RequestView, question: Question, keys: Keys): Promise<Outcome> {
    if (this.shared === null) return this.ask(ex, question, keys, null)
    const { known, seal } = await this.findShared(this.shared, question, keys)
    return known === 'allow' || known === 'deny' ? known : this.ask(ex, question, keys, seal)
  }

  private async findShared(
    shared: SharedLevel,
    question: Question,
    keys: Keys,
  ): Promise<{ known: Known; seal: string | null }> {
    const began = this.epoch
    const reading = await shared.read(question, keys)
    let known: Known = 'unknown'
    if (reading === null) this.count.sharedError.inc()
    else if (reading.finding !== null && began === this.epoch) {
      const now = this.ports.clock.monotonicMs()
      this.worker.keep(question, keys, reading.finding, now)
      known = this.worker.find(question, keys, now, 0)
    }
    if (known !== 'unknown') this.count.sharedHit.inc()
    else if (reading !== null) this.count.sharedMiss.inc()
    return { known, seal: reading?.seal ?? null }
  }

  /** `seal`: what the shared level gave before; null: the answer is not kept there. */
  private async ask(ex: RequestView, question: Question, keys: Keys, seal: string | null): Promise<Outcome> {
    const { config, ports } = this
    const { clock } = ports
    const { timeoutMs, maxBytes } = config.subrequest
    const began = this.epoch
    const askedWallMs = clock.wallMs()
    const askedMs = clock.monotonicMs()
    try {
      const sent = ports.subrequest.send(ex, toSubrequest(ex, question, config.subrequest))
      const answer = parseAnswer(await withDeadline(sent, timeoutMs, clock), maxBytes)
      // Asked before a purge: good for those who wait, not for those who come.
      if (began === this.epoch) {
        const finding = toFinding(answer, config, askedMs)
        this.worker.keep(question, keys, finding, clock.monotonicMs())
        if (seal !== null) this.shared?.write(question, keys, finding, { wallMs: askedWallMs, seal })
      }
      return answer.allowed ? 'allow' : 'deny'
    } catch (error) {
      if (began === this.epoch) this.failures.set(keys.decision, clock.monotonicMs() + config.failureTtlMs)
      this.warn(error as Error)
      return 'unavailable'
    }
  }

  private warn(error: Error): void {
    const now = this.ports.clock.monotonicMs()
    if (now < this.warnAtMs) return
    this.warnAtMs = now + warnEveryMs
    const message = 'no answer to an authorize subrequest; more of these in the next 10 s are not logged'
    this.ports.log.warn({ reason: error.message }, message)
  }
}

/** Times count from the question, not from the answer: what it says was true then. */
function toFinding(answer: AuthorizeAnswer, config: RbacConfig, askedMs: number): Finding {
  const { allowed, permissions } = answer
  const ttlSeconds = Math.min(answer.ttlSeconds ?? config.ttlSeconds, config.maxTtlSeconds)
  const decisionSeconds = allowed ? ttlSeconds : Math.min(ttlSeconds, config.negativeTtlSeconds)
  return {
    decision: { allowed, askedMs, untilMs: askedMs + decisionSeconds * 1_000 },
    granted: permissions === null ? null : { permissions, askedMs, untilMs: askedMs + ttlSeconds * 1_000 },
  }
}

function bindCounters({
  metrics,
}: PluginPorts): Record<
  'workerHit' | 'workerMiss' | 'workerStale' | 'sharedHit' | 'sharedMiss' | 'sharedError',
  CounterChild
> {
  const family = metrics.counter('aegis_rbac_cache_total', 'Lookups of authorization decisions.', [
    'level',
    'result',
  ])
  return {
    workerHit: family.labels('worker', 'hit'),
    workerMiss: family.labels('worker', 'miss'),
    workerStale: family.labels('worker', 'stale'),
    sharedHit: family.labels('shared', 'hit'),
    sharedMiss: family.labels('shared', 'miss'),
    sharedError: family.labels('shared', 'error'),
  }
}
