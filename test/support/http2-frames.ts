// HTTP/2 by hand: frames and header blocks with any bytes at all, for what HTTP/2 clients refuse to send.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HpackDecoder } from '../../gateway/dataplane/http2/hpack-decoder.ts'
import { waitUntil } from './gateway.ts'

export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
}
export const endStream = 1
export const endHeaders = 4
export const ack = 1
const frameBytes = 16_384

export type Field = readonly [name: string, value: string]

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export function toFrame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, body])
}

/** Each field as a literal that nobody indexes, its bytes as they are (RFC 7541 section 6.2.3). */
export function toBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0x10]), toText(name), toText(value)]))
}

function toText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([toInteger(bytes.length, 7, 0), bytes])
}

/** RFC 7541 section 5.1. */
export function toInteger(value: number, prefixBits: number, pattern: number): Buffer {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.from([pattern | value])
  const bytes = [pattern | most]
  let left = value - most
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  return Buffer.from([...bytes, left])
}

/** In as many frames as it takes. */
export function toHeaders(id: number, fields: readonly Field[], flags = endStream | endHeaders): Buffer {
  const block = toBlock(fields)
  if (block.length <= frameBytes) return toFrame(types.headers, flags, id, block)
  const frames = [toFrame(types.headers, flags & ~endHeaders, id, block.subarray(0, frameBytes))]
  for (let at = frameBytes; at < block.length; at += frameBytes) {
    const last = at + frameBytes >= block.length ? flags & endHeaders : 0
    frames.push(toFrame(types.continuation, last, id, block.subarray(at, at + frameBytes)))
  }
  return Buffer.concat(frames)
}

export function toUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function request(over: Partial<Record<string, string>> = {}, more: readonly Field[] = []): Field[] {
  const pseudo = {
    ':method': 'GET',
    ':scheme': 'http',
    ':path': '/open/x',
    ':authority': 'acme.example.com',
    ...over,
  }
  return [...(Object.entries(pseudo) as Field[]), ...more]
}

export interface Answer {
  /** 0 before there is one. */
  status: number
  interim: number[]
  headers: Field[]
  trailers: Field[]
  body: string
  /** END_STREAM came. */
  ended: boolean
  /** Code of RST_STREAM; -1 for none. */
  reset: number
}

export interface Http2Client {
  readonly socket: Socket
  readonly frames: Frame[]
  /** False: no WINDOW_UPDATE is sent for what comes. */
  taking: boolean
  send(...frames: (Buffer | string)[]): void
  answer(id: number): Answer
  /** Resolves once the stream ended, in whatever way. */
  answered(id: number): Promise<Answer>
  /** Code of the last GOAWAY; -1 for none. */
  goneAway(): number
  closed(): boolean
  close(): void
}

export interface ClientOptions {
  /** A socket over which it is spoken; else one to `port`. */
  readonly socket?: Socket
  /** Default: the preface and empty SETTINGS. */
  readonly first?: Buffer | string
}

/** Reads all that comes, acknowledges SETTINGS and PING. */
export async function createHttp2Client(port: number, options: ClientOptions = {}): Promise<Http2Client> {
  const socket = options.socket ?? connect(port, '127.0.0.1')
  const client = new RawClient(socket)
  if (options.socket === undefined) await once(socket, 'connect')
  client.send(...(options.first === undefined ? [preface, toFrame(types.settings, 0, 0)] : [options.first]))
  return client
}

class RawClient implements Http2Client {
  readonly socket: Socket
  readonly frames: Frame[] = []
  taking = true
  readonly #decoder = new HpackDecoder()
  readonly #answers = new Map<number, Answer>()
  #unread: Buffer = Buffer.alloc(0)
  /** A header block that is not whole yet. */
  #block: Buffer = Buffer.alloc(0)
  #goneAway = -1
  #closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.#closed = true
      })
  }

  send(...frames: (Buffer | string)[]): void {
    if (this.socket.destroyed) return
    this.socket.write(
      Buffer.concat(frames.map((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : one))),
    )
  }

  answer(id: number): Answer {
    const known = this.#answers.get(id)
    if (known !== undefined) return known
    const answer = { status: 0, interim: [], headers: [], trailers: [], body: '', ended: false, reset: -1 }
    this.#answers.set(id, answer)
    return answer
  }

  async answered(id: number): Promise<Answer> {
    const answer = this.answer(id)
    await waitUntil(() => answer.ended || answer.reset >= 0 || this.#closed)
    return answer
  }

  goneAway(): number {
    return this.#goneAway
  }

  closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#unread, chunk])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3)
      const [type, flags] = [bytes[3] as number, bytes[4] as number]
      this.#onFrame({ type, flags, id: bytes.readUInt32BE(5), payload: bytes.subarray(9, end) })
      bytes = bytes.subarray(end)
    }
    this.#unread = bytes
  }

  #onFrame(frame: Frame): void {
    const { type, flags, id, payload } = frame
    this.frames.push(frame)
    if (type === types.settings && flags === 0) this.send(toFrame(types.settings, ack, 0))
    if (type === types.ping && flags === 0) this.send(toFrame(types.ping, ack, 0, payload))
    if (type === types.goAway) this.#goneAway = payload.readUInt32BE(4)
    if (type === types.rst) this.answer(id).reset = payload.readUInt32BE(0)
    if (type === types.headers || type === types.continuation) {
      this.#block = Buffer.concat([this.#block, payload])
      if (flags & endHeaders) this.#onHeaders(this.answer(id))
    }
    if (type === types.data) this.#onData(this.answer(id), frame)
    if ((type === types.data || type === types.headers) && flags & endStream) this.answer(id).ended = true
  }

  #onHeaders(answer: Answer): void {
    const fields: Field[] = []
    const block = this.#block
    this.#block = Buffer.alloc(0)
    this.#decoder.decode(block, (name, value) => fields.push([name, value]))
    const status = Number(fields.find(([name]) => name === ':status')?.[1] ?? 0)
    if (status >= 200) Object.assign(answer, { status, headers: fields })
    else if (status > 0) answer.interim.push(status)
    else answer.trailers = fields
  }

  #onData(answer: Answer, { id, payload }: Frame): void {
    answer.body += payload.toString('latin1')
    if (!this.taking || payload.length === 0) return
    const room = toUint32(payload.length)
    this.send(toFrame(types.window, 0, 0, room), toFrame(types.window, 0, id, room))
  }
}

export function findAnswer(answer: Answer, name: string): string[] {
  return answer.headers.filter(([known]) => known === name).map(([, value]) => value)
}
