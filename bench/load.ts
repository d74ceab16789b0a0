// Makes load over keep-alive connections: wrk where it is installed, else load-process.ts.
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pinned } from './process.ts'

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
  readonly core: number
}

export interface LoadResult {
  readonly requests: number
  /** Answers other than 2xx, and requests that got none. A figure with any of them is no figure. */
  readonly failures: number
}

export const hasWrk = (): boolean => spawnSync('wrk', ['--version']).error === undefined

export async function makeLoad(load: Load, wrk: boolean): Promise<LoadResult> {
  const own = [
    process.execPath,
    fileURLToPath(new URL('load-process.ts', import.meta.url)),
    JSON.stringify(load),
  ]
  const [command, ...args] = [...pinned(load.core), ...(wrk ? wrkCommand(load) : own)] as [
    string,
    ...string[],
  ]
  const { stdout } = await promisify(execFile)(command, args)
  return wrk ? parseWrk(stdout) : (JSON.parse(stdout) as LoadResult)
}

function wrkCommand({ url, headers, connections, seconds }: Load): string[] {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  return ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, ...lines, url]
}

function parseWrk(text: string): LoadResult {
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)
  const lost = (broken ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0)
  return { requests, failures: refused + lost }
}
