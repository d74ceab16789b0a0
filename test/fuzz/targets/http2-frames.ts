// Bytes of an HTTP/2 client, to the door of the pipeline: cut in any way they say the same, whatever they are they end in a
// fault of the connection or in heads, and a head that is not refused is one that HTTP/1.1 can carry.
import assert from 'node:assert/strict'
import { FloodGuard } from '../../../gateway/dataplane/http2/flood-guard.ts'
import { FrameReader } from '../../../gateway/dataplane/http2/frame-reader.ts'
import { ConnectionFault } from '../../../gateway/dataplane/http2/frames.ts'
import { Inbound, type InboundSink } from '../../../gateway/dataplane/http2/inbound.ts'
import type { HeadReader } from '../../../gateway/dataplane/http2/request-head.ts'
import { toRandomPieces } from '../../gateway/dataplane/http1/parse.ts'
import {
  type Field,
  preface,
  request,
  toBlock,
  toFrame,
  toHeaders,
  types,
} from '../../support/http2-frames.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import type { Target } from '../target.ts'

const names = [
  'x',
  'host',
  'cookie',
  'cookie',
  'te',
  'content-length',
  'content-length',
  'transfer-encoding',
  'connection',
  'X-Y',
  ':path',
  ':x',
  'expect',
  '__proto__',
  '',
]
const values = [
  '',
  'a',
  'trailers',
  '0',
  '5',
  '05',
  'chunked',
  'a\r\nb: c',
  ' a',
  'a\t',
  'a\0',
  '\xe4',
  'acme.example.com',
  'b',
]
const paths = ['/', '/open/x?y', '*', '', 'x', '/a b', '/a#b', '/\xe4', 'http://a/', '//a/../b']

/** Mostly with nothing wrong but what a field may have wrong by itself. */
function createFields(random: Random): Field[] {
  const path = random.chance(0.7) ? '/open/x' : random.pick(paths)
  const method = random.chance(0.7) ? 'POST' : random.pick(['GET', 'OPTIONS', 'CONNECT', 'x'])
  const fields = request({ ':path': path, ':method': method })
  for (let i = random.int(4); i > 0; i--) {
    const at = random.chance(0.8) ? fields.length : random.int(fields.length + 1)
    fields.splice(at, 0, [random.chance(0.4) ? 'x' : random.pick(names), random.pick(values)])
  }
  return random.chance(0.05) ? fields.slice(random.int(fields.length)) : fields
}

/** Indexed fields, additions to the table and changes of its size, Huffman's code: as bytes come. */
function createBlock(random: Random): Buffer {
  const noise = () => Buffer.from(Array.from({ length: random.int(12) }, () => random.int(256)))
  const known = Buffer.from(
    random.pick([
      [0x82, 0x86, 0x84, 0x41, 0x01, 0x61],
      [0xbe],
      [0x20],
      [0x3f, 0xe1, 0x1f],
      [0x40, 1, 97, 1, 98],
    ]),
  )
  return random.chance(0.6)
    ? toBlock(createFields(random))
    : Buffer.concat([known, toBlock(createFields(random)), noise()])
}

function createFrame(random: Random): Buffer {
  const id = random.pick([1, 1, 1, 3, 3, 5, 7, 9, random.int(4)])
  const flags = random.pick([0, 1, 4, 5, 5, 8, 13, 0x25, 0x2d])
  const kind = random.int(10)
  if (kind < 4) return toHeaders(id, createFields(random), random.pick([5, 5, 4, 1, 0]))
  if (kind === 4) return toFrame(types.headers, random.pick([4, 5]), id, createBlock(random))
  if (kind === 5) return toFrame(types.continuation, random.pick([0, 4]), id, createBlock(random))
  if (kind === 6) return toFrame(types.data, flags, id, 'x'.repeat(random.int(40)))
  const bytes = Buffer.from(
    Array.from({ length: random.pick([0, 4, 5, 6, 8, 12]) }, () => random.pick([0, 1, 255])),
  )
  return toFrame(random.int(12), flags, id, bytes)
}

/** All that was said, in order, in words. */
class Account implements InboundSink {
  readonly said: string[] = []
  readonly heads: { reader: HeadReader; ended: boolean }[] = []
  #lastId = 0

  onHead(id: number, reader: HeadReader, ended: boolean): void {
    this.#lastId = Math.max(this.#lastId, id)
    this.heads.push({ reader, ended })
    this.said.push(`head ${id} ${ended} ${JSON.stringify(reader.fields.raw)} ${reader.fault?.detail}`)
  }

  onData(id: number, bytes: Buffer, room: number, ended: boolean): void {
    this.said.push(`data ${id} ${bytes.toString('latin1')} ${room} ${ended}`)
  }

  onReset(id: number): void {
    this.said.push(`reset ${id}`)
  }

  onWindow(id: number, bytes: number): void {
    this.said.push(`window ${id} ${bytes}`)
  }

  onFirstWindow(bytes: number): void {
    this.said.push(`first window ${bytes}`)
  }

  onSettings(): void {
    this.said.push('settings')
  }

  onPing(payload: Buffer, isAck: boolean): void {
    this.said.push(`ping ${payload.toString('hex')} ${isAck}`)
  }

  onGoAway(): void {
    this.said.push('go away')
  }

  isIdle(id: number): boolean {
    return id > this.#lastId
  }
}

function read(pieces: readonly Buffer[]): Account {
  const account = new Account()
  const guard = new FloodGuard({
    resetsPerMinute: 1_000_000,
    emptyFramesPerMinute: 1_000_000,
    connectionWindowBytes: 65_535,
  })
  const reader = new FrameReader(new Inbound(account, guard, { headBytes: 16_384, fields: 100 }))
  try {
    for (const piece of pieces) reader.read(piece)
  } catch (error) {
    if (!(error instanceof ConnectionFault)) throw error
    account.said.push(`fault ${error.code} ${error.message}`)
  }
  return account
}

const lineOfHead =
  /^[!#$%&'*+\-.^_`|~0-9a-z]+: (?:[^\x00-\x08\x0a-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x08\x0a-\x20\x7f])?)?$/
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** By other means than the reader's own. */
function checkHead({ reader, ended }: Account['heads'][number]): void {
  const { fault, fields, method, target, length } = reader.toHead(ended)
  if (fault !== null || method === 'CONNECT') return
  assert.match(`${method} ${target}`, /^[A-Z-]+ (?:\*|\/[\x21-\x7e]*)$/)
  const count = (name: string) => fields.names.filter((one) => one === name).length
  for (const [index, name] of fields.names.entries()) {
    assert.match(`${fields.raw[2 * index]}: ${fields.raw[2 * index + 1]}`, lineOfHead)
    assert.ok(!ofConnection.has(name) && name !== '__proto__', name)
  }
  assert.ok(count('host') <= 1 && count('content-length') <= 1 && count('cookie') <= 1)
  if (length >= 0) assert.equal(fields.raw[2 * fields.names.indexOf('content-length') + 1], String(length))
}

const frames: Target = {
  name: 'http2 frames',
  share: 100,
  create(random) {
    const first = [preface, toFrame(types.settings, 0, 0).toString('latin1')]
    const rest = Array.from({ length: 1 + random.int(6) }, () => createFrame(random).toString('latin1'))
    const text = [...first, ...rest].join('')
    return random.chance(0.4) ? mutate(text, random) : text
  },
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const whole = read([bytes])
    assert.deepEqual(read(toRandomPieces(bytes, random)).said, whole.said)
    for (const head of whole.heads) checkHead(head)
  },
}

export const http2Targets: readonly Target[] = [frames]
