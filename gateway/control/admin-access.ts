// Who may use the admin API: the configured tokens, or one made for this run. Main thread; called at start.
import { createHash, randomBytes } from 'node:crypto'
import type { AdminConfig } from '../contract/snapshot.ts'

/** `made`: the token to print once; null when the config has tokens. */
export function readAdminAccess(admin: AdminConfig): {
  readonly admin: AdminConfig
  readonly made: string | null
} {
  if (admin.tokens.length > 0) return { admin, made: null }
  const made = randomBytes(24).toString('base64url')
  const sha256 = createHash('sha256').update(made).digest('hex')
  return { admin: { ...admin, tokens: [{ name: 'made-at-start', role: 'admin', sha256 }] }, made }
}
