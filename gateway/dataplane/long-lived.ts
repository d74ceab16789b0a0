// WebSockets and event streams, which go on after their request was decided: asks again whether they may, and ends those
// that may not (docs/decisions/websocket.md). Worker thread; one for all runtimes of the worker.
import type { Verdict } from '../contract/plugin.ts'
import type { Clock, CounterChild, GaugeChild } from '../contract/ports.ts'
import { type Chain, runRecheckHooks } from './chain.ts'
import type { Exchange } from './exchange.ts'
import { inPlaceOf, type Runtime } from './runtime.ts'
import type { CloseCode } from './upstream/frames.ts'

/** What goes on, seen from outside. */
export interface Lasting {
  readonly kind: 'websocket' | 'stream'
  /** Bytes that passed so far. */
  bytes(): number
  /** `reason`: for the client, a few ASCII characters. */
  close(code: CloseCode, reason: string): void
}

/** Why the gateway ended one. */
export type EndReason = 'refused' | 'route' | 'idle' | 'age' | 'drain'

export interface LongLivedParts {
  readonly clock: Clock
  readonly random: () => number
  readonly ended: (reason: EndReason) => CounterChild
  readonly open: (kind: Lasting['kind']) => GaugeChild
}

interface Entry {
  readonly ex: Exchange
  readonly lasting: Lasting
  readonly beganMs: number
  /** Whose plugins have a say: that of the route in the live config. */
  chain: Chain
  bytes: number
  quietSinceMs: number
  /** A plugin takes its time to say whether it may go on. */
  asking: boolean
  /** It was told to end. */
  ending: boolean
  cancelDrain: (() => void) | null
}

/** Expiry is seen within this time; revocations and new configs are at once. */
const everyMs = 500

export class LongLived {
  readonly #parts: LongLivedParts
  readonly #entries = new Map<Exchange, Entry>()
  readonly #openOf = { websocket: 0, stream: 0 }
  #cancelTimer: (() => void) | null = null
  /** Set while the worker drains: the time that it has. */
  #drainMs: number | null = null

  constructor(parts: LongLivedParts) {
    this.#parts = parts
  }

  /** Until `remove`. */
  add(ex: Exchange, lasting: Lasting): void {
    if (ex.ended) return
    const nowMs = this.#parts.clock.monotonicMs()
    const entry: Entry = {
      ...{ ex, lasting, chain: ex.chain, beganMs: nowMs, quietSinceMs: nowMs, bytes: lasting.bytes() },
      ...{ asking: false, ending: false, cancelDrain: null },
    }
    ex.longLived = this
    this.#entries.set(ex, entry)
    this.#count(lasting.kind, 1)
    this.#schedule()
    if (this.#drainMs !== null) this.#endWithin(entry, this.#drainMs)
  }

  /** It is over, for whatever reason. */
  remove(ex: Exchange): void {
    const entry = this.#entries.get(ex)
    if (entry === undefined) return
    this.#entries.delete(ex)
    entry.cancelDrain?.()
    this.#count(entry.lasting.kind, -1)
    if (this.#entries.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  /** Every one that is open is asked about. */
  recheck(): void {
    for (const entry of this.#entries.values()) this.#recheck(entry)
  }

  /** Another config is live: it decides from now on, and the one that they began with is let go of, but for its plugins. */
  adopt(live: Runtime): void {
    const successors = new Map<Runtime, Runtime>()
    for (const entry of this.#entries.values()) {
      const { ex } = entry
      const old = ex.runtime
      ex.runtime = successors.get(old) ?? inPlaceOf(old, live)
      successors.set(old, ex.runtime)
      ex.tenant = ex.tenant && (live.tenants.byId(ex.tenant.id) ?? ex.tenant)
      ex.hostTenant = ex.hostTenant && (live.tenants.byId(ex.hostTenant.id) ?? ex.hostTenant)
      const route = live.router.byId(ex.route.id)
      if (route === undefined) this.#end(entry, 'route', 1008, 'AEGIS_NO_ROUTE')
      else {
        ex.route = route.route
        entry.chain = route.compiled.chain
        this.#recheck(entry)
      }
    }
  }

  /** Each is ended at some time in the middle of what there is: not all clients must come back to the next gateway at once. */
  drain(timeoutMs: number): void {
    this.#drainMs = timeoutMs
    for (const entry of this.#entries.values()) this.#endWithin(entry, timeoutMs)
  }

  #endWithin(entry: Entry, timeoutMs: number): void {
    const { clock, random } = this.#parts
    const delayMs = timeoutMs * (0.25 + random() / 2)
    entry.cancelDrain = clock.after(delayMs, () => this.#end(entry, 'drain', 1001, 'AEGIS_DRAINING'))
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#parts.clock.after(everyMs, () => {
      this.#cancelTimer = null
      this.recheck()
      if (this.#entries.size > 0) this.#schedule()
    })
  }

  #recheck(entry: Entry): void {
    if (entry.ending || this.#endIfPastLimits(entry) || entry.asking) return
    const verdict = runRecheckHooks(entry.ex, entry.chain)
    if (!(verdict instanceof Promise)) return this.#settle(entry, verdict)
    entry.asking = true
    verdict.then((late) => {
      entry.asking = false
      this.#settle(entry, late)
    })
  }

  #settle(entry: Entry, verdict: Verdict): void {
    if (verdict !== undefined) this.#end(entry, 'refused', 1008, verdict.code)
  }

  #endIfPastLimits(entry: Entry): boolean {
    const { idleMs, maxMs } = entry.ex.route.longLived
    const nowMs = this.#parts.clock.monotonicMs()
    const bytes = entry.lasting.bytes()
    if (bytes !== entry.bytes) {
      entry.bytes = bytes
      entry.quietSinceMs = nowMs
    }
    if (maxMs > 0 && nowMs - entry.beganMs >= maxMs) this.#end(entry, 'age', 1001, 'AEGIS_TOO_OLD')
    else if (idleMs > 0 && nowMs - entry.quietSinceMs >= idleMs) this.#end(entry, 'idle', 1001, 'AEGIS_IDLE')
    return entry.ending
  }

  #end(entry: Entry, why: EndReason, code: CloseCode, reason: string): void {
    if (entry.ending || entry.ex.ended) return
    entry.ending = true
    entry.ex.code = reason
    this.#parts.ended(why).inc()
    entry.lasting.close(code, reason)
  }

  #count(kind: Lasting['kind'], by: number): void {
    this.#openOf[kind] += by
    this.#parts.open(kind).set(this.#openOf[kind])
  }
}
