// Clients that ask one after another for as long as a test wants, and what they were not given.
import { Agent } from 'node:http'
import { ask } from './ask.ts'
import { waitUntil } from './gateway.ts'

export interface SteadyLoadOptions {
  readonly port: number
  readonly path: string
  readonly host?: string
  readonly clients: number
}

export interface SteadyLoad {
  /** Ends it once so many were answered well, or any was not; resolves with the answers that were not good, by what they were. */
  stop(atLeast: number): Promise<{ readonly bad: Readonly<Record<string, number>> }>
}

export function createSteadyLoad({ port, path, host, clients }: SteadyLoadOptions): SteadyLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const bad: Record<string, number> = {}
  let done = 0
  let running = true
  const count = (what: string): void => {
    bad[what] = (bad[what] ?? 0) + 1
  }
  const client = async (): Promise<void> => {
    while (running) {
      try {
        const { status, text } = await ask(port, path, { agent, ...(host === undefined ? {} : { host }) })
        if (status === 200) done += 1
        else count(`${status} ${/AEGIS_\w+/.exec(text)?.[0] ?? ''}`)
      } catch (error) {
        count((error as Error).message)
      }
    }
  }
  const all = Array.from({ length: clients }, client)
  return {
    async stop(atLeast) {
      await waitUntil(() => done >= atLeast || Object.keys(bad).length > 0)
      running = false
      await Promise.all(all)
      agent.destroy()
      return { bad }
    },
  }
}
