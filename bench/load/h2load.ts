// Load by h2load: HTTP/2 by prior knowledge, some connections with some requests under way on each.
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readCpuUs } from '../measure.ts'
import { pinned } from '../process.ts'
import { type Figures, loadCore, type Turn } from '../scenario.ts'
import { paths } from '../upstream.ts'

const connections = 8
const requestsAtOnce = 8

/** CPU time of the gateway's processes over the requests that it served. */
export async function measureHttp2({ running, seconds, directory }: Turn): Promise<Figures> {
  const logFile = join(directory, 'h2load.log')
  const before = readCpuUs(running.pid)
  // It appends to its log.
  await rm(logFile, { force: true })
  const url = `${running.origin}${paths.small}`
  const headers = Object.entries(running.headers).flatMap(([name, value]) => ['-H', toHeader(name, value)])
  const shape = [`-c${connections}`, `-m${requestsAtOnce}`, `-D${seconds}`, '-t1', `--log-file=${logFile}`]
  const command: string[] = [...pinned(loadCore), 'h2load', ...shape, ...headers, url]
  await promisify(execFile)(command[0] as string, command.slice(1))
  const cpuUs = readCpuUs(running.pid) - before
  return toFigures(await readFile(logFile, 'utf8'), cpuUs, seconds)
}

/** h2load sends a header called Host beside the authority, which then say different things. */
const toHeader = (name: string, value: string): string =>
  `${name.toLowerCase() === 'host' ? ':authority' : name}: ${value}`

/** Reads its log: start in microseconds, status (-1: none), duration in microseconds; one request a line. */
export function toFigures(log: string, cpuUs: number, seconds: number): Figures {
  const lines = log.split('\n').filter((line) => line !== '')
  const served = lines.map((line) => line.split('\t').map(Number) as [number, number, number])
  const durations = served.map(([, , us]) => us).toSorted((a, b) => a - b)
  const at = (share: number) => (durations[Math.floor(durations.length * share)] ?? 0) / 1_000
  const errors = served.filter(([, status]) => !(status >= 200 && status < 400)).length
  return {
    cost: cpuUs / served.length,
    perSecond: served.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: served.length === 0 ? 1 : errors,
  }
}
