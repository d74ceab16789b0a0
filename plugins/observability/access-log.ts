// The access log: one JSON line per exchange, in the shape of pino's lines. Worker thread; called by index.ts.
// JSON.stringify of a flat object: a line put together by hand measured the same (docs/decisions/metrics.md).
import type { LogView } from '../../gateway/contract/exchange.ts'
import { createQueryRedaction, type Redaction } from './redaction.ts'

export interface AccessLogConfig {
  readonly sample: number
  readonly redactQuery: readonly string[]
  readonly headers: readonly string[]
}

const credentialHeaders: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

export function isCredentialHeader(name: string): boolean {
  return credentialHeaders.includes(name.toLowerCase())
}

const info = 30
const error = 50

export function createAccessLog(
  config: AccessLogConfig,
  write: (line: string) => void,
): (ex: LogView) => void {
  const redact = createQueryRedaction(config.redactQuery)
  const headers = config.headers.map((name) => name.toLowerCase())
  const toIsoTime = createIsoTime()
  return (ex) => {
    if (config.sample < 1 && Math.random() >= config.sample) return
    const level = ex.status >= 500 ? error : info
    const time = toIsoTime(Math.round(ex.startedAtMs + ex.durationMs))
    write(JSON.stringify(toRecord(ex, { level, time, redact, headers })))
  }
}

interface LineContext {
  readonly level: number
  readonly time: string
  readonly redact: Redaction
  readonly headers: readonly string[]
}

/** `undefined` leaves a field out. */
function toRecord(ex: LogView, { level, time, redact, headers }: LineContext) {
  return {
    level,
    time,
    msg: 'request',
    request_id: ex.requestId,
    tenant: ex.tenant?.id ?? null,
    user: ex.identity?.userId ?? null,
    route: ex.route?.id ?? null,
    method: ex.method,
    http_version: ex.httpVersion,
    scheme: ex.scheme,
    host: ex.host,
    path: ex.path,
    query: ex.query === '' ? undefined : redact.query(ex.query),
    status: ex.status,
    source: ex.responseSource,
    code: ex.code === '' ? undefined : ex.code,
    failure: ex.failure === '' ? undefined : ex.failure,
    upstream: ex.upstream === '' ? undefined : ex.upstream,
    target: ex.target === '' ? undefined : ex.target,
    attempts: ex.attempts,
    duration_ms: toMicros(ex.durationMs),
    gateway_ms: toMicros(Math.max(0, ex.durationMs - ex.upstreamMs)),
    upstream_ms: toMicros(ex.upstreamMs),
    request_bytes: ex.requestBytes,
    response_bytes: ex.responseBytes,
    client_ip: ex.clientIp,
    user_agent: ex.header('user-agent'),
    referer: redact.url(ex.header('referer')),
    headers: headers.length === 0 ? undefined : pickHeaders(ex, headers),
  }
}

function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function pickHeaders(ex: LogView, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = ex.header(name)
    if (value !== undefined) picked[name] = value
  }
  return picked
}

/** ISO 8601 in UTC. Date's own costs a quarter of the whole line, so the text up to the second is kept for a second. */
function createIsoTime(): (wallMs: number) => string {
  let second = Number.NaN
  let prefix = ''
  return (wallMs) => {
    const ms = wallMs % 1000
    if (wallMs - ms !== second) {
      second = wallMs - ms
      prefix = new Date(second).toISOString().slice(0, 20)
    }
    return `${prefix}${String(ms).padStart(3, '0')}Z`
  }
}
