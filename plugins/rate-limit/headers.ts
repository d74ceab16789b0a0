// Puts the state of the limits on responses, refusals and successes alike. Worker thread.
import type { LimitState } from '../../gateway/contract/ports.ts'
import { toLimitItem, toSeconds } from './fields.ts'
import type { AskedCheck, Limit } from './limit.ts'
import type { RateLimitConfig } from './schema.ts'

/** Kept in the slot from the decision to the response. */
export interface Outcome {
  readonly checks: readonly AskedCheck[]
  readonly states: readonly LimitState[]
}

/** Flat list: name, value. Empty when no header is wanted. */
export type ListHeaders = (outcome: Outcome) => string[]

export function createHeaderLister(
  limits: readonly Limit[],
  wanted: RateLimitConfig['headers'],
): ListHeaders {
  return (outcome) => {
    const headers: string[] = []
    if (wanted.rateLimit)
      headers.push('RateLimit-Policy', joinPolicies(outcome), 'RateLimit', joinStates(limits, outcome))
    if (wanted.legacy) pushLegacy(headers, outcome)
    return headers
  }
}

/** Seconds to wait until every refusing limit would let the request pass; at least 1. */
export function retryAfterSeconds(states: readonly LimitState[]): number {
  let waitMs = 1
  for (const state of states) if (!state.allowed) waitMs = Math.max(waitMs, state.retryAfterMs)
  return toSeconds(waitMs)
}

function joinPolicies({ checks }: Outcome): string {
  let list = (checks[0] as AskedCheck).policy
  for (let i = 1; i < checks.length; i++) list += `, ${(checks[i] as AskedCheck).policy}`
  return list
}

function joinStates(limits: readonly Limit[], { states }: Outcome): string {
  let list = ''
  for (let i = 0; i < states.length; i++) {
    list += (i === 0 ? '' : ', ') + toLimitItem((limits[i] as Limit).name, states[i] as LimitState)
  }
  return list
}

/** There is room for one limit: one that refuses (the longest wait), else the one with the least left. */
function pushLegacy(headers: string[], { checks, states }: Outcome): void {
  let nearest = 0
  for (let i = 1; i < states.length; i++) {
    if (isNearer(states[i] as LimitState, states[nearest] as LimitState)) nearest = i
  }
  const state = states[nearest] as LimitState
  headers.push(
    'X-RateLimit-Limit',
    String((checks[nearest] as AskedCheck).limit),
    'X-RateLimit-Remaining',
    String(state.remaining),
    'X-RateLimit-Reset',
    String(toSeconds(state.allowed ? state.resetMs : state.retryAfterMs)),
  )
}

function isNearer(one: LimitState, other: LimitState): boolean {
  if (one.allowed !== other.allowed) return !one.allowed
  return one.allowed ? one.remaining < other.remaining : one.retryAfterMs > other.retryAfterMs
}
