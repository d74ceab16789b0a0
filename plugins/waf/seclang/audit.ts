// The audit record of a transaction as data, with the parts that SecAuditLogParts and ctl:auditLogParts ask for. Who writes
// it, where to and with which values redacted is the caller's.

import type { Controls } from './controls.ts'
import type { Interruption, RuleMatch } from './match.ts'
import type { Plan } from './plan.ts'
import type { State } from './state.ts'
import type { Entry } from './text.ts'
import type { Pair } from './types.ts'

export interface AuditRecord {
  readonly id: string
  readonly time: string
  readonly client: { readonly address: string; readonly port: number }
  readonly server: { readonly address: string; readonly port: number }
  readonly request: AuditRequest
  readonly response: AuditResponse
  /** Part H: all matches that ask for the audit log. */
  readonly matches?: readonly RuleMatch[]
  readonly interruption?: Interruption | null
  readonly components?: readonly string[]
  /** Part K: ids of all rules that matched, in order. */
  readonly ruleIds?: readonly number[]
}

interface AuditRequest {
  readonly method: string
  readonly uri: string
  readonly protocol: string
  /** Part B. */
  readonly headers?: readonly Pair[]
  /** Part C, or I: without the files of a multipart body. */
  readonly body?: string
  /** Part J. */
  readonly files?: readonly { readonly field: string; readonly name: string; readonly size: number }[]
}

interface AuditResponse {
  readonly status: number
  /** Part F. */
  readonly headers?: readonly Pair[]
  /** Part E. */
  readonly body?: string
}

export interface AuditSource {
  readonly plan: Plan
  readonly state: State
  readonly controls: Controls
  readonly matches: readonly RuleMatch[]
  readonly interruption: Interruption | null
}

/** null when the transaction is not to be logged: the audit engine is off, or nothing in it is relevant. */
export function toAuditRecord(source: AuditSource): AuditRecord | null {
  const { state, controls } = source
  if (controls.auditMode === 'Off') return null
  if (controls.auditMode === 'RelevantOnly' && !isRelevant(source)) return null
  const has = (part: string): boolean => controls.auditParts.includes(part)
  return {
    id: state.uniqueId,
    time: new Date(state.startedMs).toISOString(),
    client: { address: state.remoteAddress, port: state.remotePort },
    server: { address: state.serverAddress, port: state.serverPort },
    request: toRequest(state, has),
    response: {
      status: state.responseStatus,
      ...(has('F') && { headers: toPairs(state.responseHeaders) }),
      ...(has('E') && { body: state.responseBody }),
    },
    ...(has('H') && toTrailer(source)),
    ...(has('K') && { ruleIds: source.matches.map((match) => match.id) }),
  }
}

function isRelevant({ plan, state, matches }: AuditSource): boolean {
  const { relevantStatus } = plan
  if (relevantStatus?.(String(state.responseStatus))) return true
  return matches.some((match) => match.auditLog)
}

function toRequest(state: State, has: (part: string) => boolean): AuditRequest {
  const { method, uriRaw: uri, protocol } = state
  const files = state.multipart?.files.map((file) => ({
    field: file.field,
    name: file.fileName,
    size: file.size,
  }))
  return {
    method,
    uri,
    protocol,
    ...(has('B') && { headers: toPairs(state.requestHeaders) }),
    ...((has('C') || has('I')) && { body: bodyOf(state) }),
    ...(has('J') && { files: files ?? [] }),
  }
}

/** A parsed multipart body is told as its fields: files have no place in a log. */
function bodyOf(state: State): string {
  if (state.multipart === null) return state.requestBody
  return state.multipart.args.map(([name, value]) => `${name}=${value}`).join('&')
}

function toTrailer({ matches, interruption, plan }: AuditSource): Partial<AuditRecord> {
  const components = plan.settings.componentSignatures
  return { matches: matches.filter((match) => match.auditLog), interruption, components }
}

function toPairs(entries: readonly Entry[]): Pair[] {
  return entries.map((entry) => [entry.key, entry.text.value] as const)
}
