// A server of HTTP/2 frames by hand, for what no library sends. It reads frames, not header blocks: what it does depends on
// the order in which streams come.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

export const types = {
  data: 0,
  headers: 1,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const
export const endStream = 1
export const endHeaders = 4
const prefaceBytes = 24

export function frame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, body])
}

/** Fields as HPACK literals that are never indexed, without Huffman coding: any bytes at all. */
export function block(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0x10]), literal(name), literal(value)]),
  )
}

/** RFC 7541 section 5.1, with a prefix of 7 bits. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i)
  return bytes
}

export function headers(
  id: number,
  flags: number,
  ...fields: readonly (readonly [string, string])[]
): Buffer {
  return frame(types.headers, endHeaders | flags, id, block(...fields))
}

export const status = (code: number | string) => [':status', String(code)] as const
export const whole = (id: number, body: string): Buffer =>
  Buffer.concat([headers(id, 0, status(200)), frame(types.data, endStream, id, body)])
export const goAway = (lastId: number, code: number): Buffer =>
  frame(types.goAway, 0, 0, uint32(lastId, code))
export const reset = (id: number, code: number): Buffer => frame(types.rst, 0, id, uint32(code))

export interface SeenFrame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export type Serve = (connection: RawConnection, id: number, nth: number) => void

export class RawConnection {
  readonly socket: Socket
  readonly frames: SeenFrame[] = []
  onFrame: () => void = () => {}
  #bytes: Buffer = Buffer.alloc(0)
  #greeted = false

  constructor(socket: Socket, onFrame: (connection: RawConnection, seen: SeenFrame) => void) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      for (let seen = this.#next(); seen !== null; seen = this.#next()) {
        this.frames.push(seen)
        onFrame(this, seen)
        this.onFrame()
      }
    })
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames))
  }

  /** True once the client reset that stream, or closed. */
  isOver(id: number): boolean {
    return this.socket.destroyed || this.frames.some((seen) => seen.type === types.rst && seen.id === id)
  }

  #next(): SeenFrame | null {
    if (!this.#greeted) {
      if (this.#bytes.length < prefaceBytes) return null
      this.#greeted = true
      this.#bytes = this.#bytes.subarray(prefaceBytes)
    }
    if (this.#bytes.length < 9) return null
    const length = this.#bytes.readUIntBE(0, 3)
    if (this.#bytes.length < 9 + length) return null
    const seen = {
      type: this.#bytes[3] as number,
      flags: this.#bytes[4] as number,
      id: this.#bytes.readUInt32BE(5),
      payload: this.#bytes.subarray(9, 9 + length),
    }
    this.#bytes = this.#bytes.subarray(9 + length)
    return seen
  }
}

/** Sends its SETTINGS, acknowledges the client's, and calls `serve` with each stream's head: the nth of all connections. */
export class RawUpstream {
  readonly server: Server
  readonly connections: RawConnection[] = []
  serve: Serve
  heads = 0

  constructor(serve: Serve, settings: Buffer = frame(types.settings, 0, 0)) {
    this.serve = serve
    this.server = createServer((socket) => {
      const connection = new RawConnection(socket, (from, { type, flags, id }) => {
        if (type === types.settings && (flags & 1) === 0) from.send(frame(types.settings, 1, 0))
        if (type === types.headers) this.serve(from, id, this.heads++)
      })
      this.connections.push(connection)
      connection.send(settings)
    })
  }

  async listen(): Promise<string> {
    if (!this.server.listening) {
      this.server.listen(0, '127.0.0.1')
      await once(this.server, 'listening')
    }
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  get open(): RawConnection[] {
    return this.connections.filter(({ socket }) => !socket.destroyed)
  }

  close(): void {
    this.server.close()
    for (const { socket } of this.connections) socket.destroy()
  }
}
