// What one request of the soak is made of. Every one has a user, a token and a path that were never there before.
import type { Agent } from 'node:http'
import type { Random } from '../support/random.ts'
import { createTestToken } from '../support/saas.ts'
import type { World } from './world.ts'

/** `failed`: no answer, or one that only trouble behind the gateway explains. `wrong`: one that must never be given. */
export type Outcome = 'ok' | 'failed' | 'wrong'

export interface Report {
  readonly outcome: Outcome
  /** What was seen, where it was not ok. */
  readonly seen: string
}

export interface Client {
  readonly world: World
  /** Keeps its connections. */
  readonly agent: Agent
  readonly random: Random
  /** Of all requests of the run. */
  readonly n: number
  readonly tenant: string
  readonly user: string
}

/** One way to use the gateway. */
export interface Kind {
  readonly name: string
  /** How often it is chosen, beside the others. */
  readonly share: number
  /** Every run is one request of this route; null: not sure to reach it. */
  readonly route: string | null
  /** A rejection is a failure. */
  run(client: Client): Promise<Report>
}

export const well: Report = { outcome: 'ok', seen: '' }

export async function authorize(
  { tenant, user, n }: Client,
  claims: object = {},
): Promise<{ authorization: string }> {
  const token = await createTestToken({ user_id: user, tenant_id: tenant, jti: `jti-${n}`, ...claims })
  return { authorization: `Bearer ${token}` }
}

/** Sizes and times below are of no meaning, only of variety. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** What never ends must not hold up the soak as well: it is rejected then. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hung for ${limitMs} ms`)), limitMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
