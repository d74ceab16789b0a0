// Load by connections that stay: a client in a process of its own on the load's core (client-process.ts). It says when all
// of its connections are up, so that what is measured is what they do and not how they came.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pinned } from '../process.ts'
import { loadCore } from '../scenario.ts'

export interface ClientLoad {
  readonly kind: 'idle' | 'events' | 'echo'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

export interface ClientResult {
  /** Answers, events or echoes, in the time that was measured. */
  readonly units: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

export interface Marks {
  /** All connections are up. */
  onReady(): void
  /** The time is over; the connections are still there. */
  onEnd(): void
}

const file = fileURLToPath(new URL('client-process.ts', import.meta.url))

export async function runClient(load: ClientLoad, marks: Marks): Promise<ClientResult> {
  const [command = process.execPath, ...args] = [
    ...pinned(loadCore),
    process.execPath,
    file,
    JSON.stringify(load),
  ]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let result: ClientResult | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') marks.onReady()
    else {
      marks.onEnd()
      result = JSON.parse(line) as ClientResult
      child.stdin.end()
    }
  }
  if (result === undefined) throw new Error(`the load of ${load.kind} ended without a result`)
  return result
}
