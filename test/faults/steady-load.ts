// A steady load whose every answer is judged.
import { Agent } from 'node:http'
import { type Answer, type AskError, ask } from '../support/ask.ts'
import type { TestGateway } from '../support/gateway.ts'
import { type Asked, hungMs, type Kind, type Phase, type Scene, type Verdict } from './fault.ts'

/** What of a scene the load needs. */
export interface LoadedScene extends Pick<Scene, 'kinds' | 'failover'> {
  readonly gateways: readonly Pick<TestGateway, 'port'>[]
}

export interface SteadyLoad {
  phase: Phase
  readonly counts: { requests: number; lost: number; wrong: number; hung: number; slowestMs: number }
  /** What was lost or wrong first, a few of each. */
  readonly examples: readonly string[]
  /** Resolves after so many answers more, or when no end of one comes at all: the row has failed then. */
  answers(count: number): Promise<void>
  stop(): Promise<void>
}

const clientsPerGateway = 6
/** Of each client, so that the load is the same whatever the answers cost. */
const pauseMs = 4
/** Many times what is called hung. What has not ended by then never would. */
const patienceMs = 30_000
const mostExamples = 8

export function startLoad(scene: LoadedScene, deadlineMs = patienceMs): SteadyLoad {
  const { gateways, kinds, failover = false } = scene
  const examples: string[] = []
  const waiting = new Set<{ at: number; resolve: () => void }>()
  let running = true
  let overdue = false
  const load = {
    phase: 'before' as Phase,
    counts: { requests: 0, lost: 0, wrong: 0, hung: 0, slowestMs: 0 },
    examples,
    answers: (count: number) =>
      new Promise<void>((resolve) => {
        if (overdue) resolve()
        else waiting.add({ at: load.counts.requests + count, resolve })
      }),
    async stop() {
      running = false
      await Promise.all(clients)
    },
  }

  async function one(kind: Kind, n: number, from: Client): Promise<void> {
    const { counts } = load
    const asked: Asked = { phase: load.phase, beganMs: performance.now(), client: from.index }
    const { verdict, said, late = false } = await judged(kind, n, asked, from)
    const tookMs = performance.now() - asked.beganMs
    counts.requests += 1
    counts.slowestMs = Math.max(counts.slowestMs, Math.round(tookMs))
    overdue ||= late
    if (tookMs > hungMs || late) counts.hung += 1
    if (verdict !== 'ok') {
      counts[verdict] += 1
      if (examples.length < mostExamples) examples.push(`${kind.name}, ${asked.phase}: ${verdict}: ${said}`)
    }
    for (const waiter of waiting)
      if ((overdue || counts.requests >= waiter.at) && waiting.delete(waiter)) waiter.resolve()
  }

  async function client(index: number): Promise<void> {
    const all = gateways.map(({ port }) => port)
    const at = index % all.length
    const ports = failover ? [...all.slice(at), ...all.slice(0, at)] : [all[at] as number]
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let n = index; running; n += gateways.length * clientsPerGateway) {
      await one(kinds[Math.floor(n / gateways.length) % kinds.length] as Kind, n, {
        ...{ index, ports, agent, deadlineMs },
      })
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    agent.destroy()
  }

  const clients = Array.from({ length: gateways.length * clientsPerGateway }, (_, index) => client(index))
  return load
}

interface Client {
  readonly index: number
  /** Where it asks; the first one that listens. */
  readonly ports: readonly number[]
  readonly agent: Agent
  readonly deadlineMs: number
}

interface Judged {
  readonly verdict: Verdict
  readonly said: string
  /** It did not end by its deadline, which no fault excuses. */
  readonly late?: boolean
}

async function judged(kind: Kind, n: number, asked: Asked, from: Client): Promise<Judged> {
  try {
    const answer = await deliver(kind, n, from)
    const said = `${answer.status} ${answer.text.slice(0, 200)}`
    return { verdict: kind.judge(answer, asked.phase, asked), said }
  } catch (error) {
    const { code, message: said } = error as AskError
    const verdict = kind.judgeFailure?.(error as AskError, asked) ?? 'lost'
    return code === 'OVERDUE' ? { verdict: 'lost', said, late: true } : { verdict, said }
  }
}

async function deliver(kind: Kind, n: number, { ports, agent, deadlineMs }: Client): Promise<Answer> {
  const { path, ...options } = kind.make(n)
  const send = (port: number) => ask(port, path, { ...options, agent, deadlineMs })
  if (ports.length === 1) return send(ports[0] as number)
  let failure: unknown
  for (const port of ports) {
    try {
      return await send(port).catch((error: AskError) => {
        if (error.onKept === true && wasClosed(error)) return send(port)
        throw error
      })
    } catch (error) {
      if ((error as AskError).code !== 'ECONNREFUSED') throw error
      failure = error
    }
  }
  throw failure
}

/** Before a byte of the answer came. */
function wasClosed({ code, message }: AskError): boolean {
  return code === 'EPIPE' || (code === 'ECONNRESET' && message !== 'aborted')
}
