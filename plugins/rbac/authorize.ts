// The question as it goes to the upstream, and its answer, which is believed only when it is exactly of the agreed form.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { Subrequest, SubrequestAnswer } from '../../gateway/contract/ports.ts'
import type { Question } from './question.ts'
import type { RbacConfig } from './schema.ts'

export interface AuthorizeAnswer {
  readonly allowed: boolean
  /** null: the answer names none. */
  readonly permissions: readonly string[] | null
  /** null: the answer names none. */
  readonly ttlSeconds: number | null
}

const maxPermissions = 2_000
const maxPermissionLength = 512

/** Carries nothing that the client sent but method and path, and those in the body. */
export function toSubrequest(
  ex: RequestView,
  question: Question,
  config: RbacConfig['subrequest'],
): Subrequest {
  const { tenant, user, roles, resource, action } = question
  const headers = ['content-type', 'application/json', 'accept', 'application/json']
  pushHeader(headers, 'x-tenant-id', tenant)
  pushHeader(headers, 'x-user-id', user)
  pushHeader(headers, 'x-request-id', ex.requestId)
  const body = JSON.stringify({
    tenant_id: tenant,
    user_id: user,
    roles,
    resource,
    action,
    request: { method: ex.method, path: ex.path, request_id: ex.requestId },
  })
  return {
    method: 'POST',
    path: config.path,
    headers,
    body,
    timeoutMs: config.timeoutMs,
    maxBytes: config.maxBytes,
  }
}

/** Text beyond ASCII goes as its UTF-8 bytes; what no header may hold is told in the body only. */
function pushHeader(headers: string[], name: string, value: string | null): void {
  if (value === null || /[\x00-\x1f\x7f]/.test(value)) return
  headers.push(name, /[^\x20-\x7e]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value)
}

/** Throws, with the reason for operators, on everything that is no answer. */
export function parseAnswer(reply: SubrequestAnswer, maxBytes: number): AuthorizeAnswer {
  // A refusal is said by 200 and allowed: false. Other statuses also come from proxies, login pages and missing routes.
  if (reply.status !== 200) throw new Error(`answered with status ${reply.status}; only 200 is an answer`)
  if (Buffer.byteLength(reply.body) > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`)
  const value = parseObject(reply.body)
  const { allowed, permissions = null, ttl = null } = value
  if (typeof allowed !== 'boolean') throw new Error('"allowed" is neither true nor false')
  if (Object.hasOwn(value, 'permissions') && !isPermissions(permissions)) {
    throw new Error('"permissions" is no list of permissions')
  }
  if (Object.hasOwn(value, 'ttl') && !isTtl(ttl)) throw new Error('"ttl" is no number of seconds')
  return { allowed, permissions: permissions as string[] | null, ttlSeconds: ttl as number | null }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('the answer is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('the answer is no object')
  return value as Record<string, unknown>
}

export function isPermissions(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length > maxPermissions) return false
  return value.every((one) => typeof one === 'string' && one !== '' && one.length <= maxPermissionLength)
}

function isTtl(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
