// A server behind the gateway that keeps the bytes it got, and answers with bytes that a test gives: what a parser would hide.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export interface RawRequest {
  /** Request line and header lines, latin1, without the empty line. */
  readonly head: string
  /** As far as Content-Length says. */
  readonly body: string
}

export interface RawUpstream {
  /** Origin. */
  readonly url: string
  readonly port: number
  readonly requests: RawRequest[]
  /** By path; others get 200 with a short body. */
  readonly answers: Map<string, string>
  close(): Promise<void>
}

const usual = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export async function createRawUpstream(tls?: { cert: string; key: string }): Promise<RawUpstream> {
  const requests: RawRequest[] = []
  const answers = new Map<string, string>()
  const sockets = new Set<Socket>()
  const serve = (socket: Socket): void => {
    let received = ''
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      for (let one = takeRequest(received); one !== null; one = takeRequest(received)) {
        received = received.slice(one.head.length + 4 + one.body.length)
        requests.push(one)
        const path = one.head.split(' ', 2)[1] as string
        socket.write(answers.get(path) ?? usual, 'latin1')
      }
    })
  }
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ...{ port, requests, answers, url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}` },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function takeRequest(text: string): RawRequest | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = text.slice(0, end)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  const body = text.slice(end + 4, end + 4 + length)
  return body.length < length ? null : { head, body }
}

/** Values of a header in a raw head, in order. */
export function valuesOf(head: string, name: string): string[] {
  return head
    .split('\r\n')
    .slice(1)
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim())
}
