// Response fields about limits. Worker thread.
// RateLimit-Policy and RateLimit as draft-ietf-httpapi-ratelimit-headers-11 has them: lists of strings with parameters
// (RFC 9651). Limit names are letters, digits, `_`, `.` and `-`, so that they need no escaping there.
import type { LimitState } from '../../gateway/contract/ports.ts'
import type { LimitConfig } from './schema.ts'

export type PolicyNumbers = Pick<LimitConfig, 'name' | 'algorithm' | 'limit' | 'windowMs' | 'burst'>

/** `w` is whole seconds or, where the window is none, left out. The size of a bucket goes under our own prefix. */
export function toPolicyItem(limit: PolicyNumbers): string {
  const window = limit.windowMs % 1000 === 0 ? `;w=${limit.windowMs / 1000}` : ''
  const isBucket = limit.algorithm === 'token-bucket' || limit.algorithm === 'leaky-bucket'
  const burst = isBucket && limit.burst > 0 ? `;aegis-burst=${limit.burst}` : ''
  return `"${limit.name}";q=${limit.limit}${window}${burst}`
}

/** Of a refusing limit `t` is the wait, so that Retry-After never lies before its end (section 6 of the draft). */
export function toLimitItem(name: string, state: LimitState): string {
  const seconds = toSeconds(state.allowed ? state.resetMs : state.retryAfterMs)
  return `"${name}";r=${state.remaining};t=${seconds}`
}

/** What an integer of structured fields can hold (RFC 9651 section 3.3.1); a large bucket that fills slowly needs longer. */
const mostSeconds = 999_999_999_999_999

/** Rounded up: a client that waits this long is not early. */
export function toSeconds(ms: number): number {
  return Math.min(Math.ceil(ms / 1000), mostSeconds)
}
