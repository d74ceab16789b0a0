// WebSockets as raw bytes: a service that keeps what it was sent, a client that keeps what it got, and frames.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { toAccept } from '../../gateway/dataplane/upstream/handshake.ts'
import { waitUntil } from './gateway.ts'

/** One side of a connection and what came from it. */
export interface Side {
  readonly socket: Socket
  /** The head that came first; '' before it did. */
  readonly head: string
  /** Everything behind the head. */
  readonly received: Buffer
  /** The other one closed its side. */
  readonly ended: boolean
  /** Code of the error that ended it, such as ECONNRESET; '' for none. */
  readonly error: string
  readonly closed: boolean
}

export interface TunnelService {
  readonly url: string
  readonly server: Server
  /** One for each connection, in order. */
  readonly sides: Side[]
  /** The newest connection whose request was for this path. */
  find(path: string): Promise<Side>
  close(): Promise<void>
}

class OneSide implements Side {
  readonly socket: Socket
  head = ''
  ended = false
  error = ''
  closed = false
  #chunks: Buffer[] = []

  constructor(socket: Socket, onHead: (side: Side) => void) {
    this.socket = socket
    let first: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      if (this.head !== '') return void this.#chunks.push(chunk)
      first = Buffer.concat([first, chunk])
      const end = first.indexOf('\r\n\r\n')
      if (end < 0) return
      this.head = first.subarray(0, end + 4).toString('latin1')
      if (first.length > end + 4) this.#chunks.push(first.subarray(end + 4))
      onHead(this)
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  get received(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] as Buffer
  }
}

/** `answer` is given each head; without one every handshake is agreed to. */
export async function createTunnelService(
  answer: (side: Side) => void = (side) => void side.socket.write(agreeTo(side.head)),
): Promise<TunnelService> {
  const sides: Side[] = []
  const server = createServer(
    { allowHalfOpen: true },
    (socket) => void sides.push(new OneSide(socket, answer)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    sides,
    find: (path) => waitUntil(() => sides.findLast(({ head }) => pathOf(head) === path)),
    async close() {
      server.close()
      for (const { socket } of sides) socket.destroy()
    },
  }
}

export const pathOf = (head: string): string => head.split(' ')[1] ?? ''

/** The answer that RFC 6455 asks for. */
export function agreeTo(head: string, headers = ''): string {
  const key = /^sec-websocket-key: *(.*)\r$/im.exec(head)?.[1] ?? ''
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${toAccept(key)}\r\n${headers}\r\n`
}

export interface HandshakeOptions {
  readonly host?: string
  readonly token?: string
  /** More header lines, each with its line end. */
  readonly headers?: string
  /** Lines to leave out, by name. */
  readonly without?: string
}

/** A valid handshake, byte for byte. */
export function handshake(path: string, options: HandshakeOptions = {}): string {
  const { host = 'acme.example.com', token, headers = '', without } = options
  const lines = [
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
  ].filter((line) => without === undefined || !line.startsWith(`${without}:`))
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n${headers}\r\n`
}

/** Sends `bytes`; resolves once the head of the answer came. */
export async function openRaw(port: number, bytes: string | Buffer): Promise<Side> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const side = new OneSide(socket, () => {})
  socket.write(bytes)
  await waitUntil(() => side.head !== '' || side.closed)
  return side
}

export const statusOfSide = ({ head }: Side): number => Number(head.split(' ')[1])

/** A frame as RFC 6455 section 5.2 draws it. With a mask it is a client's. */
export function frame(opcode: number, payload: Buffer | string, mask?: Buffer, fin = true): Buffer {
  const body = Buffer.from(payload)
  const length = body.length < 126 ? body.length : body.length < 65_536 ? 126 : 127
  const head = Buffer.alloc(length === 127 ? 10 : length === 126 ? 4 : 2)
  head[0] = (fin ? 0x80 : 0) | opcode
  head[1] = (mask === undefined ? 0 : 0x80) | length
  if (length === 126) head.writeUInt16BE(body.length, 2)
  if (length === 127) head.writeBigUInt64BE(BigInt(body.length), 2)
  if (mask === undefined) return Buffer.concat([head, body])
  return Buffer.concat([head, mask, body.map((byte, i) => byte ^ (mask[i % 4] as number))])
}

/** What a Close frame at the end of `bytes` says: `1008 AEGIS_TOKEN_EXPIRED`; '' when there is none. */
export function closeAtEnd(bytes: Buffer): string {
  for (let at = Math.max(0, bytes.length - 131); at < bytes.length - 3; at++) {
    const masked = ((bytes[at + 1] as number) & 0x80) !== 0
    const size = (bytes[at + 1] as number) & 0x7f
    const start = at + (masked ? 6 : 2)
    if (bytes[at] !== 0x88 || size < 2 || start + size !== bytes.length) continue
    const mask = masked ? bytes.subarray(at + 2, at + 6) : Buffer.alloc(4)
    const body = Buffer.from(bytes.subarray(start)).map((byte, i) => byte ^ (mask[i % 4] as number))
    return `${Buffer.from(body).readUInt16BE()} ${Buffer.from(body).subarray(2).toString('latin1')}`
  }
  return ''
}
