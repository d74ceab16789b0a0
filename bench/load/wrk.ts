// Load by wrk: N keep-alive connections, each with one request under way at a time.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pinned } from '../process.ts'
import { loadCore } from '../scenario.ts'

export interface WrkLoad {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly seconds: number
  readonly connections?: number
  readonly method?: string
  /** File whose content is the body of every request. */
  readonly bodyFile?: string
  /** File of bearer tokens, one a line; the requests take them in turn, from line `firstToken` on. */
  readonly tokenFile?: string
  readonly firstToken?: number
  /** Pauses between the requests of a connection so that about this many are sent in all; without it, as fast as it goes. */
  readonly perSecond?: number
}

export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  readonly bytes: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers other than 2xx and 3xx, and requests that got none. A figure with any of them is no figure. */
  readonly errors: number
}

export const defaultConnections = 64
const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

export async function runWrk(load: WrkLoad): Promise<WrkResult> {
  const [command, ...args] = [...pinned(loadCore), ...toCommand(load)] as [string, ...string[]]
  const { stdout } = await promisify(execFile)(command, args)
  return parseWrk(stdout)
}

export function toCommand(load: WrkLoad): string[] {
  const { url, seconds, connections = defaultConnections } = load
  const headers = Object.entries(load.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const options = { ...load, connections }
  const named = (
    ['method', 'bodyFile', 'tokenFile', 'firstToken', 'perSecond', 'connections'] as const
  ).flatMap((name) => (options[name] === undefined ? [] : [`${name}=${options[name]}`]))
  const timing = [`-t1`, `-c${connections}`, `-d${seconds}s`, '--timeout', '10s']
  return ['wrk', ...timing, ...headers, '-s', script, url, '--', ...named]
}

/** Reads the line that wrk.lua writes at the end. */
export function parseWrk(text: string): WrkResult {
  const line = text.split('\n').find((one) => one.startsWith('{"requests"'))
  if (line === undefined) throw new Error(`wrk said nothing that can be read:\n${text}`)
  return JSON.parse(line) as WrkResult
}
