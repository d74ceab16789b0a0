// The words of the bench: a gateway is what is measured, a scenario is the load and what is read off, a turn is one
// measurement of one gateway.
import type { Upstream } from './upstream.ts'

/** Cores of the two sides: what is measured has one of its own. */
export const gatewayCore = 0
export const loadCore = 1

export interface Gateway {
  /** As chosen by `--gateways`, and in the tables. */
  readonly name: string
  /** `directory` is the gateway's own and is removed after the bench. */
  start(upstream: Upstream, directory: string): Promise<Running>
}

export interface Running {
  /** The root of the tree of processes whose CPU time and memory are counted. */
  readonly pid: number
  readonly origin: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** Bearer tokens that the requests take in turn, one a line. */
  readonly tokenFile?: string
  stop(): Promise<void>
}

/** What one turn gave; `cost` is what ratios are made of. Any error makes the turn worthless, and is shown. */
export interface Figures {
  readonly cost: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

export interface Turn {
  readonly running: Running
  readonly upstream: Upstream
  /** For files of the load; removed after the bench. */
  readonly directory: string
  readonly seconds: number
  /** Counts all turns of the scenario, warm-ups too. */
  readonly number: number
  readonly warmUp: boolean
}

export interface Scenario {
  /** As chosen by `--scenarios`, and in the tables. */
  readonly name: string
  readonly about: string
  /** Unit of `cost`. */
  readonly unit: string
  /** The first one is the yardstick of the ratios. */
  readonly gateways: readonly Gateway[]
  /** No warm-up and one round: what is measured cannot be measured twice in the same process. */
  readonly once?: boolean
  measure(turn: Turn): Promise<Figures>
}
