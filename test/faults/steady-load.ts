// A steady load whose every answer is judged.
import { Agent } from 'node:http'
import { ask } from '../support/ask.ts'
import { hungMs, type Kind, type Phase, type Scene } from './fault.ts'

export interface SteadyLoad {
  phase: Phase
  readonly counts: { requests: number; lost: number; wrong: number; hung: number; slowestMs: number }
  /** What was lost or wrong first, a few of each. */
  readonly examples: readonly string[]
  /** Resolves after so many answers more. */
  answers(count: number): Promise<void>
  stop(): Promise<void>
}

const clientsPerGateway = 6
/** Of each client, so that the load is the same whatever the answers cost. */
const pauseMs = 4
const mostExamples = 8

export function startLoad({ gateways, kinds }: Scene): SteadyLoad {
  const agent = new Agent({ keepAlive: true })
  const examples: string[] = []
  const waiting = new Set<{ at: number; resolve: () => void }>()
  let running = true
  const load = {
    phase: 'before' as Phase,
    counts: { requests: 0, lost: 0, wrong: 0, hung: 0, slowestMs: 0 },
    examples,
    answers: (count: number) =>
      new Promise<void>((resolve) => waiting.add({ at: load.counts.requests + count, resolve })),
    async stop() {
      running = false
      await Promise.all(clients)
      agent.destroy()
    },
  }

  async function one(kind: Kind, port: number, n: number): Promise<void> {
    const { phase, counts } = load
    const { path, ...options } = kind.make(n)
    const began = performance.now()
    let said = ''
    const verdict = await ask(port, path, { ...options, agent }).then(
      (answer) => {
        said = `${answer.status} ${answer.text.slice(0, 200)}`
        return kind.judge(answer, phase)
      },
      (error: Error) => {
        said = error.message
        return 'lost' as const
      },
    )
    const tookMs = performance.now() - began
    counts.requests += 1
    counts.slowestMs = Math.max(counts.slowestMs, Math.round(tookMs))
    if (tookMs > hungMs) counts.hung += 1
    if (verdict !== 'ok') {
      counts[verdict] += 1
      if (examples.length < mostExamples) examples.push(`${kind.name}, ${phase}: ${verdict}: ${said}`)
    }
    for (const waiter of waiting) if (counts.requests >= waiter.at && waiting.delete(waiter)) waiter.resolve()
  }

  async function client(index: number): Promise<void> {
    const { port } = gateways[index % gateways.length] as (typeof gateways)[0]
    for (let n = index; running; n += gateways.length * clientsPerGateway) {
      await one(kinds[Math.floor(n / gateways.length) % kinds.length] as Kind, port, n)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  const clients = Array.from({ length: gateways.length * clientsPerGateway }, (_, index) => client(index))
  return load
}
