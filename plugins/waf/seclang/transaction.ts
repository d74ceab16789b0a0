// One request and its response on their way through the rules. Not thread-bound; many live beside each other over one plan.

import { type AuditRecord, toAuditRecord } from './audit.ts'
import { isTooLongWithoutFiles, processorOf, readBody } from './body-reader.ts'
import { ClockBudget } from './budget.ts'
import { Controls, type Exclusions } from './controls.ts'
import type { Interruption, RuleMatch } from './match.ts'
import type { EngineMode } from './model.ts'
import type { Plan } from './plan.ts'
import { readCookies, readRequestLine } from './request-line.ts'
import { RuleRunner } from './runner.ts'
import { State } from './state.ts'
import { Entry } from './text.ts'
import type { TextCache } from './text-cache.ts'
import type { Pair } from './types.ts'

export interface TransactionOptions {
  /** In place of SecRuleEngine. */
  readonly mode?: EngineMode
  readonly exclusions?: Exclusions | null
  /** First values of TX. */
  readonly variables?: readonly Pair[]
  /** UNIQUE_ID. */
  readonly uniqueId?: string
  /** Processor time for all phases together; none without it. */
  readonly budgetMs?: number
  /** When the time is used up: `block` interrupts with 403 unless the mode is DetectionOnly, `pass` lets the rest of the rules go. */
  readonly onBudget?: 'block' | 'pass'
}

export interface Connection {
  readonly clientAddress: string
  readonly clientPort: number
  readonly serverAddress: string
  readonly serverPort: number
}

export interface TransactionEnv {
  readonly plan: Plan
  readonly nowMs: () => number
  /** Monotonic, for the budget. */
  readonly clockMs: () => number
  /** By rule index: how often it matched. */
  readonly hits: Float64Array
  readonly texts: TextCache
}

export class Transaction {
  readonly #plan: Plan
  readonly #state: State
  readonly #controls: Controls
  readonly #runner: RuleRunner
  readonly #budget: ClockBudget
  readonly #onBudget: 'block' | 'pass'
  #phase = 0

  constructor(env: TransactionEnv, options: TransactionOptions) {
    const { plan } = env
    this.#plan = plan
    this.#state = new State(plan.stores, env.texts, options.uniqueId ?? '', env.nowMs)
    this.#state.webAppId = plan.settings.webAppId
    for (const [name, value] of options.variables ?? []) this.#state.tx.set(name, value)
    this.#controls = new Controls(plan.settings, options.exclusions ?? null)
    if (options.mode !== undefined) this.#controls.mode = options.mode
    this.#budget = new ClockBudget(env.clockMs, options.budgetMs ?? Number.POSITIVE_INFINITY)
    this.#onBudget = options.onBudget ?? 'block'
    this.#runner = new RuleRunner(plan, this.#state, this.#controls, this.#budget, env.hits)
  }

  /** Logged matches, in the order of the rules. */
  get matches(): readonly RuleMatch[] {
    return this.#runner.matches
  }

  get interruption(): Interruption | null {
    return this.#runner.interruption
  }

  /** True when rules were left out because the time was used up. */
  get budgetSpent(): boolean {
    return this.#budget.spent
  }

  get mode(): EngineMode {
    return this.#controls.mode
  }

  get controls(): Readonly<Controls> {
    return this.#controls
  }

  get state(): Readonly<State> {
    return this.#state
  }

  /** A member of TX; undefined when it is not set. */
  variable(name: string): string | undefined {
    return this.#state.tx.get(name)
  }

  get inboundScore(): number {
    return this.#score('blocking_inbound_anomaly_score', 'anomaly_score')
  }

  get outboundScore(): number {
    return this.#score('blocking_outbound_anomaly_score', 'outbound_anomaly_score')
  }

  /** CRS 4 and CRS 3 name the sums of their scores differently. */
  #score(name: string, olderName: string): number {
    return Number.parseInt(this.variable(name) ?? this.variable(olderName) ?? '0', 10) || 0
  }

  processConnection(connection: Connection): void {
    this.#state.remoteAddress = connection.clientAddress
    this.#state.remotePort = connection.clientPort
    this.#state.serverAddress = connection.serverAddress
    this.#state.serverPort = connection.serverPort
  }

  /** `uri` as on the request line; `protocol` like HTTP/1.1. */
  processUri(method: string, uri: string, protocol: string, path: string | null = null): void {
    const state = this.#state
    state.method = method
    state.uriRaw = uri
    state.protocol = protocol
    readRequestLine(state, this.#plan.settings, path)
  }

  /** Phase 1. Values are byte strings. */
  processRequestHeaders(headers: readonly Pair[]): Interruption | null {
    const state = this.#state
    state.requestHeaders = this.#toHeaders(headers)
    const cookies = state.requestHeaders.filter((entry) => entry.folded === 'cookie')
    state.cookies = cookies.flatMap((entry) => readCookies(entry.text.value))
    state.serverName = (state.requestHeader('host') ?? '').replace(/:\d*$/, '')
    state.bodyProcessor = processorOf(state.requestHeader('content-type'))
    return this.#run(1)
  }

  /** How much of the request body phase 2 wants to see; 0: none. */
  get requestBodyLimitBytes(): number {
    return this.#wantsNothing() || !this.#controls.requestBodyAccess
      ? 0
      : this.#controls.requestBodyLimitBytes
  }

  /** Phase 2. `truncated`: there was more than is given here. */
  processRequestBody(body: Uint8Array, truncated = false): Interruption | null {
    if (this.#wantsNothing()) return this.interruption
    const state = this.#state
    const { settings } = this.#plan
    const limit = this.#controls.requestBodyLimitBytes
    const seen = body.length > limit ? body.subarray(0, limit) : body
    state.requestBodyTruncated = truncated || body.length > limit
    const rejects = settings.requestBodyLimitAction === 'Reject' && this.#controls.mode === 'On'
    if (state.requestBodyTruncated && rejects) return this.#interrupt('body-limit', 413)
    if (this.#controls.requestBodyAccess && seen.length > 0) readBody(state, latin1(seen), settings)
    if (isTooLongWithoutFiles(state, settings)) {
      state.requestBodyTruncated = true
      if (rejects) return this.#interrupt('body-limit', 413)
    }
    return this.#run(2)
  }

  /** Phase 3. */
  processResponseHeaders(
    status: number,
    headers: readonly Pair[],
    protocol = 'HTTP/1.1',
  ): Interruption | null {
    const state = this.#state
    state.responseStatus = status
    state.responseProtocol = protocol
    state.responseHeaders = this.#toHeaders(headers)
    return this.#run(3)
  }

  /** How much of the response body phase 4 wants to see; 0: none. */
  get responseBodyLimitBytes(): number {
    if (this.#wantsNothing() || !this.#controls.responseBodyAccess) return 0
    const type = (this.#state.responseHeader('content-type') ?? '').split(';')[0] as string
    const wanted = this.#plan.settings.responseBodyMimeTypes.includes(type.trim().toLowerCase())
    return wanted ? this.#controls.responseBodyLimitBytes : 0
  }

  /** Phase 4. */
  processResponseBody(body: Uint8Array, truncated = false): Interruption | null {
    if (this.#wantsNothing()) return this.interruption
    const limit = this.responseBodyLimitBytes
    this.#state.responseBody = latin1(body.subarray(0, limit))
    this.#state.responseBodyTruncated = truncated || (limit > 0 && body.length > limit)
    return this.#run(4)
  }

  /** Phase 5: whatever happened, exactly once, last. */
  processLogging(): void {
    if (this.#phase < 5) this.#run(5)
  }

  /** After `processLogging`. null when the transaction is not to be logged. */
  auditRecord(): AuditRecord | null {
    const { matches, interruption } = this
    return toAuditRecord({
      plan: this.#plan,
      state: this.#state,
      controls: this.#controls,
      matches,
      interruption,
    })
  }

  #toHeaders(headers: readonly Pair[]): Entry[] {
    const { texts } = this.#state
    return headers.map(([name, value]) => new Entry(name, texts.ofHeader(name.toLowerCase(), value)))
  }

  #wantsNothing(): boolean {
    return this.interruption !== null || this.#controls.mode === 'Off'
  }

  #run(phase: number): Interruption | null {
    if (phase <= this.#phase)
      throw new Error(`phase ${phase} after phase ${this.#phase}: each runs once, in order`)
    this.#phase = phase
    if (this.budgetSpent && phase < 5) return this.interruption
    this.#budget.resume()
    this.#runner.runPhase(phase)
    this.#budget.pause()
    const block = this.budgetSpent && this.#onBudget === 'block' && this.#controls.mode === 'On' && phase < 5
    return block && this.interruption === null ? this.#interrupt('budget', 403) : this.interruption
  }

  #interrupt(cause: Interruption['cause'], status: number): Interruption {
    this.#runner.interruption = { action: 'deny', status, ruleId: 0, cause, location: '' }
    return this.#runner.interruption
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
