// Frames of HTTP/2 into a whole connection, streams and bodies included: what is served whole is the same however the bytes
// are cut, and its body is as long as was said. http2-frames.ts looks at heads more closely.
import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import type { Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { Deadlines } from '../../../gateway/dataplane/http1/deadlines.ts'
import { Pages } from '../../../gateway/dataplane/http1/pages.ts'
import { Http2Connection } from '../../../gateway/dataplane/http2/connection.ts'
import { HpackEncoder } from '../../../gateway/dataplane/http2/hpack-encoder.ts'
import type { Http2Stream } from '../../../gateway/dataplane/http2/stream.ts'
import { toRandomPieces } from '../../gateway/dataplane/http1/parse.ts'
import {
  endHeaders,
  endStream,
  type Field,
  preface,
  toBlock,
  toFrame,
  toUint32,
  types,
} from '../../support/http2-frames.ts'
import type { Random } from '../../support/random.ts'
import type { Target } from '../target.ts'

const limits = {
  ...{ headBytes: 16_384, fields: 100, requests: 0, headersMs: 600_000, requestMs: 600_000, idleMs: 600_000 },
  ...{ streams: 100, windowBytes: 65_535, connectionWindowBytes: 131_072 },
  // What depends on time is no concern here.
  ...{ resetsPerMinute: 1_000_000, emptyFramesPerMinute: 1_000_000 },
}

const pseudo: readonly Field[] = [
  [':method', 'GET'],
  [':method', 'POST'],
  [':method', 'G T'],
  [':method', 'CONNECT'],
  [':path', '/a'],
  [':path', ''],
  [':path', '/a b'],
  [':path', '/\r\nX: y'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':authority', 'a\r\nb: c'],
  [':status', '200'],
  [':protocol', 'websocket'],
]
const plain: readonly Field[] = [
  ['a', 'b'],
  ['A', 'b'],
  ['a b', 'c'],
  ['a:', 'b'],
  ['', 'b'],
  ['a', 'b\r\nc: d'],
  ['a', '\0'],
  ['a', ' b '],
  ['a\r\n', 'b'],
  ['host', 'a'],
  ['host', 'b'],
  ['content-length', '3'],
  ['content-length', '5'],
  ['content-length', '+3'],
  ['content-length', '3, 3'],
  ['transfer-encoding', 'chunked'],
  ['connection', 'close'],
  ['keep-alive', 'x'],
  ['upgrade', 'websocket'],
  ['te', 'trailers'],
  ['te', 'gzip'],
  ['cookie', 'a=b'],
  ['cookie', 'c=d'],
  ['x-tenant-id', 'evil'],
  ['__proto__', 'x'],
]

function createFields(random: Random): Field[] {
  const body = random.chance(0.3)
  const fields: Field[] = [
    [':method', body ? 'POST' : 'GET'],
    [':path', '/a'],
    [':scheme', 'http'],
    [':authority', 'a'],
  ]
  if (body && random.chance(0.5)) fields.push(['content-length', '3'])
  if (random.chance(0.15)) fields.splice(random.int(fields.length), 1)
  if (random.chance(0.15)) fields.splice(random.int(fields.length + 1), 0, random.pick(pseudo))
  for (let i = random.int(3); i > 0; i--) if (random.chance(0.6)) fields.push(random.pick(plain))
  return fields
}

/** A header block in one frame or several. */
function createHeaders(id: number, fields: readonly Field[], flags: number, random: Random): Buffer[] {
  const block = toBlock(fields)
  if (random.chance(0.8)) return [toFrame(types.headers, flags | endHeaders, id, block)]
  const at = random.int(block.length + 1)
  const last = random.chance(0.9) ? endHeaders : 0
  return [
    toFrame(types.headers, flags, id, block.subarray(0, at)),
    toFrame(types.continuation, last, random.chance(0.95) ? id : id + 2, block.subarray(at)),
  ]
}

function createOther(id: number, random: Random): Buffer {
  return random.pick([
    () => toFrame(types.settings, 0, 0),
    () => toFrame(types.settings, 0, 0, Buffer.from([0, random.int(8), 0, random.int(256), 0, 0])),
    () => toFrame(types.ping, 0, 0, '12345678'),
    () => toFrame(types.ping, 0, 0, '1'),
    () =>
      toFrame(
        types.window,
        0,
        random.pick([0, id]),
        toUint32(random.pick([0, 1, 65_535, 2 ** 31 - 1, 2 ** 31])),
      ),
    () => toFrame(types.rst, 0, id, toUint32(8)),
    () => toFrame(types.priority, 0, id, '\0\0\0\0\x10'),
    () => toFrame(types.push, 0, id, 'abcd'),
    () => toFrame(types.goAway, 0, 0, '\0'.repeat(8)),
    () => toFrame(random.int(256), random.int(256), random.int(9), 'x'.repeat(random.int(20))),
  ])()
}

function createFrames(random: Random): string {
  const frames: Buffer[] = []
  let id = 1
  for (let i = 1 + random.int(4); i > 0; i--) {
    const fields = createFields(random)
    const post = fields.some(([name, value]) => name === ':method' && value === 'POST')
    frames.push(...createHeaders(id, fields, post ? 0 : endStream, random))
    if (post) {
      if (random.chance(0.5)) frames.push(toFrame(types.data, 0, id, random.pick(['', 'a', 'ab'])))
      frames.push(toFrame(types.data, endStream, id, random.pick(['abc', 'c', '', 'abcd'])))
    }
    if (random.chance(0.3)) frames.push(createOther(id, random))
    id = Math.max(0, id + (random.chance(0.95) ? 2 : random.pick([0, 1, -2])))
  }
  const bytes = Buffer.concat(frames)
  for (let i = random.pick([0, 0, 0, 1, 2]); i > 0; i--) bytes[random.int(bytes.length)] = random.int(256)
  return bytes.toString('latin1')
}

interface Got {
  readonly id: number
  readonly method: string
  readonly target: string
  readonly host: string | null
  readonly fields: readonly string[]
  readonly faulty: boolean
  readonly length: number
  body: string
  complete: boolean
}

const opening = Buffer.concat([Buffer.from(preface, 'latin1'), toFrame(types.settings, 0, 0)])

interface Served {
  readonly requests: readonly Got[]
  /** The gateway ended the connection. */
  readonly broken: boolean
}

/** All requests that a connection serves out of these pieces. */
async function serve(pieces: readonly Buffer[]): Promise<Served> {
  const all: Got[] = []
  let broken = false
  const owner = {
    ...{ limits, http2: limits, deadlines: new Deadlines(), pages: new Pages(), encoder: new HpackEncoder() },
    onEnding: () => {
      broken = true
    },
    onClosed() {},
    onRequest(stream: Http2Stream) {
      const { method, target, host, fields, fault, length } = stream.head
      const got: Got = {
        id: stream.id,
        method,
        target,
        host,
        fields: fields.raw,
        faulty: fault !== null,
        length,
        body: '',
        complete: false,
      }
      all.push(got)
      stream.served = { onFault() {}, onOver() {} }
      stream.read({
        onData: (bytes) => {
          got.body += bytes.toString('latin1')
        },
        onEnd: () => {
          got.complete = true
        },
        onBroken() {},
      })
    },
  }
  const [near, far] = duplexPair()
  near.on('error', () => {})
  const connection = new Http2Connection(owner, near as unknown as Socket, null)
  far.resume()
  far.on('error', () => {})
  const closed = new Promise<void>((resolve) => near.once('close', resolve))
  for (const piece of [opening, ...pieces]) if (!far.destroyed) far.write(piece)
  // Served in the turn behind the one that read the bytes.
  for (let i = 0; i < 3 + pieces.length; i++) await new Promise((resolve) => setImmediate(resolve))
  connection.destroy()
  await closed
  return { requests: all, broken }
}

/** Nothing in it can become another line or another body. */
function checkRequest({ method, target, host, fields, length, body, complete }: Got): void {
  assert.ok(METHODS.includes(method), method)
  // It goes nowhere: admission.ts.
  if (method === 'CONNECT') return
  assert.match(target, /^[\x21-\x7e]+$/)
  assert.match([host, ...fields].join(''), /^[\t\x20-\x7e\x80-\xff]*$/)
  if (complete && length >= 0) assert.equal(body.length, length, 'the body is not as long as was said')
}

function isWhole({ complete, faulty }: Got): boolean {
  return complete && !faulty
}

const connections: Target = {
  name: 'http2 connections',
  share: 20,
  create: createFrames,
  async check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const whole = await serve([bytes])
    const cut = await serve(toRandomPieces(bytes, random))
    for (const one of [...whole.requests, ...cut.requests]) if (!one.faulty) checkRequest(one)
    assert.equal(cut.broken, whole.broken)
    // What is reset, or whose connection is, may have been served before or not; what was served whole was served alike.
    for (const one of whole.requests.filter(isWhole)) {
      const other = cut.requests.find(({ id }) => id === one.id)
      if (other !== undefined && isWhole(other)) assert.deepEqual(other, one)
    }
  },
}

export const http2ConnectionTargets: readonly Target[] = [connections]
