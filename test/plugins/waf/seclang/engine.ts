// A Waf over rule text in a test, and a request through all its phases.

import type { RuleText } from '../../../../plugins/waf/seclang/rule-set.ts'
import type { Transaction, TransactionOptions } from '../../../../plugins/waf/seclang/transaction.ts'
import { createWaf, type Waf, type WafEnv } from '../../../../plugins/waf/seclang/waf.ts'

/** Files that rules may name, by name. */
export function envOf(files: Readonly<Record<string, string>> = {}, clockMs = (): number => 0): WafEnv {
  const read = (name: string): string => {
    const text = files[name]
    if (text === undefined) throw new Error(`there is no file ${name}`)
    return text
  }
  return {
    readFile: read,
    include: (pattern): RuleText[] => [{ file: pattern, text: read(pattern) }],
    nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    clockMs,
  }
}

export function wafOf(rules: string, files: Readonly<Record<string, string>> = {}): Waf {
  return createWaf([{ file: 'test.conf', text: `SecRuleEngine On\n${rules}` }], envOf(files))
}

export interface TestRequest {
  readonly method?: string
  readonly uri?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
  readonly status?: number
  readonly responseHeaders?: readonly (readonly [name: string, value: string])[]
  readonly responseBody?: string
}

/** All five phases, as a gateway would call them. */
export function send(waf: Waf, request: TestRequest = {}, options: TransactionOptions = {}): Transaction {
  const transaction = waf.createTransaction({ uniqueId: 'u1', ...options })
  transaction.processConnection({
    clientAddress: '192.0.2.7',
    clientPort: 4711,
    serverAddress: '192.0.2.1',
    serverPort: 80,
  })
  transaction.processUri(request.method ?? 'GET', request.uri ?? '/', 'HTTP/1.1')
  transaction.processRequestHeaders(request.headers ?? [['Host', 'a.example']])
  transaction.processRequestBody(Buffer.from(request.body ?? '', 'latin1'))
  transaction.processResponseHeaders(request.status ?? 200, request.responseHeaders ?? [])
  transaction.processResponseBody(Buffer.from(request.responseBody ?? '', 'latin1'))
  transaction.processLogging()
  return transaction
}

/** The ids of the rules that matched. */
export function idsOf(waf: Waf, request: TestRequest = {}, options: TransactionOptions = {}): number[] {
  return send(waf, request, options).matches.map((match) => match.id)
}

export const form = ['Content-Type', 'application/x-www-form-urlencoded'] as const
export const json = ['Content-Type', 'application/json'] as const
