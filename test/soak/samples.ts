// What the gateway holds, read from outside while the soak runs: its own metrics and status, and the kernel's view. Linux.
import { readdir, readlink } from 'node:fs/promises'
import type { GatewayStatus } from '../../gateway/contract/control-api.ts'
import { parseMetrics } from '../support/exposition.ts'
import { statusOf, type World } from './world.ts'

export interface Sample {
  readonly atMs: number
  /** By the names of curves.ts. */
  readonly values: Readonly<Record<string, number>>
}

export async function takeSample(world: World, atMs: number): Promise<Sample> {
  const metrics = parseMetrics(await readMetrics(world))
  const status: GatewayStatus = await statusOf(world)
  return {
    atMs,
    values: {
      ...ofProcess(metrics),
      series: metrics.size,
      sockets: await countSockets(world.gateway.process.pid ?? 0),
      'main sockets': status.handles.socket,
      'main timers': status.handles.timer,
      'main other handles': status.handles.other,
      ...Object.assign({}, ...status.workers.map((worker) => ofWorker(worker, metrics))),
    },
  }
}

export async function readMetrics({ gateway }: World): Promise<string> {
  const headers = { authorization: `Bearer ${gateway.adminToken}` }
  return (await fetch(`${gateway.adminUrl}/metrics`, { headers })).text()
}

function ofProcess(metrics: ReadonlyMap<string, number>): Record<string, number> {
  const read = (name: string) => metrics.get(name) ?? Number.NaN
  return {
    rss: read('process_resident_memory_bytes'),
    'main heap': read('process_heap_bytes'),
    fds: read('process_open_fds'),
  }
}

function ofWorker(
  { index, heapUsedBytes, externalBytes, handles }: GatewayStatus['workers'][0],
  metrics: ReadonlyMap<string, number>,
): Record<string, number> {
  const lag = metrics.get(`aegis_worker_event_loop_lag_seconds{worker="${index}"}`)
  return {
    [`worker ${index} heap`]: heapUsedBytes,
    [`worker ${index} buffers`]: externalBytes,
    [`worker ${index} sockets`]: handles.socket,
    [`worker ${index} timers`]: handles.timer,
    [`worker ${index} other handles`]: handles.other,
    // One that was born since has none yet.
    ...(lag === undefined ? {} : { [`worker ${index} lag`]: lag * 1_000 }),
  }
}

async function countSockets(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const links = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link.startsWith('socket:')).length
}
