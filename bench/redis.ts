// A Redis for one gateway of the bench, on the core of the load: its CPU time is not the gateway's.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, pinned } from './process.ts'
import { loadCore } from './scenario.ts'

export interface BenchRedis {
  readonly url: string
  stop(): Promise<void>
}

const startDeadlineMs = 5_000

export async function startRedis(directory: string): Promise<BenchRedis> {
  const port = await freePort()
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
  const [command, ...args] = [...pinned(loadCore), 'redis-server', ...settings] as [string, ...string[]]
  const child = spawn(command, args, { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const deadline = Date.now() + startDeadlineMs
  while (!(await answers(port))) {
    if (Date.now() > deadline) throw new Error('redis-server does not answer: node bench/prepare.ts')
    await wait(20)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
