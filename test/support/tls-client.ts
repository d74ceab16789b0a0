// One TLS connection to the gateway: raw bytes in, and what the handshake and the answer were.
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

export interface TlsAnswer {
  /** Subject of the certificate that was shown. */
  readonly shown: string
  readonly protocol: string | null
  readonly alpn: string | false | null
  readonly resumed: boolean
  readonly session: Buffer | undefined
  readonly received: string
}

/** Connects, sends `bytes`, resolves once the gateway closed. Rejects when the handshake fails or the connection breaks. */
export function askOverTls(port: number, bytes: string, options: ConnectionOptions): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    let session: Buffer | undefined
    let received = ''
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...options }, () => socket.write(bytes))
    socket.on('session', (ticket) => {
      session = ticket
    })
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('end', () => {
      const shown = socket.getPeerX509Certificate()?.subject ?? ''
      const resumed = socket.isSessionReused()
      const common = { protocol: socket.getProtocol(), alpn: socket.alpnProtocol }
      socket.destroy()
      if (received === '') reject(new Error('the gateway closed without an answer'))
      else resolve({ shown, resumed, session, received, ...common })
    })
  })
}

export const get = (host: string, headers = ''): string =>
  `GET /open/x HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`

/** The headers that the test upstream saw, out of its answer. */
export function seenBehind(received: string): Record<string, string> {
  const body = received.slice(received.indexOf('\r\n\r\n') + 4)
  return (
    JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)) as {
      headers: Record<string, string>
    }
  ).headers
}
