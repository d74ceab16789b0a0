// GET /echo: a WebSocket that sends back what it gets (RFC 6455). Frames are echoed one by one, so that a message of
// any length needs no more memory than its largest frame.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const frameLimitBytes = 1_048_576
const binary = 2
const close = 8
const ping = 9
const pong = 10

interface Frame {
  readonly final: boolean
  readonly opcode: number
  readonly payload: Buffer
  /** Bytes of the whole frame. */
  readonly length: number
}

/** Answers the handshake, or refuses it. */
export function openEcho(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy())
  const key = request.headers['sec-websocket-key'] ?? ''
  const refusal = findRefusal(request, key)
  if (refusal !== null) {
    refuse(socket, refusal)
    return
  }
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  echoFrames(socket, head)
}

/** Section 4.2.1: the version is 13, the key 16 bytes in base64. */
function findRefusal(request: IncomingMessage, key: string): 400 | 404 | 426 | null {
  const path = (request.url ?? '').split('?')[0]
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || path !== '/echo') return 404
  if (request.headers['sec-websocket-version'] !== '13') return 426
  return Buffer.from(key, 'base64').length === 16 ? null : 400
}

function refuse(socket: Duplex, status: 400 | 404 | 426): void {
  const phrase = { 400: 'Bad Request', 404: 'Not Found', 426: 'Upgrade Required' }[status]
  const version = status === 426 ? 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' : ''
  socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${version}Content-Length: 0\r\nConnection: close\r\n\r\n`)
}

function echoFrames(socket: Duplex, head: Buffer): void {
  let buffered: Buffer = head
  /** Inside a message that came in several frames. */
  let fragmented = false

  /** What to close with, or null to go on. */
  function answer({ final, opcode, payload }: Frame): number | Buffer | null {
    if (opcode === close) return payload
    const isData = opcode < close
    // Section 5.4: a message goes on with opcode 0, and only then.
    if (isData && (opcode === 0) !== fragmented) return 1002
    if (isData) fragmented = !final
    const reply = opcode === ping ? pong : opcode
    if (opcode !== pong && !socket.write(writeFrame(final, reply, payload))) socket.pause()
    return null
  }

  function take(chunk: Buffer): void {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    for (;;) {
      const frame = readFrame(buffered)
      if (frame === null) return
      const ending = typeof frame === 'number' ? frame : answer(frame)
      if (ending !== null) {
        end(socket, ending)
        return
      }
      buffered = buffered.subarray((frame as Frame).length)
    }
  }

  socket.on('data', take)
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  take(Buffer.alloc(0))
}

/** null: not all of it is there yet; a number: the code to close with. */
function readFrame(bytes: Buffer): Frame | number | null {
  if (bytes.length < 2) return null
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)]
  const [opcode, final, short] = [first & 15, first >= 128, second & 127]
  const isControl = opcode >= close
  const isKnown = opcode <= binary || (isControl && opcode <= pong)
  // Sections 5.1, 5.2 and 5.5: masked, no extension bits, short and whole control frames.
  if (second < 128 || (first & 0x70) !== 0 || !isKnown || (isControl && (!final || short > 125))) return 1002
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start + 4) return null
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (size > frameLimitBytes) return 1009
  const length = start + 4 + size
  if (bytes.length < length) return null
  const payload = Buffer.from(bytes.subarray(start + 4, length))
  for (let i = 0; i < size; i++) payload[i] = (payload[i] as number) ^ (bytes[start + (i & 3)] as number)
  return { final, opcode, payload, length }
}

/** Frames of a server are not masked. */
function writeFrame(final: boolean, opcode: number, payload: Buffer): Buffer {
  const size = payload.length
  const header = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10)
  header.writeUInt8((final ? 128 : 0) | opcode, 0)
  header.writeUInt8(size < 126 ? size : size < 65_536 ? 126 : 127, 1)
  if (header.length === 4) header.writeUInt16BE(size, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(size), 2)
  return Buffer.concat([header, payload])
}

/** Section 5.5.1: a close frame is answered with the same code. */
function end(socket: Duplex, reason: number | Buffer): void {
  const payload =
    typeof reason === 'number' ? Buffer.from([reason >> 8, reason & 255]) : reason.subarray(0, 2)
  socket.removeAllListeners('data')
  socket.resume()
  socket.end(writeFrame(true, close, payload))
}
