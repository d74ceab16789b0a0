// What an operator asks of counters: `inspect` and `reset` of GET and DELETE /admin/rate-limits?key=. Worker thread.
// The key is the text that counters have (`per-user|tenant=acme|user=42`) or its parts as an object
// (`{ name: 'per-user', tenant: 'acme', user: '42' }`).
import type { LimitState, PluginPorts } from '../../gateway/contract/ports.ts'
import { parseKeyText } from './key.ts'
import { type AskedCheck, type Limit, toCheck } from './limit.ts'

type Args = Readonly<Record<string, unknown>>

export interface Listing {
  readonly instance: string
  readonly limits: readonly { readonly name: string; readonly key: string; readonly algorithm: string }[]
}

export interface Inspection {
  readonly instance: string
  /** null: this instance has no such counter; `error` says why. */
  readonly key: string | null
  readonly error?: string
  readonly limit?: Omit<AskedCheck, 'key' | 'policy'> & { readonly name: string }
  readonly state?: LimitState
  readonly reset?: boolean
}

export function createControl(limits: readonly Limit[], ports: Pick<PluginPorts, 'id' | 'counters'>) {
  const instance = ports.id

  function inspect(limit: Limit, check: AskedCheck): Inspection | Promise<Inspection> {
    const { key, policy: _, ...numbers } = check
    const answer = (state: LimitState) => ({ instance, key, limit: { name: limit.name, ...numbers }, state })
    const state = ports.counters.peek(check)
    return 'then' in state ? state.then(answer) : answer(state)
  }

  function reset(check: AskedCheck): Inspection | Promise<Inspection> {
    const answer = { instance, key: check.key, reset: true }
    const done = ports.counters.reset(check)
    return done === undefined ? answer : done.then(() => answer)
  }

  return (operation: string, args: Args): Listing | Inspection | Promise<Inspection> => {
    if (operation !== 'inspect' && operation !== 'reset') {
      throw new Error(`rate-limit answers "inspect" and "reset", not "${operation}"`)
    }
    if (args.key === undefined && operation === 'inspect') return { instance, limits: limits.map(describe) }
    const found = findCounter(limits, args)
    if (found instanceof Error) return { instance, key: null, error: found.message }
    return operation === 'inspect' ? inspect(found.limit, found.check) : reset(found.check)
  }
}

function describe(limit: Limit) {
  return { name: limit.name, key: limit.keyForm.template, algorithm: limit.algorithm }
}

/** `plan` tells which numbers hold for a tenant; without it those of the tenant or of the limit itself are used. */
function findCounter(limits: readonly Limit[], args: Args): { limit: Limit; check: AskedCheck } | Error {
  const asked = typeof args.key === 'string' ? parseKeyText(args.key) : toParts(args.key)
  if (asked instanceof Error) return asked
  const limit = limits.find((one) => one.name === asked.name)
  if (limit === undefined) {
    return new Error(
      `no limit is named "${asked.name}"; there is ${limits.map((one) => one.name).join(', ')}`,
    )
  }
  const key = limit.keyForm.keyFrom(asked.parts)
  if (key instanceof Error) return key
  const plan = typeof args.plan === 'string' ? args.plan : undefined
  const numbers = limit.pickNumbers(asked.parts.get('tenant'), plan, null)
  return { limit, check: toCheck(limit, key, numbers) }
}

function toParts(key: unknown): { name: string; parts: Map<string, string> } | Error {
  if (typeof key !== 'object' || key === null || !('name' in key) || typeof key.name !== 'string') {
    return new Error('give the key as a text such as per-user|tenant=acme|user=42')
  }
  const parts = new Map<string, string>()
  for (const [tag, value] of Object.entries(key)) if (tag !== 'name') parts.set(tag, String(value))
  return { name: key.name, parts }
}
