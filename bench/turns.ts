// Lets the gateways of a scenario take turns: A B C A B C, so that a slow minute of the machine slows all of them.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from './measure.ts'
import type { Figures, Running, Scenario } from './scenario.ts'
import type { Upstream } from './upstream.ts'

export interface Plan {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface Row extends Figures {
  readonly gateway: string
  /** Cost as a multiple of the yardstick's: the median over the rounds of the ratio within a round. */
  readonly ratio: number
  /** The same of the cheapest round of each: what it costs when nobody else is at the machine. */
  readonly bestRatio: number
  /** Cost of each round. */
  readonly rounds: readonly number[]
}

export interface Place {
  readonly upstream: Upstream
  readonly directory: string
}

/** Every other figure of a row is a median over the rounds; errors are summed up. */
export async function takeTurns(scenario: Scenario, plan: Plan, place: Place): Promise<readonly Row[]> {
  const runnings: Running[] = []
  let number = 0
  const measure = (running: Running, warmUp: boolean): Promise<Figures> => {
    const seconds = warmUp ? plan.warmUpSeconds : plan.seconds
    return scenario.measure({ running, ...place, seconds, number: number++, warmUp })
  }
  try {
    for (const gateway of scenario.gateways) {
      const directory = join(place.directory, `${scenario.name}-${gateway.name}`)
      await mkdir(directory)
      const running = await gateway.start(place.upstream, directory)
      runnings.push(running)
      if (!scenario.once) await measure(running, true)
    }
    const figures: Figures[][] = runnings.map(() => [])
    const rounds = scenario.once ? 1 : plan.rounds
    for (let round = 0; round < rounds; round++) {
      for (const [index, running] of runnings.entries()) figures[index]?.push(await measure(running, false))
    }
    return toRows(scenario, figures)
  } finally {
    for (const running of runnings.reverse()) await running.stop()
  }
}

/** `figures` by gateway, then by round. */
export function toRows(scenario: Scenario, figures: readonly (readonly Figures[])[]): readonly Row[] {
  const yardstick = figures[0] ?? []
  return scenario.gateways.map(({ name }, index) => {
    const mine = figures[index] ?? []
    const middle = (field: keyof Figures): number => median(mine.map((one) => one[field]))
    return {
      gateway: name,
      cost: middle('cost'),
      ratio: median(mine.map(({ cost }, round) => cost / (yardstick[round]?.cost ?? Number.NaN))),
      bestRatio: cheapest(mine) / cheapest(yardstick),
      perSecond: middle('perSecond'),
      p50Ms: middle('p50Ms'),
      p99Ms: middle('p99Ms'),
      errors: mine.reduce((sum, { errors }) => sum + errors, 0),
      rounds: mine.map(({ cost }) => cost),
    }
  })
}

function cheapest(rounds: readonly Figures[]): number {
  return Math.min(...rounds.map(({ cost }) => cost))
}
