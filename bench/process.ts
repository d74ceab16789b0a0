// Starts the processes of a bench, waits until they answer, and ends them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { request } from 'undici'

export interface Started {
  readonly pid: number
  stop(): Promise<void>
}

export interface Program {
  readonly command: readonly string[]
  /** Address that answers 2xx once the process is up. */
  readonly readyUrl: string
  /** Host header of that question, where the address will not do. */
  readonly readyHost?: string
  /** Core it is tied to, where taskset and a second core exist; several for a program with several workers. */
  readonly core: number | readonly number[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** File that gets its standard output; without one it is thrown away. */
  readonly stdoutFile?: string
}

const startDeadlineMs = 20_000

export async function startProgram(program: Program): Promise<Started> {
  const [command, ...args] = [...pinned(program.core), ...program.command] as [string, ...string[]]
  const stdout = program.stdoutFile === undefined ? 'ignore' : openSync(program.stdoutFile, 'w')
  const child = spawn(command, args, {
    cwd: program.cwd,
    env: { ...process.env, ...program.env },
    stdio: ['ignore', stdout, 'pipe'],
  })
  if (typeof stdout === 'number') closeSync(stdout)
  let complaints = ''
  child.stderr?.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-4000)
  })
  child.on('error', (error) => {
    complaints += error.message
  })
  try {
    await untilReady(child, program)
  } catch (error) {
    await end(child)
    throw new Error(`${program.command.join(' ')}: ${(error as Error).message}\n${complaints}`)
  }
  return { pid: child.pid as number, stop: () => end(child) }
}

/** taskset becomes the program it starts, so that the pid is the program's own. */
export function pinned(core: number | readonly number[]): string[] {
  if (availableParallelism() < 2 || spawnSync('taskset', ['--version']).status !== 0) return []
  return ['taskset', '-c', String(core)]
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilReady(child: ChildProcess, { readyUrl, readyHost }: Program): Promise<void> {
  const deadline = Date.now() + startDeadlineMs
  const headers = readyHost === undefined ? {} : { host: readyHost }
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    if (child.pid === undefined) throw new Error('is not installed: node bench/prepare.ts')
    const status = await request(readyUrl, { headers }).then(
      async ({ statusCode, body }) => body.dump().then(() => statusCode),
      () => 0,
    )
    if (status >= 200 && status <= 299) return
    await wait(50)
  }
  throw new Error(`gave no 2xx at ${readyUrl} within ${startDeadlineMs} ms`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(force)
}
