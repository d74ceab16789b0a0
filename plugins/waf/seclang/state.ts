// What a transaction knows about its request and response: plain facts, filled phase by phase, read by `variables.ts`.

import type { Rule } from './model.ts'
import { type NameTable, Store } from './store.ts'
import type { Entry } from './text.ts'
import type { TextCache } from './text-cache.ts'
import type { MultipartBody, XmlBody } from './types.ts'

/** Collections that rules write. They live as long as the transaction: nothing is kept between two requests. */
export const storeNames = ['TX', 'IP', 'GLOBAL', 'SESSION', 'USER', 'RESOURCE', 'ENV'] as const
export type StoreName = (typeof storeNames)[number]

export type StoreTables = Readonly<Record<StoreName, NameTable>>

export class State {
  readonly startedMs: number
  readonly uniqueId: string
  readonly nowMs: () => number
  readonly texts: TextCache
  remoteAddress = ''
  remotePort = 0
  serverAddress = ''
  serverPort = 0
  serverName = ''

  method = ''
  /** As sent, with scheme and host where the client sent them. */
  uriRaw = ''
  /** Without scheme and host. */
  uri = ''
  /** Percent-decoded path. */
  fileName = ''
  query = ''
  protocol = ''
  requestHeaders: readonly Entry[] = []
  cookies: readonly Entry[] = []
  argsGet: readonly Entry[] = []

  bodyProcessor = ''
  forceRequestBody = false
  requestBody = ''
  requestBodyLength = 0
  requestBodyError: string | null = null
  urlEncodedError = false
  requestBodyTruncated = false
  argsPost: readonly Entry[] = []
  multipart: MultipartBody | null = null
  xml: XmlBody | null = null

  responseStatus = 0
  responseProtocol = ''
  responseHeaders: readonly Entry[] = []
  responseBody = ''
  responseBodyTruncated = false

  sessionId = ''
  userId = ''
  webAppId = ''
  highestSeverity = 255
  /** The rule at work, for RULE. */
  rule: Rule | null = null
  matchedVariable = ''
  matchedVariableName = ''
  /** Of the rule that matched last: keys are whole names (ARGS:q). */
  matched: Entry[] = []

  readonly #tables: StoreTables
  readonly tx: Store
  #stores: (Store | undefined)[] | null = null

  constructor(tables: StoreTables, texts: TextCache, uniqueId: string, nowMs: () => number) {
    this.#tables = tables
    this.texts = texts
    this.uniqueId = uniqueId
    this.nowMs = nowMs
    this.startedMs = nowMs()
    this.tx = new Store(tables.TX)
  }

  store(name: StoreName): Store {
    if (name === 'TX') return this.tx
    const at = storeNames.indexOf(name)
    this.#stores ??= []
    const store = this.#stores[at] ?? new Store(this.#tables[name])
    this.#stores[at] = store
    return store
  }

  /** The first header of that name, which must be in lower case. */
  requestHeader(name: string): string | null {
    return this.requestHeaders.find((entry) => entry.folded === name)?.text.value ?? null
  }

  responseHeader(name: string): string | null {
    return this.responseHeaders.find((entry) => entry.folded === name)?.text.value ?? null
  }
}
