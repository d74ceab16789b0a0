// What of an audit record goes to the log: values of the client only where the config says so. Worker thread.
import type { AuditRecord } from './seclang/audit.ts'
import type { RuleMatch } from './seclang/match.ts'
import type { Pair } from './seclang/types.ts'

/** Characters of a body that a record holds. */
const shownBody = 4_096
const redacted = '[redacted]'

export function toLoggedAudit(record: AuditRecord, withData: boolean): Record<string, unknown> {
  const { request, response, matches } = record
  const headers = (pairs: readonly Pair[] | undefined) =>
    pairs?.map(([name, value]) => [name, withData ? value : redacted])
  const body = (text: string | undefined) => (withData ? text?.slice(0, shownBody) : text && redacted)
  return {
    event: 'waf-audit',
    ...record,
    request: {
      ...request,
      uri: withData ? request.uri : request.uri.replace(/[?#].*$/s, ''),
      ...(request.headers && { headers: headers(request.headers) }),
      ...(request.body !== undefined && { body: body(request.body) }),
    },
    response: {
      ...response,
      ...(response.headers && { headers: headers(response.headers) }),
      ...(response.body !== undefined && { body: body(response.body) }),
    },
    ...(matches && { matches: withData ? matches : matches.map(withoutData) }),
  }
}

function withoutData({ value: _, data: __, ...match }: RuleMatch): Partial<RuleMatch> {
  return match
}
