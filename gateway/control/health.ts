// Asks every target whether it is well, keeps what the workers say about those they ejected, and publishes the whole
// list as one feed upon each change. Main thread; run by gateway/main.ts with the upstreams of the live config.
import { Agent, type Dispatcher, request } from 'undici'
import type { Clock, Logger } from '../contract/ports.ts'
import type { Feed, Report, TargetHealth } from '../contract/protocol.ts'
import type { UpstreamConfig, UpstreamTls } from '../contract/snapshot.ts'
import { toTlsConnect } from '../contract/upstream-tls.ts'
import { createHttp2Client } from './http2-check.ts'

export interface HealthCheckerPorts {
  readonly clock: Clock
  readonly log: Logger
  publish(feed: Feed): void
  /** The state of one target became another one. */
  onChange?(state: TargetHealth): void
  /** In [0, 1); Math.random unless a test gives its own. */
  readonly random?: () => number
}

export interface HealthChecker {
  /** Takes over the upstreams of a config. Targets that are still there keep their state; removed ones stop at once. */
  apply(upstreams: Readonly<Record<string, UpstreamConfig>>): void
  ejected(report: Extract<Report, { topic: 'ejected' }>): void
  states(): TargetHealth[]
  stop(): Promise<void>
}

type ActiveConfig = NonNullable<UpstreamConfig['health']['active']>

interface Watched {
  readonly upstream: string
  readonly target: string
  /** What goes into Host where that is not the target's own; undici takes it for the name in the certificate too. */
  host: string | null
  tls: UpstreamTls | null
  http2: boolean
  active: ActiveConfig | null
  healthy: boolean
  ejectedUntilMs: number
  /** Results in a row that speak against the present state. */
  contrary: number
  /** Ends the waiting for the next check, or the check under way. */
  cancelCheck: () => void
  cancelReturn: () => void
}

/** First checks are spread over at most this long, so that a reload does not ask everybody in the same instant. */
const startWithinMs = 2000
const nothing = (): void => {}

export function createHealthChecker(ports: HealthCheckerPorts): HealthChecker {
  return new Checker(ports)
}

class Checker implements HealthChecker {
  readonly #ports: HealthCheckerPorts
  readonly #random: () => number
  // A new connection for each check: a target that has stopped accepting them is not well.
  readonly #agent = new Agent({ pipelining: 0 })
  /** Of upstreams with TLS settings of their own, by those. */
  readonly #agents = new Map<string, Agent>()
  #watched = new Map<string, Watched>()

  constructor(ports: HealthCheckerPorts) {
    this.#ports = ports
    this.#random = ports.random ?? Math.random
  }

  apply(upstreams: Readonly<Record<string, UpstreamConfig>>): void {
    const next = new Map<string, Watched>()
    for (const config of Object.values(upstreams)) {
      for (const { url, host = null } of config.targets) {
        const key = toKey(config.name, url)
        const one = this.#watched.get(key) ?? createWatched(config.name, url)
        one.host = host
        one.tls = config.tls
        one.http2 = config.transport === 'http2'
        next.set(key, one)
        this.#configure(one, config)
      }
    }
    for (const [key, one] of this.#watched) if (!next.has(key)) end(one)
    this.#watched = next
    this.#dropAgents()
    // Always: a worker that compiled this config while a feed was on its way may have missed it.
    this.#publish()
  }

  ejected(report: Extract<Report, { topic: 'ejected' }>): void {
    const { clock, log } = this.#ports
    const one = this.#watched.get(toKey(report.upstream, report.target))
    const leftMs = report.untilMs - clock.monotonicMs()
    if (one === undefined || leftMs <= 0 || report.untilMs <= one.ejectedUntilMs) return
    one.cancelReturn()
    one.ejectedUntilMs = report.untilMs
    one.cancelReturn = clock.after(leftMs, () => {
      one.ejectedUntilMs = 0
      this.#changed(one)
    })
    log.warn({ upstream: one.upstream, target: one.target, forMs: Math.round(leftMs) }, 'target was ejected')
    this.#changed(one)
  }

  states(): TargetHealth[] {
    return [...this.#watched.values()].map(toState)
  }

  async stop(): Promise<void> {
    for (const one of this.#watched.values()) end(one)
    this.#watched = new Map()
    await Promise.all([this.#agent, ...this.#agents.values()].map((agent) => agent.destroy()))
    this.#agents.clear()
  }

  #configure(one: Watched, config: UpstreamConfig): void {
    const { active, passive } = config.health
    if (passive === null) {
      one.cancelReturn()
      one.ejectedUntilMs = 0
    }
    if (isSame(one.active, active)) return
    one.cancelCheck()
    one.active = active
    one.contrary = 0
    if (active === null) one.healthy = true
    else this.#schedule(one, active, this.#random() * Math.min(active.intervalMs, startWithinMs))
  }

  #schedule(one: Watched, active: ActiveConfig, delayMs: number): void {
    one.cancelCheck = this.#ports.clock.after(delayMs, () => this.#check(one, active))
  }

  #check(one: Watched, active: ActiveConfig): void {
    const aborter = new AbortController()
    const stopTimer = this.#ports.clock.after(active.timeoutMs, () =>
      aborter.abort(new Error(`no answer within ${active.timeoutMs} ms`)),
    )
    let wanted = true
    one.cancelCheck = () => {
      wanted = false
      stopTimer()
      aborter.abort()
    }
    const own = one.http2 ? createHttp2Client(one.target, one.tls) : null
    void probe(own ?? this.#agentFor(one.tls), one, active.path, aborter.signal).then((failure) => {
      void own?.destroy()
      if (!wanted) return
      stopTimer()
      this.#schedule(one, active, active.intervalMs)
      this.#judge(one, active, failure)
    })
  }

  #agentFor(tls: UpstreamTls | null): Agent {
    if (tls === null) return this.#agent
    const key = JSON.stringify(tls)
    const known = this.#agents.get(key)
    if (known !== undefined) return known
    const agent = new Agent({ pipelining: 0, connect: toTlsConnect(tls) })
    this.#agents.set(key, agent)
    return agent
  }

  /** Ends those of settings that no upstream has any more. */
  #dropAgents(): void {
    const used = new Set([...this.#watched.values()].map(({ tls }) => JSON.stringify(tls)))
    for (const [key, agent] of this.#agents) {
      if (used.has(key)) continue
      this.#agents.delete(key)
      void agent.close()
    }
  }

  #judge(one: Watched, active: ActiveConfig, failure: string | null): void {
    const good = failure === null
    one.contrary = good === one.healthy ? 0 : one.contrary + 1
    if (one.contrary === 0 || one.contrary < (good ? active.healthyAfter : active.unhealthyAfter)) return
    one.contrary = 0
    one.healthy = good
    const fields = { upstream: one.upstream, target: one.target }
    if (good) this.#ports.log.info(fields, 'target is healthy again')
    else this.#ports.log.warn({ ...fields, reason: failure }, 'target is unhealthy')
    this.#changed(one)
  }

  #changed(one: Watched): void {
    this.#ports.onChange?.(toState(one))
    this.#publish()
  }

  #publish(): void {
    this.#ports.publish({ topic: 'health', states: this.states() })
  }
}

/** Why the target is not well; null when it is. Never rejects. */
async function probe(
  agent: Dispatcher,
  { target, host }: Watched,
  path: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const { statusCode, body } = await request(target + path, {
      dispatcher: agent,
      signal,
      headers: { 'user-agent': 'aegis-health-check', ...(host === null ? {} : { host }) },
    })
    // Read to its end, within the time allowed: a target that cannot finish its answer is not well.
    await body.dump({ limit: 65_536, signal })
    return statusCode >= 200 && statusCode < 400 ? null : `it answered ${statusCode}`
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Error) return signal.reason.message
    return error instanceof Error ? error.message : String(error)
  }
}

function createWatched(upstream: string, target: string): Watched {
  return {
    upstream,
    target,
    host: null,
    tls: null,
    http2: false,
    active: null,
    // Believed until shown otherwise: traffic need not wait for the first round of checks.
    healthy: true,
    ejectedUntilMs: 0,
    contrary: 0,
    cancelCheck: nothing,
    cancelReturn: nothing,
  }
}

function end(one: Watched): void {
  one.cancelCheck()
  one.cancelReturn()
}

function toState(one: Watched): TargetHealth {
  return {
    upstream: one.upstream,
    target: one.target,
    healthy: one.healthy,
    ejectedUntilMs: one.ejectedUntilMs,
  }
}

/** A URL holds no space, so that two different pairs never share a key. */
function toKey(upstream: string, target: string): string {
  return `${target} ${upstream}`
}

function isSame(a: ActiveConfig | null, b: ActiveConfig | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
