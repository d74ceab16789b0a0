// What an operator asks of counters: `inspect` and `reset` of GET and DELETE /admin/rate-limits?key=. Worker thread.
// The key is the text that counters have (`per-user|tenant=acme|user=42`) or its parts as an object
// (`{ name: 'per-user', tenant: 'acme', user: '42' }`).
import type { LimitState, PluginPorts } from '../../gateway/contract/ports.ts'
import { parseKeyText } from './key.ts'
import { type AskedCheck, type Limit, toCheck } from './limit.ts'

type Args = Readonly<Record<string, unknown>>

/** A counter with its limit's numbers and its state; without a key asked, a limit and the form of its keys. */
export type CounterEntry = Readonly<Record<string, string | number | boolean>>

export interface ControlAnswer {
  readonly entries: readonly CounterEntry[]
  /** Only of `reset`: how many counters were freed. */
  readonly reset?: number
  /** Why there is no entry: not a key of this instance. */
  readonly error?: string
}

export function createControl(limits: readonly Limit[], ports: Pick<PluginPorts, 'id' | 'counters'>) {
  return (operation: string, args: Args): ControlAnswer | Promise<ControlAnswer> => {
    if (operation !== 'inspect' && operation !== 'reset') {
      throw new Error(`rate-limit answers "inspect" and "reset", not "${operation}"`)
    }
    if (args.key === undefined && operation === 'inspect') return describe(limits, ports.id)
    const found = findCounter(limits, args)
    if (found instanceof Error) {
      return operation === 'reset'
        ? { entries: [], reset: 0, error: found.message }
        : { entries: [], error: found.message }
    }
    return operation === 'inspect' ? inspect(found, ports) : reset(found, ports)
  }
}

interface Found {
  readonly name: string
  readonly check: AskedCheck
}

function describe(limits: readonly Limit[], instance: string): ControlAnswer {
  const entries = limits.map((limit) => ({
    instance,
    name: limit.name,
    key: limit.keyForm.template,
    algorithm: limit.algorithm,
  }))
  return { entries }
}

function inspect(
  { name, check }: Found,
  { id, counters }: Pick<PluginPorts, 'id' | 'counters'>,
): ControlAnswer | Promise<ControlAnswer> {
  const { policy: _, ...numbers } = check
  const answer = (state: LimitState) => ({ entries: [{ instance: id, name, ...numbers, ...state }] })
  const state = counters.peek(check)
  return 'then' in state ? state.then(answer) : answer(state)
}

function reset(
  { name, check }: Found,
  { id, counters }: Pick<PluginPorts, 'id' | 'counters'>,
): ControlAnswer | Promise<ControlAnswer> {
  const answer = { entries: [{ instance: id, name, key: check.key }], reset: 1 }
  const done = counters.reset(check)
  return done === undefined ? answer : done.then(() => answer)
}

/** `plan` tells which numbers hold for a tenant; without it those of the tenant or of the limit itself are used. */
function findCounter(limits: readonly Limit[], args: Args): Found | Error {
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
  return { name: limit.name, check: toCheck(limit, key, numbers) }
}

function toParts(key: unknown): { name: string; parts: Map<string, string> } | Error {
  if (typeof key !== 'object' || key === null || !('name' in key) || typeof key.name !== 'string') {
    return new Error('give the key as a text such as per-user|tenant=acme|user=42')
  }
  const parts = new Map<string, string>()
  for (const [tag, value] of Object.entries(key)) if (tag !== 'name') parts.set(tag, String(value))
  return { name: key.name, parts }
}
