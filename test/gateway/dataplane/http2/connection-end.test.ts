// How an HTTP/2 connection ends: drained, at its number of requests, by the client.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Http2Stream } from '../../../../gateway/dataplane/http2/stream.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { request, toFrame, toHeaders, types } from '../../../support/http2-frames.ts'
import { createScene } from './serve-frames.ts'

const get = (id: number) => toHeaders(id, request())
const ok = (stream: Http2Stream, ...headers: string[]) => stream.respond(200, headers, false)

describe('the end of a connection', () => {
  test('lets what is under way end, and what was on its way; what comes later was not begun', async (t) => {
    const scene = await createScene(t, {}, () => {})
    const client = await scene.connect()
    client.send(get(1))
    await waitUntil(() => scene.streams.length === 1)
    // Both in one breath: the request was sent before the client knew.
    client.socket.cork()
    for (const connection of scene.connections) connection.drain()
    client.send(get(3))
    client.socket.uncork()
    const lastIds = () =>
      client.frames.filter(({ type }) => type === types.goAway).map(({ payload }) => payload.readUInt32BE(0))
    await waitUntil(() => lastIds().length === 2)
    assert.deepEqual(lastIds(), [2 ** 31 - 1, 3])
    client.send(get(5), toFrame(types.ping, 0, 0, 'the last'))
    await waitUntil(() => client.frames.some(({ payload }) => payload.toString() === 'the last'))
    assert.deepEqual(
      scene.streams.map(({ id }) => id),
      [1, 3],
    )
    assert.equal(client.closed(), false)
    for (const stream of scene.streams) {
      ok(stream)
      stream.end('whole', null)
    }
    await waitUntil(() => client.closed())
    assert.deepEqual([client.answer(1).body, client.answer(3).body], ['whole', 'whole'])
    assert.deepEqual(scene.endings, ['drained'])
  })

  test('comes at once where nothing is under way', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    client.send(get(1))
    await client.answered(1)
    for (const connection of scene.connections) connection.drain()
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), 0)
  })

  test('comes behind as many requests as a connection may have; none is lost', async (t) => {
    const scene = await createScene(t, { requests: 2 })
    const client = await scene.connect()
    client.send(get(1), get(3), get(5))
    await waitUntil(() => client.closed())
    assert.deepEqual(
      [client.answer(1).status, client.answer(3).status, client.answer(5).status],
      [200, 200, 0],
    )
    const [first] = client.frames.filter(({ type }) => type === types.goAway)
    assert.equal(first?.payload.readUInt32BE(0), 3)
    assert.deepEqual(scene.endings, ['requests'])
  })

  test('comes with the last answer where the client said GOAWAY', async (t) => {
    const scene = await createScene(t, {}, () => {})
    const client = await scene.connect()
    client.send(get(1), toFrame(types.goAway, 0, 0, Buffer.alloc(8)))
    await waitUntil(() => scene.streams.length === 1)
    const [stream] = scene.streams as [Http2Stream]
    ok(stream)
    stream.end('whole', null)
    await waitUntil(() => client.closed())
    assert.equal(client.answer(1).body, 'whole')
    assert.deepEqual(scene.endings, [])
  })

  test('is the end of what is served: requests in the same breath as GOAWAY are not', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    client.send(toFrame(types.goAway, 0, 0, Buffer.alloc(8)), get(1), toFrame(types.ping, 0, 0, '12345678'))
    await waitUntil(() => client.closed())
    const [last] = client.frames.filter(({ type }) => type === types.goAway)
    assert.deepEqual([last?.payload.readUInt32BE(0), client.goneAway()], [0, 0])
    assert.equal(scene.streams.length, 0)
    assert.ok(client.frames.every(({ type }) => type !== types.ping))
  })

  test('that comes by an unfinished head is the end of all requests at once', async (t) => {
    const scene = await createScene(t, { headersMs: 200 }, () => {})
    const client = await scene.connect()
    await waitUntil(() => client.frames.length >= 2)
    // A client that keeps its side open.
    client.socket.allowHalfOpen = true
    client.send(get(1), get(3).subarray(0, 20))
    await waitUntil(() => client.closed())
    const [stream] = scene.streams as [Http2Stream]
    assert.deepEqual([scene.endings, scene.ends.get(stream)], [['late'], 1])
    ok(stream)
    stream.end('nobody hears it', null)
    assert.equal(client.answer(1).status, 0)
  })
})
