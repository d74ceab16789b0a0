// Many requests over many connections at once, and every answer.
import { Agent } from 'node:http'
import { type Answer, type AskOptions, ask } from './ask.ts'

export interface LoadOptions {
  readonly connections: number
  readonly requests: number
  /** The n-th request; told apart by what it returns. */
  readonly make: (n: number) => { readonly path: string } & AskOptions
  /** Keeps its connections open afterwards; whoever gave it destroys it. */
  readonly agent?: Agent
}

/** Answers in the order of the requests. As many are under way at any time as there are connections. */
export async function load(
  port: number,
  { connections, requests, make, agent }: LoadOptions,
): Promise<Answer[]> {
  const own = agent ?? new Agent({ keepAlive: true, maxSockets: connections })
  const answers = new Array<Answer>(requests)
  let next = 0
  const client = async (): Promise<void> => {
    while (next < requests) {
      const n = next++
      const { path, ...options } = make(n)
      answers[n] = await ask(port, path, { ...options, agent: own })
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, client))
  } finally {
    if (agent === undefined) own.destroy()
  }
  return answers
}

/** How often each status came: `{ 200: 100, 429: 300 }`. */
export function countStatuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
