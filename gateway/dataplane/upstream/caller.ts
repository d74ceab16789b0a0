// Who a request is from, as far as the choice of a target depends on it. Worker thread.
import type { RequestView } from '../../contract/exchange.ts'
import type { HashKey } from '../../contract/snapshot.ts'

/** Every RequestView is one. */
export type Caller = Pick<RequestView, 'tenant' | 'hostTenant' | 'identity' | 'clientIp' | 'header'>

/** The tenant plugin's fact, else what the Host names, else what the credential is bound to; '' for none. */
export function tenantIdOf({ tenant, hostTenant, identity }: Caller): string {
  return tenant?.id ?? hostTenant?.id ?? identity?.tenantId ?? ''
}

/**
 * A text that is the same for all requests which belong together, made once per config. A request that lacks what was
 * asked for (no tenant, no such cookie) belongs to its client's address.
 */
export function createCallerKey(key: HashKey): (caller: Caller) => string {
  const read = readerOf(key)
  return (caller) => read(caller) || caller.clientIp
}

function readerOf(key: HashKey): (caller: Caller) => string {
  if (key === 'ip') return ({ clientIp }) => clientIp
  if (key === 'tenant') return tenantIdOf
  if (key === 'user') return toUserKey
  const [kind, name] = key.split(':', 2) as ['header' | 'cookie', string]
  const lower = name.toLowerCase()
  if (kind === 'header') return (caller) => caller.header(lower) ?? ''
  return (caller) => findCookie(caller.header('cookie') ?? '', name)
}

/** `1` of one tenant and `1` of another are two users. A tenant id holds no slash. */
function toUserKey(caller: Caller): string {
  return caller.identity === null ? '' : `${tenantIdOf(caller)}/${caller.identity.userId}`
}

/** RFC 6265 section 4.2.1; the first of that name. */
function findCookie(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return ''
}
