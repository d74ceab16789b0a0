// Measures one turn of connections that stay: CPU time of the gateway's processes over what came through them.
import { readCpuUs } from '../measure.ts'
import type { Figures, Turn } from '../scenario.ts'
import { type ClientLoad, runClient } from './client.ts'

export interface ConnectionLoad {
  readonly kind: ClientLoad['kind']
  readonly path: string
  readonly connections: number
}

export async function measureClient(
  { running, seconds }: Turn,
  { kind, path, connections }: ConnectionLoad,
  marks: { readonly onEnd?: () => void } = {},
): Promise<Figures> {
  let before = 0
  let cpuUs = 0
  const url = `${running.origin}${path}`
  const { units, p50Ms, p99Ms, errors } = await runClient(
    { kind, url, headers: running.headers, connections, seconds },
    {
      onReady: () => {
        before = readCpuUs(running.pid)
      },
      onEnd: () => {
        cpuUs = readCpuUs(running.pid) - before
        marks.onEnd?.()
      },
    },
  )
  return { cost: cpuUs / units, perSecond: units / seconds, p50Ms, p99Ms, errors }
}
