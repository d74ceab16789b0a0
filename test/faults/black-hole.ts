// A port that swallows every attempt to connect, as a machine does that is gone from the network: somebody listens who
// never accepts, and the queue before them is full.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface BlackHole {
  close(): Promise<void>
}

/** Its event loop stands still from the moment it listens. */
const deaf = `
const server = require('node:net').createServer()
const listen = () => server.listen({ port: Number(process.argv[1]), host: '127.0.0.1', backlog: 1 })
server.on('error', () => setTimeout(listen, 20))
server.on('listening', () => {
  require('node:fs').writeSync(1, 'listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
listen()
`
const silenceMs = 300

export async function openBlackHole(port: number): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', deaf, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const reap = (): void => void child.kill('SIGKILL')
  process.once('exit', reap)
  await once(child.stdout, 'data')
  const queue: Socket[] = []
  while (await isTaken(port, queue));
  return { close: () => close(child, queue, reap) }
}

/** Whether the kernel still completes a connection. */
async function isTaken(port: number, queue: Socket[]): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  queue.push(socket)
  socket.on('error', () => {})
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), silenceMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

async function close(child: ChildProcess, queue: readonly Socket[], reap: () => void): Promise<void> {
  for (const socket of queue) socket.destroy()
  process.off('exit', reap)
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
