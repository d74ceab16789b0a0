// The soak: steady clients, one act after the other, a sample again and again, and what it all came to.
import { createRandom } from '../support/random.ts'
import type { Act } from './act.ts'
import { changes } from './changes.ts'
import { pause, within } from './client.ts'
import { type JudgedCurve, judgeAll } from './curves.ts'
import { type Sample, takeSample } from './samples.ts'
import { type Count, startTraffic, type Traffic } from './traffic.ts'
import { troubles, workerDeath } from './troubles.ts'
import { startWorld, type World } from './world.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  /** Told what happens, for whoever waits. */
  readonly say: (line: string) => void
}

export interface SoakReport {
  readonly minutes: number
  readonly seed: number
  readonly warmMs: number
  readonly counts: Readonly<Record<string, Count>>
  readonly acts: Readonly<Record<string, number>>
  /** In plain sentences; empty when the soak was passed. */
  readonly problems: readonly string[]
  readonly curves: readonly JudgedCurve[]
  readonly samples: readonly Sample[]
}

const clients = 16
const clientPauseMs = 40
const sampleMs = 5_000
const actPauseMs = 2_000
const actLimitMs = 180_000
/** One act in so many is trouble, one trouble in so many a dead worker. */
const troubleEvery = 5
const deathEvery = 4

export async function soak({ minutes, seed, say }: SoakOptions): Promise<SoakReport> {
  const totalMs = minutes * 60_000
  const warmMs = totalMs / 3
  const world = await startWorld()
  const traffic = startTraffic(world, { seed, clients, pauseMs: clientPauseMs })
  const beganAt = performance.now()
  const elapsed = () => performance.now() - beganAt
  const samples: Sample[] = []
  const stage = createStage(world, traffic)
  try {
    const sampling = sampleUntil(totalMs, { world, elapsed, samples })
    for (const act of chooseActs(seed)) {
      if (elapsed() >= totalMs) break
      say(`${(elapsed() / 1_000).toFixed(0)} s: ${act.name}`)
      await stage.perform(act)
      await pause(actPauseMs)
    }
    await sampling
    await traffic.stop()
    const curves = judgeAll(samples, warmMs)
    const problems = [...stage.problems, ...problemsOf(traffic), ...curves.flatMap(toProblem)]
    return {
      ...{ minutes, seed, warmMs, counts: traffic.counts, acts: stage.acts, problems, curves, samples },
    }
  } finally {
    await traffic.stop()
    await world.stop()
  }
}

/** Performs acts one at a time and keeps what went wrong in them. */
export function createStage(world: World, traffic: Traffic) {
  const problems: string[] = []
  const acts: Record<string, number> = {}
  let n = 0
  return {
    ...{ problems, acts },
    async perform(act: Act): Promise<void> {
      n += 1
      acts[act.name] = (acts[act.name] ?? 0) + 1
      await within(actLimitMs, act.run({ world, traffic, n })).catch((error: Error) => {
        problems.push(`${act.name}: ${error.message}`)
      })
    },
  }
}

/** At random, the same ones for a seed. */
function* chooseActs(seed: number): Generator<Act> {
  const random = createRandom(seed + 1)
  for (let n = 1; ; n++) {
    if (n % (troubleEvery * deathEvery) === 0) yield workerDeath
    else yield random.pick(n % troubleEvery === 0 ? troubles : changes)
  }
}

async function sampleUntil(
  endMs: number,
  { world, elapsed, samples }: { world: World; elapsed: () => number; samples: Sample[] },
): Promise<void> {
  while (elapsed() < endMs) {
    samples.push(await takeSample(world, Math.round(elapsed())))
    await pause(sampleMs)
  }
}

export function problemsOf({ counts, examples }: Pick<Traffic, 'counts' | 'examples'>): string[] {
  const bad = Object.entries(counts).flatMap(([kind, { lost, wrong }]) =>
    lost + wrong === 0 ? [] : [`${kind}: ${lost} lost, ${wrong} wrong`],
  )
  return [...bad, ...examples]
}

function toProblem({ name, flat, growth, allowed }: JudgedCurve): string[] {
  return flat ? [] : [`${name} grew by ${growth.toFixed(0)}; ${allowed.toFixed(0)} at most`]
}
