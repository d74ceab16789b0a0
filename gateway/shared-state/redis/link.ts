// A connection that nobody waits for too long: a bound on the time and on the number of commands, and a breaker.
// Any thread; one a worker for what requests ask, one on the main thread for revocations and purges.
import type { Clock, CounterChild, HistogramChild, Logger, MetricsPort } from '../../contract/ports.ts'
import type { StoreStatus } from '../../contract/protocol.ts'
import type { RedisConfig } from '../../contract/snapshot.ts'
import { Breaker } from './breaker.ts'
import { openConnection, type RedisClient } from './connection.ts'

/** What a command is for; a label of metrics. */
export type Use = 'counters' | 'cache' | 'news' | 'probe'

/** `disconnected` and `breaker` and `busy` were never sent; of the others nobody knows whether Redis has done them. */
export type Failure = 'disconnected' | 'breaker' | 'busy' | 'timeout' | 'refused' | 'lost'

export class RedisUnavailable extends Error {
  readonly failure: Failure

  constructor(failure: Failure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RedisUnavailable'
    this.failure = failure
  }
}

export interface RedisLink {
  readonly keyPrefix: string
  readonly timeoutMs: number
  /** Rejects with RedisUnavailable, at the latest after `timeoutMs`. */
  run<T>(use: Use, send: (client: RedisClient) => Promise<T>): Promise<T>
  /** Why a command would not even be sent now; null when it would. For callers that want no rejected promise. */
  refusal(): RedisUnavailable | null
  status(): StoreStatus
  /** Called at every (re)connection, also the first. */
  onReady(callback: () => void): void
  close(): void
}

export interface LinkOptions {
  readonly config: RedisConfig
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsPort
  /** Default: the config's. */
  readonly timeoutMs?: number
  /** `control`: of the main thread, whose metrics the workers' must not be mixed with. */
  readonly thread?: keyof typeof metricNames
}

const metricNames = {
  worker: {
    durations: 'aegis_redis_command_duration_seconds',
    errors: 'aegis_redis_errors_total',
    up: 'aegis_redis_up',
  },
  control: {
    durations: 'aegis_redis_control_command_duration_seconds',
    errors: 'aegis_redis_control_errors_total',
    up: 'aegis_redis_control_up',
  },
} as const

const bucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

export function createRedisLink(options: LinkOptions): RedisLink {
  return new Link(options)
}

class Link implements RedisLink {
  readonly keyPrefix: string
  readonly timeoutMs: number
  readonly #options: LinkOptions
  readonly #client: RedisClient
  readonly #breaker: Breaker
  readonly #instruments: Instruments
  readonly #refusals: Readonly<Record<'disconnected' | 'breaker' | 'busy', RedisUnavailable>>
  #pending = 0
  #lastError: string | null = null

  constructor(options: LinkOptions) {
    const { config, clock } = options
    this.#options = options
    this.keyPrefix = config.keyPrefix
    this.timeoutMs = options.timeoutMs ?? config.commandTimeoutMs
    this.#instruments = createInstruments(options.metrics, metricNames[options.thread ?? 'worker'])
    this.#refusals = createRefusals(config)
    this.#breaker = new Breaker({
      ...{ clock, ...config.breaker },
      probe: () => this.#probe(),
      onChange: (open) => this.#report(open),
    })
    this.#client = openConnection(config, {
      pipelined: true,
      onError: (error) => {
        this.#lastError = error.message
      },
    })
    this.#client.on('close', () => this.#instruments.up(false))
    this.#client.on('ready', () => this.#instruments.up(!this.#breaker.open))
    this.#instruments.up(false)
  }

  refusal(): RedisUnavailable | null {
    if (this.#breaker.open) return this.#refusals.breaker
    if (this.#client.status !== 'ready') return this.#refusals.disconnected
    return this.#pending >= this.#options.config.maxPending ? this.#refusals.busy : null
  }

  run<T>(use: Use, send: (client: RedisClient) => Promise<T>): Promise<T> {
    const refusal = this.refusal()
    if (refusal === null) return this.#send(use, send)
    this.#instruments.error(use, refusal.failure)
    // Never sent, so that it tells the breaker nothing: the connection looks after itself.
    return Promise.reject(refusal)
  }

  status(): StoreStatus {
    const refusal = this.refusal()
    return {
      state: refusal === null ? 'up' : 'down',
      lastError: refusal === null ? null : (this.#lastError ?? refusal.message),
    }
  }

  onReady(callback: () => void): void {
    this.#client.on('ready', callback)
    if (this.#client.status === 'ready') callback()
  }

  close(): void {
    this.#breaker.stop()
    this.#client.disconnect()
  }

  /** One settling only: an answer that comes after the time is up belongs to nobody any more. */
  #send<T>(use: Use, send: (client: RedisClient) => Promise<T>): Promise<T> {
    const { clock } = this.#options
    const beganMs = clock.monotonicMs()
    this.#pending += 1
    return new Promise<T>((resolve, reject) => {
      let waiting = true
      const fail = (failure: Failure, cause: Error): void => {
        if (!waiting) return
        waiting = false
        this.#failed(use, failure, cause)
        reject(new RedisUnavailable(failure, `Redis: ${cause.message}`, { cause }))
      }
      const cancel = this.#afterTimeout(() =>
        fail('timeout', new Error(`no answer within ${this.timeoutMs} ms`)),
      )
      Promise.try(send, this.#client).then(
        (value) => {
          this.#pending -= 1
          if (!waiting) return
          waiting = false
          cancel()
          this.#breaker.succeeded()
          this.#instruments.observe(use, (clock.monotonicMs() - beganMs) / 1_000)
          resolve(value)
        },
        (error: Error) => {
          this.#pending -= 1
          cancel()
          fail(error.name === 'ReplyError' ? 'refused' : 'lost', error)
        },
      )
    })
  }

  /**
   * A thread that was busy finds its timers due before it has read what Redis sent long ago. So the time comes in two
   * halves, each followed by a look at the sockets: one pause of this thread is not taken for a Redis that is silent.
   */
  #afterTimeout(callback: () => void): () => void {
    const { clock } = this.#options
    let cancelled = false
    let cancel = clock.after(this.timeoutMs / 2, () => {
      setImmediate(() => {
        if (cancelled) return
        cancel = clock.after(this.timeoutMs / 2, () => setImmediate(() => !cancelled && callback()))
      })
    })
    return () => {
      cancelled = true
      cancel()
    }
  }

  #failed(use: Use, failure: Failure, error: Error): void {
    this.#lastError = error.message
    this.#instruments.error(use, failure)
    if (use !== 'probe') this.#breaker.failed()
  }

  /** A write: a replica, and a Redis without memory, answer a PING well. */
  async #probe(): Promise<void> {
    if (this.#client.status !== 'ready') throw this.#refusals.disconnected
    await this.#send('probe', (client) => client.set(`${this.keyPrefix}probe`, '1', 'PX', 10_000))
  }

  #report(open: boolean): void {
    this.#instruments.up(!open)
    const { log } = this.#options
    if (open)
      log.error({ reason: this.#lastError }, 'Redis does not work; it is not asked until it does again')
    else log.info({}, 'Redis works again')
  }
}

function createRefusals({ breaker }: RedisConfig) {
  return {
    disconnected: new RedisUnavailable('disconnected', 'Redis: there is no connection'),
    breaker: new RedisUnavailable('breaker', `Redis: not asked after ${breaker.failures} failures in a row`),
    busy: new RedisUnavailable('busy', 'Redis: too many commands wait for an answer'),
  }
}

interface Instruments {
  observe(use: Use, seconds: number): void
  error(use: Use, failure: Failure): void
  up(up: boolean): void
}

function createInstruments(
  metrics: MetricsPort,
  names: (typeof metricNames)[keyof typeof metricNames],
): Instruments {
  const help = 'Time from a command to its answer, by what it was for.'
  const durations = metrics.histogram(names.durations, help, ['use'], bucketsSeconds)
  const errors = metrics.counter(names.errors, 'Commands that got no answer, by reason.', ['use', 'reason'])
  const up = metrics.gauge(names.up, 'Whether Redis is connected and answers: 1 or 0.', []).labels()
  const byUse = new Map<Use, HistogramChild>()
  const byReason = new Map<string, CounterChild>()
  return {
    observe(use, seconds) {
      let child = byUse.get(use)
      if (child === undefined) {
        child = durations.labels(use)
        byUse.set(use, child)
      }
      child.observe(seconds)
    },
    error(use, failure) {
      const key = `${use} ${failure}`
      let child = byReason.get(key)
      if (child === undefined) {
        child = errors.labels(use, failure)
        byReason.set(key, child)
      }
      child.inc()
    },
    up: (isUp) => up.set(isUp ? 1 : 0),
  }
}
