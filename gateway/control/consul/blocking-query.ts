// Asks Consul the same question for as long as it is wanted, by the rules for blocking queries
// (https://developer.hashicorp.com/consul/api-docs/features/blocking): an index that goes back or is 0 begins anew,
// failures back off, and nothing spins however Consul behaves. Main thread.
import type { Clock } from '../../contract/ports.ts'
import { type Ask, type ConsulAnswer, mostConnections } from './client.ts'

export interface BlockingQuery<T> {
  ask(ask: Ask): Promise<ConsulAnswer<T>>
  onAnswer(value: T): void
  onFailure(reason: string): void
}

export interface QueryPorts {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly crowd: Crowd
}

/** All queries that run now; each blocking one holds a connection. */
export interface Crowd {
  size: number
}

/** Pauses after failures, growing; recovery is noticed within five seconds. */
const firstPauseMs = 200
const longestPauseMs = 3_200
/** Changes of a busy service are taken together. */
const leastPauseMs = 100
/** With more services than connections each is asked in turn, at most so many in a second. */
const turnsPerSecond = 200

/** The returned function ends it; nothing is called after that. */
export function runBlockingQuery<T>(query: BlockingQuery<T>, ports: QueryPorts): () => void {
  const runner = new Runner(query, ports)
  void runner.run()
  return () => runner.stop()
}

class Runner<T> {
  readonly #query: BlockingQuery<T>
  readonly #ports: QueryPorts
  readonly #stop = new AbortController()
  /** 0: the next question is answered at once. */
  #index = 0
  /** Failures and senseless indexes in a row. */
  #troubles = 0

  constructor(query: BlockingQuery<T>, ports: QueryPorts) {
    this.#query = query
    this.#ports = ports
    ports.crowd.size += 1
  }

  stop(): void {
    if (this.#stop.signal.aborted) return
    this.#ports.crowd.size -= 1
    this.#stop.abort()
  }

  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#once()
      await this.#pause()
    }
  }

  async #once(): Promise<void> {
    const { signal } = this.#stop
    try {
      const index = this.#isCrowded() ? 0 : this.#index
      const answer = await this.#query.ask({ index, signal })
      if (!signal.aborted) this.#take(answer)
    } catch (error) {
      if (signal.aborted) return
      this.#troubles += 1
      // A Consul that was started anew counts anew: the old index would make it wait in silence.
      this.#index = 0
      this.#query.onFailure((error as Error).message)
    }
  }

  #take({ value, index }: ConsulAnswer<T>): void {
    const wentBack = index < this.#index
    if (index === 0 || wentBack) this.#troubles += 1
    else this.#troubles = 0
    this.#index = wentBack ? 0 : index
    // What comes with an index that went back may be older than what is known: asked again before it is believed.
    if (!wentBack) this.#query.onAnswer(value)
  }

  #isCrowded(): boolean {
    return this.#ports.crowd.size > mostConnections
  }

  async #pause(): Promise<void> {
    const { clock, random, crowd } = this.#ports
    const troubled = this.#troubles === 0 ? 0 : firstPauseMs * 2 ** Math.min(this.#troubles - 1, 10)
    const turn = this.#isCrowded() ? (crowd.size * 1000) / turnsPerSecond : 0
    const pauseMs = Math.max(leastPauseMs, turn, Math.min(troubled, longestPauseMs))
    const { signal } = this.#stop
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      // Gateways that lost Consul together do not come back together.
      const cancel = clock.after(pauseMs * (0.75 + 0.5 * random()), done)
      function done(): void {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
  }
}
