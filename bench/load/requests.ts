// Measures the requests of one turn: CPU time of the gateway's processes over the requests that it served.
import { readCpuUs } from '../measure.ts'
import type { Figures, Turn } from '../scenario.ts'
import { runWrk, type WrkLoad, type WrkResult } from './wrk.ts'

export interface RequestLoad extends Omit<WrkLoad, 'url' | 'headers' | 'seconds'> {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** What the CPU time is divided by; the requests when left out. */
  readonly units?: (result: WrkResult) => number
}

/** Where a turn begins in the list: not with the tokens that the turn before has just used. */
const tokensPerTurn = 1511

export async function measureRequests(
  { running, seconds, number }: Turn,
  load: RequestLoad,
): Promise<Figures> {
  const { path, headers, units = ({ requests }) => requests, ...rest } = load
  const before = readCpuUs(running.pid)
  const url = `${running.origin}${path}`
  const result = await runWrk({
    ...rest,
    ...(running.tokenFile === undefined
      ? {}
      : { tokenFile: running.tokenFile, firstToken: number * tokensPerTurn }),
    url,
    headers: { ...running.headers, ...headers },
    seconds,
  })
  const cpuUs = readCpuUs(running.pid) - before
  return {
    cost: cpuUs / units(result),
    perSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    errors: result.requests === 0 ? 1 : result.errors,
  }
}
