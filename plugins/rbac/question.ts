// One question about one caller, and the keys that its answer is kept under. Worker thread.

export interface Question {
  /** null: no tenant is known; a scope of its own that no tenant's id can name. */
  readonly tenant: string | null
  readonly user: string
  /** Whom the answer comes from: one service never decides for another. */
  readonly authority: string
  /** The caller's roles, as they are told to the upstream: other roles, other question. */
  readonly roles: readonly string[]
  readonly resource: string
  readonly action: string
}

export interface Keys {
  /** For what the answer says of all the caller's permissions. */
  readonly subject: string
  /** For what it says of this resource and action. */
  readonly decision: string
}

/**
 * Each part is written with its length in front, so that no text inside a part can pass for the border between two:
 * two questions have equal keys only if they are equal. See docs/decisions/rbac-cache.md.
 */
export function toKeys(question: Question): Keys {
  const { tenant, user, authority, roles, resource, action } = question
  const subject = toPart(tenant) + toPart(user) + toPart(authority) + toPart(toRoleSet(roles))
  return { subject, decision: subject + toPart(resource) + toPart(action) }
}

/** `-` is no digit: no text has the key of null. */
export function toPart(text: string | null): string {
  return text === null ? '-' : `${text.length}:${text}`
}

/** Order and repetition do not count. */
function toRoleSet(roles: readonly string[]): string {
  if (roles.length === 0) return ''
  if (roles.length === 1) return toPart(roles[0] as string)
  return [...new Set(roles)].toSorted().map(toPart).join('')
}
