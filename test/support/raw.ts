// Raw bytes to a socket, raw bytes back: for what HTTP clients refuse to send.
import { connect } from 'node:net'

/** Sends `bytes` and resolves with all that came back once the peer closed or `quietMs` passed without a byte. `from`: the client's address, of loopback. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  quietMs = 300,
  from = '127.0.0.1',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    let received = ''
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A peer that refuses may reset while it still has bytes of ours unread.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('close', () => resolve(received))
  })
}

/** Status of the first response in raw bytes; 0 when there is none. */
export function statusOf(received: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)
}
