import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CompressionFault, HpackDecoder } from '../../../../gateway/dataplane/http2/hpack-decoder.ts'
import { HpackEncoder, noTable } from '../../../../gateway/dataplane/http2/hpack-encoder.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { type Field, toBlock, toInteger } from '../../../support/http2-frames.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

function decode(decoder: HpackDecoder, block: Buffer | string): string[] {
  const fields: string[] = []
  const bytes = typeof block === 'string' ? Buffer.from(block.replaceAll(' ', ''), 'hex') : block
  decoder.decode(bytes, (name, value) => fields.push(`${name}: ${value}`))
  return fields
}

test('decodes the examples of RFC 7541 appendix C.3, without Huffman coding', () => {
  const decoder = new HpackDecoder()
  const common = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
  assert.deepEqual(decode(decoder, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'), common)
  assert.deepEqual(decode(decoder, '8286 84be 5808 6e6f 2d63 6163 6865'), [
    ...common,
    'cache-control: no-cache',
  ])
  assert.deepEqual(
    decode(decoder, '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'),
    [
      ...[':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com'],
      'custom-key: custom-value',
    ],
  )
})

test('decodes the examples of appendix C.4, with Huffman coding', () => {
  const decoder = new HpackDecoder()
  assert.deepEqual(
    decode(decoder, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff').at(-1),
    ':authority: www.example.com',
  )
  assert.deepEqual(decode(decoder, '8286 84be 5886 a8eb 1064 9cbf').at(-1), 'cache-control: no-cache')
  const last = decode(decoder, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')
  assert.equal(last.at(-1), 'custom-key: custom-value')
})

test('forgets the oldest entries where the table is full, and all where it is made smaller', () => {
  const decoder = new HpackDecoder()
  const add = (name: string, value: string) =>
    Buffer.concat([
      Buffer.from([0x40]),
      ...[name, value].map((text) => Buffer.concat([toInteger(text.length, 7, 0), Buffer.from(text)])),
    ])
  // 62 is the newest entry; each of these takes 32 + 1 + 1967 = 2000 bytes, so that two have room.
  for (const name of ['a', 'b', 'c']) decode(decoder, add(name, name.repeat(1967)))
  assert.equal(decode(decoder, Buffer.from([0xbe]))[0]?.slice(0, 4), 'c: c')
  assert.equal(decode(decoder, Buffer.from([0xbf]))[0]?.slice(0, 4), 'b: b')
  assert.throws(() => decode(decoder, Buffer.from([0xc0])), CompressionFault)
  decode(decoder, Buffer.from([0x20]))
  assert.throws(() => decode(decoder, Buffer.from([0xbe])), CompressionFault)
  // One that is larger than the table is no error, and leaves it empty.
  decode(decoder, Buffer.concat([toInteger(4096, 5, 0x20), add('a', 'a'), add('b', 'b'.repeat(5000))]))
  assert.throws(() => decode(decoder, Buffer.from([0xbe])), CompressionFault)
})

const invalid: [string, string][] = [
  ['an index of nothing', '80'],
  ['an index behind the table', 'be'],
  ['a name of an index behind the table', '7f 00 01 61'],
  ['an integer without an end', 'ff'],
  ['an integer that is too large', 'ff ff ff ff ff ff 7f'],
  ['a string that is too long for its block', '00 05 61 62'],
  ['a field without a value', '00 01 61'],
  ['a literal without anything', '40'],
  ['padding of Huffman code that is not all ones', '00 01 61 81 18'],
  ['padding of Huffman code of a byte', '00 01 61 82 1f ff'],
  ['the end of a string within Huffman code', '00 01 61 84 ff ff ff ff'],
  ['a table larger than allowed', '3f e2 1f'],
  ['a change of the table behind a field', '82 20'],
]
for (const [title, block] of invalid) {
  test(`refuses ${title}`, () => {
    assert.throws(() => decode(new HpackDecoder(), block), CompressionFault)
  })
}

test('no bytes make it do anything but decode or refuse', (t) => {
  const seed = readSeed()
  t.diagnostic(`AEGIS_TEST_SEED=${seed}`)
  const random = createRandom(seed)
  for (let i = 0; i < 5_000; i++) {
    const decoder = new HpackDecoder()
    const bytes = Buffer.from(Array.from({ length: random.int(40) }, () => random.int(256)))
    try {
      decode(decoder, bytes)
    } catch (error) {
      if (!(error instanceof CompressionFault)) throw error
    }
  }
})

/** Every byte that may stand in a value, some often enough that an encoder uses Huffman's code. */
const every = Array.from({ length: 224 }, (_, index) => String.fromCharCode(index + 32)).filter(
  (char) => char !== '\x7f',
)
const hard: Field[] = [
  ['x-every', `a${every.join('')}a`],
  ['x-coded', `${'a'.repeat(2_000)}${every.join('')}a`],
  ['x-long', 'b'.repeat(300)],
  ['x-empty', ''],
  ['user-agent', 'x'],
  ['x-long', 'b'.repeat(300)],
]

test("decodes what node's client encodes, over several requests that share a table", async () => {
  const got: string[][] = []
  const decoder = new HpackDecoder()
  let unread = Buffer.alloc(0)
  const server = createServer((socket) => {
    let skip = 24
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk.subarray(Math.min(skip, chunk.length))])
      skip = Math.max(0, skip - chunk.length)
      while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
        const end = 9 + unread.readUIntBE(0, 3)
        const from = 9 + ((unread[4] as number) & 0x20 ? 5 : 0)
        if (unread[3] === 1) got.push(decode(decoder, unread.subarray(from, end)))
        unread = unread.subarray(end)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  for (let i = 0; i < 3; i++) {
    const flat = hard.flat()
    session.request([':method', 'GET', ':path', `/${i}`, ...flat] as never).on('error', () => {})
  }
  await waitUntil(() => got.length === 3)
  const plain = hard.map(([name, value]) => `${name}: ${value}`)
  for (const fields of got)
    assert.deepEqual(
      fields.filter((field) => !field.startsWith(':')),
      plain,
    )
  session.destroy()
  server.close()
})

test("node's client decodes what we encode, names in any case and values of every byte", async () => {
  const encoder = new HpackEncoder()
  encoder.begin()
  encoder.byte(noTable)
  encoder.status(418)
  encoder.field('Content-Type', 'text/plain')
  encoder.field('Set-Cookie', 'a=b')
  encoder.field('X-Strange', 'Y')
  for (const [name, value] of hard) encoder.field(name, value)
  const block = encoder.end()
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const frame = (type: number, flags: number, id: number, payload: Buffer) => {
      const head = Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, id])
      return Buffer.concat([head, payload])
    }
    socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(4, 1, 0, Buffer.alloc(0))]))
    socket.once('data', () => socket.write(frame(1, 5, 1, block)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  const stream = session.request({ ':path': '/' })
  const [headers, , raw] = (await once(stream, 'response')) as [Record<string, unknown>, number, string[]]
  assert.equal(headers[':status'], 418)
  const pairs = Array.from(
    { length: raw.length / 2 },
    (_, index) => `${raw[2 * index]}: ${raw[2 * index + 1]}`,
  )
  const expected = [
    'content-type: text/plain',
    'set-cookie: a=b',
    'x-strange: Y',
    ...hard.map((field) => field.join(': ')),
  ]
  assert.deepEqual(pairs.slice(1), expected)
  session.destroy()
  for (const socket of sockets) socket.destroy()
  server.close()
})

test('decodes what we encode', () => {
  const encoder = new HpackEncoder()
  for (const status of [200, 204, 404, 599]) {
    encoder.begin()
    encoder.status(status)
    for (const [name, value] of hard) encoder.field(name, value)
    const fields = decode(new HpackDecoder(), encoder.end())
    assert.deepEqual(fields, [`:status: ${status}`, ...hard.map((field) => field.join(': '))])
  }
  assert.deepEqual(
    decode(new HpackDecoder(), toBlock(hard)),
    hard.map((field) => field.join(': ')),
  )
})

test('a value that nobody looks at takes no more memory than its bytes', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // 3,990 times the letter a, which is 00011: all of the table, in a block of 2,500 bytes.
  const coded = Buffer.from(
    '0001100011000110001100011000110001100011'.match(/.{8}/g)?.map((bits) => Number.parseInt(bits, 2)) ?? [],
  )
  const value = Buffer.concat(Array.from({ length: 498 }, () => coded))
  const block = Buffer.concat([Buffer.from([0x40, 1, 0x78]), toInteger(value.length, 7, 0x80), value])
  collect()
  const before = process.memoryUsage().heapUsed
  const decoders = Array.from({ length: 200 }, () => new HpackDecoder())
  let bytes = 0
  for (const decoder of decoders)
    decoder.decode(block, (_, text) => {
      bytes += text.length
    })
  collect()
  const each = (process.memoryUsage().heapUsed - before) / decoders.length
  assert.equal(bytes, 200 * 498 * 8)
  assert.ok(each < 20_000, `${each} bytes for each of them`)
  assert.ok(decoders.length > 0)
})
