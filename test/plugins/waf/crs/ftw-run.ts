// Runs CRS regression tests against the engine directly, as an HTTP front would call it, and judges the outcome.

import type { RuleMatch } from '../../../../plugins/waf/seclang/match.ts'
import type { Waf } from '../../../../plugins/waf/seclang/waf.ts'
import { type FtwOutput, type FtwTest, isRefusedByFront, toRequest, type WireRequest } from './ftw-case.ts'

/** What ../shared/crs/README.md says the tests expect before the rules. */
export const testSetup = `
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=910000,\\
setvar:tx.blocking_paranoia_level=4,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,\\
setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,\\
setvar:tx.combined_file_sizes=65535"
`

/** What a log tells of a match. */
export type Seen = Pick<RuleMatch, 'id' | 'message' | 'data'>

export interface Verdict {
  readonly passed: boolean
  /** True for tests that expect a rule not to match. */
  readonly negative: boolean
  readonly why: string
  readonly matched: readonly number[]
}

export function runTest(waf: Waf, test: FtwTest): Verdict {
  let verdict: Verdict | null = null
  for (const { input, output } of test.stages) {
    const request = toRequest(input)
    const matches = inspect(waf, request)
    const next = judge(request, matches, output)
    if (verdict === null || verdict.passed) verdict = next
  }
  return verdict as Verdict
}

export function inspect(waf: Waf, request: WireRequest): readonly RuleMatch[] {
  const transaction = waf.createTransaction({ uniqueId: 'regression' })
  transaction.processConnection({
    clientAddress: '127.0.0.1',
    clientPort: 40000,
    serverAddress: '127.0.0.1',
    serverPort: 80,
  })
  transaction.processUri(request.method, request.uri, request.protocol)
  transaction.processRequestHeaders(request.headers)
  transaction.processRequestBody(Buffer.from(request.body, 'latin1'))
  const response = respond(request)
  transaction.processResponseHeaders(response.status, response.headers)
  transaction.processResponseBody(Buffer.from(response.body, 'utf8'))
  transaction.processLogging()
  return transaction.matches
}

export interface Response {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

interface Reflection {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly encodedBody?: string
}

/** The upstream of the tests: POST /reflect answers as its JSON body asks, everything else gets an empty 200. */
export function respond(request: WireRequest): Response {
  const path = request.uri.split('?')[0] as string
  if (request.method !== 'POST' || !/^\/reflect(?:\/|$)/.test(path))
    return { status: 200, headers: [], body: '' }
  let asked: Reflection
  try {
    asked = JSON.parse(Buffer.from(request.body, 'latin1').toString('utf8')) as Reflection
  } catch {
    return {
      status: 400,
      headers: [['Content-Type', 'text/plain; charset=utf-8']],
      body: 'Invalid JSON in request body',
    }
  }
  const body = asked.body || Buffer.from(asked.encodedBody ?? '', 'base64').toString('utf8')
  const headers = Object.entries(asked.headers ?? {})
  if (!headers.some(([name]) => name.toLowerCase() === 'content-type'))
    headers.push(['Content-Type', sniff(body)])
  return { status: asked.status ?? 200, headers, body }
}

/** Go's server names the type by the first bytes. */
function sniff(body: string): string {
  return /^\s*<(?:!doctype html|html|head|script|body|title|p|div|table|h1|br|a|b|!--)[\s>]/i.test(body)
    ? 'text/html; charset=utf-8'
    : 'text/plain; charset=utf-8'
}

export function judge(request: WireRequest, matches: readonly Seen[], output: FtwOutput): Verdict {
  const matched = matches.map((match) => match.id)
  const log = output.log ?? {}
  const negative = log.no_expect_ids !== undefined && log.expect_ids === undefined
  const verdict = { negative, matched }
  const refusal = output.status === 400 || output.expect_error === true
  if (refusal && isRefusedByFront(request)) return { ...verdict, passed: true, why: 'refused by the front' }
  const missing = (log.expect_ids ?? []).filter((id) => !matched.includes(id))
  if (missing.length > 0) return { ...verdict, passed: false, why: `expected ${missing}` }
  const extra = (log.no_expect_ids ?? []).filter((id) => matched.includes(id))
  if (extra.length > 0) return { ...verdict, passed: false, why: `not expected ${extra}` }
  const lines = matches.map(toLogLine)
  if (
    log.match_regex !== undefined &&
    !lines.some((line) => new RegExp(log.match_regex as string).test(line))
  ) {
    return { ...verdict, passed: false, why: `no log line matches ${log.match_regex}` }
  }
  if (
    log.no_match_regex !== undefined &&
    lines.some((line) => new RegExp(log.no_match_regex as string).test(line))
  ) {
    return { ...verdict, passed: false, why: `a log line matches ${log.no_match_regex}` }
  }
  if (refusal) return { ...verdict, passed: false, why: 'the front does not refuse it' }
  return { ...verdict, passed: true, why: '' }
}

/** As error logs write it: one line, control characters escaped. */
function toLogLine(match: Seen): string {
  return escaped(`[id "${match.id}"] [msg "${match.message}"] [data "${match.data}"]`)
}

function escaped(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
