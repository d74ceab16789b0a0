// What a connection keeps account of: windows, streams, and what a client makes it do. Nothing may leak, and what costs us
// as much as something that is counted is counted too.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Http2Stream } from '../../../../gateway/dataplane/http2/stream.ts'
import { waitUntil } from '../../../support/gateway.ts'
import {
  endHeaders,
  endStream,
  type Field,
  type Http2Client,
  request,
  toFrame,
  toHeaders,
  toUint32,
  types,
} from '../../../support/http2-frames.ts'
import { answer, createScene } from './serve-frames.ts'

const calm = 11
const get = (id: number) => toHeaders(id, request())
const open = (id: number, more: Field[] = []) =>
  toHeaders(id, request({ ':method': 'POST' }, more), endHeaders)
const data = (id: number, bytes: string | Buffer, flags = 0) => toFrame(types.data, flags, id, bytes)
const window = (id: number, bytes: number) => toFrame(types.window, 0, id, toUint32(bytes))
const odd = (index: number) => 2 * index + 1
const firstWindows = (...sizes: number[]) =>
  toFrame(types.settings, 0, 0, Buffer.concat(sizes.map((size) => Buffer.from([0, 4, ...toUint32(size)]))))

async function reachesEnd(client: Http2Client): Promise<void> {
  client.send(toFrame(types.ping, 0, 0, 'the last'))
  await waitUntil(
    () => client.closed() || client.frames.some(({ payload }) => payload.toString() === 'the last'),
  )
}

/** Each makes the gateway end a request that was begun (CVE-2025-8671). */
const spoilers: [string, (id: number) => Buffer[]][] = [
  ['WINDOW_UPDATE of nothing', (id) => [open(id), window(id, 0)]],
  ['a window that is too large', (id) => [open(id), window(id, 2 ** 31 - 1)]],
  ['DATA behind the end', (id) => [get(id), data(id, 'x')]],
  ['HEADERS behind the end', (id) => [get(id), get(id)]],
  ['a body that is longer than it said', (id) => [open(id, [['content-length', '1']]), data(id, 'xy')]],
  [
    'a body that is shorter than it said',
    (id) => [open(id, [['content-length', '2']]), data(id, 'x', endStream)],
  ],
  ['trailers that are none', (id) => [open(id), toHeaders(id, [[':path', '/']])]],
]

describe('requests that the client makes us end', () => {
  for (const [title, spoil] of spoilers) {
    test(`by ${title} count as cancelled`, async (t) => {
      const scene = await createScene(t, { resetsPerMinute: 20, emptyFramesPerMinute: 100_000 }, () => {})
      const client = await scene.connect()
      for (let i = 0; i < 20; i++) client.send(...spoil(odd(i)))
      await reachesEnd(client)
      assert.equal(client.goneAway(), -1)
      client.send(...spoil(odd(20)))
      await waitUntil(() => client.closed())
      assert.equal(client.goneAway(), calm)
    })
  }

  test('malformed ones that are answered pay nothing back', async (t) => {
    const scene = await createScene(t, { emptyFramesPerMinute: 100 })
    const client = await scene.connect()
    let answered = 0
    for (; answered < 40 && !client.closed(); answered++) {
      client.send(toHeaders(odd(answered), [[':x', 'y']]))
      await client.answered(odd(answered))
    }
    assert.equal(client.goneAway(), calm)
    assert.ok(answered <= 12, `${answered} were answered`)
  })
})

describe('DATA of a request that we ended', () => {
  const early = async (t: Parameters<typeof createScene>[0]) => {
    const scene = await createScene(t, { emptyFramesPerMinute: 30 }, (stream) => answer(stream, 'early'))
    const client = await scene.connect()
    client.send(open(1))
    await waitUntil(() => client.answer(1).reset === 0)
    await waitUntil(() => scene.ends.size === 1)
    return client
  }
  const pieces = () => Array.from({ length: 200 }, () => data(1, 'x'))

  test('costs nothing as far as its window allowed: it was on its way', async (t) => {
    const client = await early(t)
    client.send(...pieces())
    await reachesEnd(client)
    assert.equal(client.goneAway(), -1)
  })

  test('counts beyond that', async (t) => {
    const client = await early(t)
    client.send(...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_380))), ...pieces())
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
  })
})

describe('windows of streams that begin', () => {
  const blocked = (stream: Http2Stream): void => {
    stream.respond(200, [], false)
    stream.write(Buffer.alloc(60_000))
  }

  test('change once for each frame, whatever else it says', async (t) => {
    const scene = await createScene(t, {}, blocked)
    const client = await scene.connect()
    client.taking = false
    client.send(firstWindows(0), get(1))
    await waitUntil(() => client.answer(1).status === 200)
    client.send(firstWindows(...Array.from({ length: 100 }, (_, i) => i + 1)))
    await waitUntil(() => client.answer(1).body.length === 100)
    const pieces = client.frames.filter(({ type }) => type === types.data)
    assert.deepEqual(
      pieces.map(({ payload }) => payload.length),
      [100],
    )
  })

  test('cost as much as an update of each stream that is open', async (t) => {
    const scene = await createScene(t, { emptyFramesPerMinute: 60 }, blocked)
    const client = await scene.connect()
    client.taking = false
    client.send(firstWindows(0), ...Array.from({ length: 20 }, (_, i) => get(odd(i))))
    await waitUntil(() => client.answer(odd(19)).status === 200)
    for (let size = 1; size <= 6; size++) client.send(firstWindows(size))
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), calm)
  })
})

describe('the window of the connection', () => {
  const windows = { windowBytes: 65_535, connectionWindowBytes: 65_535, resetsPerMinute: 1_000 }
  const losses: [string, (id: number) => Buffer[]][] = [
    [
      'of bodies that are longer than they said',
      (id) => [open(id, [['content-length', '1']]), data(id, Buffer.alloc(16_000))],
    ],
    ['of DATA behind the end', (id) => [get(id), data(id, Buffer.alloc(16_000))]],
    [
      'of more than a stream may send',
      (id) => [open(id), ...Array.from({ length: 5 }, () => data(id, Buffer.alloc(16_000)))],
    ],
  ]
  for (const [title, spoil] of losses) {
    test(`gets back the bytes ${title}`, async (t) => {
      const limits = title.includes('may send') ? { ...windows, connectionWindowBytes: 131_072 } : windows
      const scene = await createScene(t, limits, () => {})
      const client = await scene.connect()
      for (let i = 0; i < 10; i++) {
        client.send(...spoil(odd(i)))
        await client.answered(odd(i))
      }
      await reachesEnd(client)
      assert.equal(client.goneAway(), -1)
    })
  }
})

test('an answer that the client has does not count as under way, although its page has not all gone', async (t) => {
  const scene = await createScene(t, { streams: 2 }, (stream) => answer(stream, 'whole'))
  const client = await scene.connect()
  await waitUntil(() => client.frames.length >= 2)
  const [socket] = scene.sockets as [(typeof scene.sockets)[number]]
  // The kernel took the answers, but not yet the end of the page that they are on.
  const held: (() => void)[] = []
  const write = socket.write.bind(socket) as (bytes: Buffer, sent: () => void) => boolean
  socket.write = ((bytes: Buffer, sent?: () => void) => {
    if (sent !== undefined) held.push(sent)
    return write(bytes, () => {})
  }) as typeof socket.write
  for (const id of [1, 3, 5, 7]) {
    client.send(get(id))
    assert.deepEqual([(await client.answered(id)).reset, client.answer(id).body], [-1, 'whole'])
  }
  // But it may not pile up without end what has not gone.
  client.send(get(9))
  assert.equal((await client.answered(9)).reset, 7)
  for (const sent of held) sent()
  client.send(get(11))
  assert.equal((await client.answered(11)).body, 'whole')
})

test('a connection whose reads never end with a whole frame is not late', async (t) => {
  const scene = await createScene(t, { headersMs: 300 })
  const client = await scene.connect()
  await waitUntil(() => client.frames.length >= 2)
  client.taking = false
  let rest: Buffer = Buffer.alloc(0)
  for (let i = 0; i < 30; i++) {
    const next = get(odd(i))
    client.send(rest, next.subarray(0, 20))
    rest = next.subarray(20)
    if (i > 0) assert.equal((await client.answered(odd(i - 1))).status, 200)
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  assert.deepEqual([client.goneAway(), ...scene.endings], [-1])
  // The one that stays unfinished still is.
  await waitUntil(() => client.closed())
  assert.deepEqual(scene.endings, ['late'])
})
