// One request, and the answer to it, on their way through the rules. Worker thread; the same for requests of clients
// and for those of POST /admin/waf/test.
import { decodeBody } from './content-coding.ts'
import type { Engine } from './engine.ts'
import type { Policy } from './policy.ts'
import type { WafConfig } from './schema.ts'
import type { Interruption, RuleMatch } from './seclang/match.ts'
import type { Transaction } from './seclang/transaction.ts'
import type { Pair } from './seclang/types.ts'

/** What the rules are told of a request's head. */
export interface InspectedHead {
  readonly method: string
  readonly rawTarget: string
  /** The canonical path, which everybody else goes by; null: that of the target. */
  readonly path: string | null
  readonly httpVersion: string
  /** Flat: name, value. */
  readonly rawHeaders: readonly string[]
  readonly clientIp: string
}

export type Decision = 'allow' | 'detect' | 'block'

export interface InspectionOptions {
  readonly config: WafConfig
  readonly policy: Policy
  readonly route: string
  readonly tenant: string | null
  readonly requestId: string
  readonly budgetMs: number
  /** Looks, and never refuses. */
  readonly silent: boolean
  /** Whether bodies of answers are looked at. */
  readonly responseBody: boolean
}

const noBytes = new Uint8Array(0)

/** Content types of answers may have parameters; an answer without a type is not held back. */
const mediaTypeOf = (contentType: string): string =>
  (contentType.split(';', 1)[0] as string).trim().toLowerCase()

export class Inspection {
  readonly transaction: Transaction
  readonly #engine: Engine
  readonly #options: InspectionOptions
  #responseRead = false
  #logged = false

  constructor(engine: Engine, options: InspectionOptions) {
    this.#engine = engine
    this.#options = options
    const { config, policy, route, tenant, silent } = options
    this.transaction = engine.waf.createTransaction({
      mode: policy.mode === 'block' && !silent ? 'On' : 'DetectionOnly',
      exclusions: engine.exclusionsFor(route, tenant),
      variables: policy.variables,
      uniqueId: options.requestId,
      budgetMs: options.budgetMs,
      onBudget: config.onBudget === 'block' ? 'block' : 'pass',
    })
  }

  /** Phase 1. */
  readHead(head: InspectedHead): Interruption | null {
    const { transaction } = this
    transaction.processConnection({
      clientAddress: head.clientIp,
      clientPort: 0,
      serverAddress: '',
      serverPort: 0,
    })
    transaction.processUri(head.method, head.rawTarget, `HTTP/${head.httpVersion}`, head.path)
    return transaction.processRequestHeaders(toPairs(head.rawHeaders))
  }

  /** Bytes of the request body that phase 2 wants to see; 0: none. */
  get requestBodyLimit(): number {
    const { transaction } = this
    const { config } = this.#options
    const limit = transaction.requestBodyLimitBytes
    const own =
      transaction.state.bodyProcessor === 'MULTIPART' ? config.uploadLimitBytes : config.bodyLimitBytes
    return Math.min(limit, own)
  }

  /** Phase 2. `complete`: the body has no more bytes than these. */
  readBody(body: Uint8Array, complete: boolean): Interruption | null {
    const limit = this.requestBodyLimit
    const { state } = this.transaction
    const encoding = state.requestHeader('content-encoding') ?? ''
    const decoded = decodeBody({ bytes: body, complete }, encoding, limit)
    const fits = decoded.complete && decoded.bytes.length <= limit
    // What nobody parses has no hidden half: rules that ask for it get its beginning.
    const truncated = !fits && state.bodyProcessor !== ''
    return this.transaction.processRequestBody(decoded.bytes.subarray(0, limit), truncated)
  }

  /** Phase 3, and phase 4 where it need not wait for a body. Bytes of the answer's body that are wanted; 0: none. */
  readResponse(status: number, headers: () => readonly Pair[]): number {
    const { phases } = this.#engine.waf.plan
    if (phases[3]?.length === 0 && phases[4]?.length === 0) return 0
    this.transaction.processResponseHeaders(status, headers())
    const wanted = this.#wantedOfResponse()
    if (wanted === 0) this.readResponseBody(noBytes, true)
    return wanted
  }

  #wantedOfResponse(): number {
    if (!this.#options.responseBody) return 0
    const { config } = this.#options
    const type = mediaTypeOf(this.transaction.state.responseHeader('content-type') ?? '')
    return config.responseBodyTypes.includes(type) ? this.transaction.responseBodyLimitBytes : 0
  }

  /** Phase 4, unless it ran already. */
  readResponseBody(body: Uint8Array, complete: boolean): Interruption | null {
    if (this.#responseRead) return this.transaction.interruption
    this.#responseRead = true
    return this.transaction.processResponseBody(body, !complete)
  }

  /** Phase 5, once. */
  finish(): void {
    if (this.#logged) return
    this.#logged = true
    this.transaction.processLogging()
  }

  /** Matches that a log shows. */
  get matches(): readonly RuleMatch[] {
    return this.transaction.matches.filter((match) => match.log)
  }

  /** `detect`: it would have been refused. */
  get decision(): Decision {
    if (this.transaction.interruption !== null) return 'block'
    if (this.transaction.budgetSpent) return 'detect'
    return this.transaction.matches.some((match) => this.#refuses(match)) ? 'detect' : 'allow'
  }

  #refuses({ id }: RuleMatch): boolean {
    const kind = this.#engine.rules.get(id)?.disruption.kind
    return kind === 'deny' || kind === 'drop' || kind === 'redirect'
  }
}

export function toPairs(flat: readonly string[]): Pair[] {
  const pairs: Pair[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string])
  return pairs
}
