// A real Redis for tests: its own process, folder and free port; stopped by its process id.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface RedisOptions {
  /** Further settings, as on the command line: `['--maxmemory', '1mb']`. */
  readonly settings?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
  /** Lines that say that it serves; default: that of a server. */
  readonly readyLine?: RegExp
  readonly program?: readonly string[]
  /** TLS only: the plain port is then 0. */
  readonly tls?: boolean
  /** The folder of an earlier one, to start from what that has saved; default: a new one. */
  readonly dir?: string
}

export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly dir: string
  readonly process: ChildProcess
  /** Sends one command over a connection of its own and resolves with the raw first line of the answer. */
  say(...command: string[]): Promise<string>
  /** SIGKILL, and waits. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

const ready = /Ready to accept connections/

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort())
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'aegis-redis-')))
  const [program = 'redis-server', ...first] = options.program ?? ['redis-server']
  const listening = options.tls === true ? ['--port', '0', '--tls-port', `${port}`] : ['--port', `${port}`]
  const args = [
    ...first,
    ...listening,
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const child = spawn(program, [...args, ...(options.settings ?? [])], { stdio: ['ignore', 'pipe', 'pipe'] })
  const reap = (): void => void child.kill('SIGKILL')
  process.once('exit', reap)
  child.once('exit', () => process.off('exit', reap))
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  try {
    await readLine(child, options.readyLine ?? ready)
  } catch (error) {
    await kill()
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  return {
    ...{ port, dir, process: child, kill },
    url: `redis://127.0.0.1:${port}`,
    say: (...command) => say(port, command),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Found by the kernel, so that it is free now; a test that loses the race for it fails to start its Redis. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function readLine(child: ChildProcess, wanted: RegExp): Promise<void> {
  const lines: string[] = []
  const out = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  child.on('error', (error) => {
    lines.push(`${error.message}: run node test/services/prepare.ts`)
    out.close()
  })
  for await (const line of out) {
    if (wanted.test(line)) {
      // What follows is of no interest, but a full pipe would stop the process.
      child.stdout?.resume()
      child.stderr?.resume()
      return
    }
    lines.push(line)
  }
  throw new Error(`Redis ended before it was ready:\n${lines.join('\n')}`)
}

function say(port: number, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
    socket.write(`*${command.length}\r\n${parts.join('')}`)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const end = text.indexOf('\r\n')
      if (end < 0) return
      socket.destroy()
      const line = text.slice(0, end)
      if (line.startsWith('-')) reject(new Error(line.slice(1)))
      else resolve(line)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('Redis closed the connection without an answer')))
  })
}
