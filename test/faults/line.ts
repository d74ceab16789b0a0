// A line to a server that can be slow, silent or cut, as networks are: a TCP proxy on a port of its own.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Line {
  readonly port: number
  /** Every byte, both ways, from now on comes so much later. */
  delayMs: number
  /** Bytes vanish, connections stay: a network that lost its route. */
  silent: boolean
  close(): Promise<void>
}

export async function createLine(toPort: number): Promise<Line> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(toPort, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => pass(line, to, chunk))
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const line: Line = {
    ...{ port, delayMs: 0, silent: false },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
  return line
}

function pass(line: Line, to: Socket, chunk: Buffer): void {
  if (line.silent) return
  if (line.delayMs === 0) to.write(chunk)
  else setTimeout(() => to.writable && to.write(chunk), line.delayMs)
}
