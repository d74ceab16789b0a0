// Clients that go on for as long as the soak does, each at its own pace, and what they met.
import { Agent } from 'node:http'
import { createRandom } from '../support/random.ts'
import { type Kind, type Report, within } from './client.ts'
import { kinds } from './kinds.ts'
import { restlessKinds } from './restless-kinds.ts'
import type { World } from './world.ts'

export interface Count {
  asked: number
  ok: number
  /** While nothing was broken on purpose. */
  lost: number
  /** In trouble that the soak made itself. */
  excused: number
  wrong: number
}

export interface Traffic {
  readonly counts: Readonly<Record<string, Count>>
  /** The first of what was lost or wrong. */
  readonly examples: readonly string[]
  /** Which kinds may fail now: names, or all. Set by faults.ts. */
  excused: ReadonlySet<string> | 'all'
  /** Resolves once every kind was asked so many times more. */
  everyKind(times: number): Promise<void>
  stop(): Promise<void>
}

export const allKinds: readonly Kind[] = [...kinds, ...restlessKinds]
const lottery = allKinds.flatMap((kind) => Array.from({ length: kind.share }, () => kind))
const mostExamples = 20
const hungMs = 60_000

export interface TrafficOptions {
  readonly seed: number
  readonly clients: number
  /** Of each client between two requests. */
  readonly pauseMs: number
}

export function startTraffic(world: World, { seed, clients, pauseMs }: TrafficOptions): Traffic {
  const random = createRandom(seed)
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const counts = Object.fromEntries(allKinds.map(({ name }) => [name, emptyCount()]))
  const examples: string[] = []
  let running = true
  let n = 0

  async function once(kind: Kind): Promise<void> {
    n += 1
    const client = { world, agent, random, n, tenant: random.pick(world.tenants), user: `user-${n}` }
    const count = counts[kind.name] as Count
    const mayFail = () => traffic.excused === 'all' || traffic.excused.has(kind.name)
    const excusedBefore = mayFail()
    count.asked += 1
    const report = await within(hungMs, kind.run(client)).catch((error: Error): Report => {
      return { outcome: 'failed', seen: error.message }
    })
    const excused = excusedBefore || mayFail()
    if (report.outcome === 'ok') count.ok += 1
    else if (report.outcome === 'failed' && excused) count.excused += 1
    else {
      count[report.outcome === 'wrong' ? 'wrong' : 'lost'] += 1
      if (examples.length < mostExamples) examples.push(`${kind.name} of ${client.tenant}: ${report.seen}`)
    }
  }

  async function client(): Promise<void> {
    while (running) {
      await once(random.pick(lottery))
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  const traffic: Traffic = {
    ...{ counts, examples, excused: new Set<string>() },
    async everyKind(times) {
      for (const kind of allKinds) {
        const count = counts[kind.name] as Count
        const wanted = count.asked + times
        while (count.asked < wanted) await once(kind)
      }
    },
    async stop() {
      running = false
      await Promise.all(all)
      agent.destroy()
    },
  }
  const all = Array.from({ length: clients }, client)
  return traffic
}

function emptyCount(): Count {
  return { asked: 0, ok: 0, lost: 0, excused: 0, wrong: 0 }
}
