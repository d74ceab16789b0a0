// Rate-limit counters that are exact over all gateways. Worker thread; the local store fills the same interface.
//
// One script call per request for all its limits, on Redis' own clock. In a Cluster a request's limits may lie on two
// nodes, a tenant's and those of nobody: then one after the other, and what was taken is given back if the next refuses.
import { readFileSync } from 'node:fs'
import type { CounterStore, LimitCheck, LimitState } from '../../contract/ports.ts'
import { letterOf, tagOf, toRedisKey } from './counter-key.ts'
import type { RedisLink } from './link.ts'
import { createScript } from './script.ts'

export interface RedisCounters extends CounterStore {
  /**
   * Adds what was let through elsewhere and answers the rows, times as ages (ms before the answer). All checks must
   * be of one tag.
   */
  add(checks: readonly LimitCheck[]): Promise<Float64Array[]>
  readonly timeoutMs: number
}

export interface RedisCountersOptions {
  readonly link: RedisLink
  /** All keys lie in one place, whatever their tag: one script reaches them all. */
  readonly oneNode: boolean
  /** Only for tests: the time to count by, instead of Redis' own; rows then outlive their limit by an hour. */
  readonly nowMs?: () => number
}

/** Longer than a small step back of Redis' clock. */
const keepMs = 1_000
const valuesPerCheck = 5

export function createRedisCounters({ link, oneNode, nowMs }: RedisCountersOptions): RedisCounters {
  const script = createScript(readFileSync(new URL('./limits.lua', import.meta.url), 'utf8'))
  const keep = String(nowMs === undefined ? keepMs : 3_600_000)

  function call(doing: 'take' | 'peek' | 'add' | 'give', checks: readonly LimitCheck[]): Promise<unknown> {
    const keys: string[] = []
    const args = [doing, nowMs === undefined ? '' : String(nowMs()), keep]
    for (const check of checks) {
      keys.push(toRedisKey(link.keyPrefix, tagOf(check.key), check))
      args.push(toArgument(check))
    }
    return link.run('counters', (client) => script.run(client, keys, args))
  }

  return {
    timeoutMs: link.timeoutMs,
    take(checks) {
      if (checks.length === 0) return []
      if (oneNode || isOfOneTag(checks)) return takeOfOne(checks, call)
      return takeInTurn(checks, call)
    },
    async peek(check) {
      return toStates(await call('peek', [check]), 1)[0] as LimitState
    },
    async reset(check) {
      const key = toRedisKey(link.keyPrefix, tagOf(check.key), check)
      await link.run('counters', (client) => client.del(key))
    },
    async add(checks) {
      const rows = (await call('add', checks)) as string[]
      return rows.map((row) => Float64Array.from(row.split(' '), Number))
    },
  }
}

function toArgument(check: LimitCheck): string {
  const { algorithm, limit, windowMs, burst, cost, shape } = check
  return `${letterOf(algorithm)} ${limit} ${windowMs} ${burst} ${cost} ${shape ? 1 : 0}`
}

function isOfOneTag(checks: readonly LimitCheck[]): boolean {
  const tag = tagOf((checks[0] as LimitCheck).key)
  return checks.every((check) => tagOf(check.key) === tag)
}

function toStates(values: unknown, count: number): LimitState[] {
  if (!Array.isArray(values) || values.length !== count * valuesPerCheck) {
    throw new TypeError('Redis answered a limit with something else')
  }
  const states: LimitState[] = []
  for (let at = 0; at < values.length; at += valuesPerCheck) {
    states.push({
      allowed: values[at] === 1,
      remaining: values[at + 1],
      resetMs: values[at + 2],
      retryAfterMs: values[at + 3],
      delayMs: Number(values[at + 4]),
    })
  }
  return states
}

type Call = (doing: 'take' | 'peek' | 'give', checks: readonly LimitCheck[]) => Promise<unknown>

async function takeOfOne(checks: readonly LimitCheck[], call: Call): Promise<LimitState[]> {
  return toStates(await call('take', checks), checks.length)
}

/** Tag by tag; a refusal gives back what was taken before it. In between others see too much taken, never too little. */
async function takeInTurn(checks: readonly LimitCheck[], call: Call): Promise<LimitState[]> {
  const states = new Array<LimitState>(checks.length)
  const taken: LimitCheck[][] = []
  for (const [, group] of Map.groupBy(checks.keys(), (index) => tagOf((checks[index] as LimitCheck).key))) {
    const mine = group.map((index) => checks[index] as LimitCheck)
    const answers = await takeOfOne(mine, call)
    for (const [at, index] of group.entries()) states[index] = answers[at] as LimitState
    if (answers.every((state) => state.allowed)) taken.push(mine)
    else return withoutTaking(checks, states, () => Promise.all(taken.map((one) => call('give', one))), call)
  }
  return states
}

/** What refused says so; of the others, what they would say with nothing taken. */
async function withoutTaking(
  checks: readonly LimitCheck[],
  states: readonly (LimitState | undefined)[],
  giveBack: () => Promise<unknown>,
  call: Call,
): Promise<LimitState[]> {
  await giveBack()
  return Promise.all(
    checks.map(async (check, index) => {
      const state = states[index]
      return state?.allowed === false ? state : (toStates(await call('peek', [check]), 1)[0] as LimitState)
    }),
  )
}
