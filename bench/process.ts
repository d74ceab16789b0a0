// Starts the processes of a bench, waits until they answer, and ends them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { request } from 'undici'

export interface Started {
  readonly pid: number
  stop(): Promise<void>
}

export interface StartOptions {
  readonly args: readonly string[]
  /** Address that answers 200 once the process is up. */
  readonly readyUrl: string
  /** Core it is tied to, where taskset and a second core exist. */
  readonly core: number
  readonly env?: Readonly<Record<string, string>>
}

const startDeadlineMs = 20_000

export async function startNode(options: StartOptions): Promise<Started> {
  const command = [...pinned(options.core), process.execPath, ...options.args]
  const child = spawn(command[0] as string, command.slice(1), {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaints = ''
  child.stderr?.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-4000)
  })
  try {
    await untilReady(child, options.readyUrl)
  } catch (error) {
    await end(child)
    throw new Error(`${options.args.join(' ')}: ${(error as Error).message}\n${complaints}`)
  }
  return { pid: child.pid as number, stop: () => end(child) }
}

/** taskset becomes the program it starts, so that the pid is the program's own. */
export function pinned(core: number): string[] {
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

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + startDeadlineMs
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    const status = await request(url).then(
      async ({ statusCode, body }) => body.dump().then(() => statusCode),
      () => 0,
    )
    if (status === 200) return
    await wait(50)
  }
  throw new Error(`gave no 200 at ${url} within ${startDeadlineMs} ms`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(force)
}
