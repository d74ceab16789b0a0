// HTTP/2 through the whole gateway: what happens upstream when clients leave, stall or attack, and how it ends.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { ask } from '../support/ask.ts'
import { waitUntil } from '../support/gateway.ts'
import {
  endHeaders,
  endStream,
  request,
  toFrame,
  toHeaders,
  toUint32,
  types,
} from '../support/http2-frames.ts'
import { createHttp2Scene, type SceneOptions } from './http2-scene.ts'

const get = (id: number, path = '/open/x') => toHeaders(id, request({ ':path': path }))
const open = (id: number) => toHeaders(id, request({ ':method': 'POST' }), endHeaders)
const cancel = (id: number) => toFrame(types.rst, 0, id, toUint32(8))
const ended = (reason: string) => `aegis_http2_connections_ended_total{listener="public",reason="${reason}"}`

interface Test {
  after(callback: () => Promise<void>): void
}

async function createScene(t: Test, options: SceneOptions = {}) {
  const scene = await createHttp2Scene(options)
  t.after(() => scene.close())
  return scene
}

describe('HTTP/2 through the gateway', () => {
  test('a client that cancels, or is gone, cancels upstream; the log says 499', async (t) => {
    let closed = 0
    const scene = await createScene(t, {
      handler: (req) => {
        req.socket.once('close', () => {
          closed += 1
        })
      },
    })
    const client = await scene.connect()
    client.send(get(1), open(3), toFrame(types.data, 0, 3, 'half'))
    await waitUntil(() => scene.seen().length === 2)
    client.send(cancel(1))
    await waitUntil(() => closed === 1)
    assert.equal(client.closed(), false)
    client.close()
    await waitUntil(() => closed === 2)
    await waitUntil(() => scene.gateway.logs().filter(({ status }) => status === 499).length === 2)
  })

  test('a client that opens no window stops the upstream, not the other clients', async (t) => {
    const stalledBytes = 100_000_000
    const otherBytes = 8_000_000
    const written = { '/open/stalled': 0, '/open/other': 0 }
    const pump = (url: keyof typeof written, bytes: number, res: ServerResponse): void => {
      while (written[url] < bytes) {
        written[url] += 65_536
        if (!res.write(Buffer.alloc(65_536))) return void res.once('drain', () => pump(url, bytes, res))
      }
      res.end()
    }
    const scene = await createScene(t, {
      handler: ({ url }, res) =>
        url === '/open/stalled' ? pump(url, stalledBytes, res) : pump('/open/other', otherBytes, res),
    })
    const stalled = await scene.connect()
    stalled.taking = false
    stalled.send(get(1, '/open/stalled'))
    await waitUntil(() => stalled.answer(1).body.length === 65_535)
    // While somebody else gets far more than the windows hold, nothing of it moves.
    const other = await scene.connect()
    other.send(get(1, '/open/other'))
    await waitUntil(() => other.answer(1).ended, 60_000)
    assert.ok(other.answer(1).body.length >= otherBytes)
    assert.equal(stalled.answer(1).body.length, 65_535)
    assert.ok(written['/open/stalled'] < stalledBytes / 2, `${written['/open/stalled']} bytes were written`)
  })

  test('an upload that nobody reads is stopped by its window', async (t) => {
    const scene = await createScene(t, {
      limits: { bodyBytes: 1_000_000_000 },
      handler(req, res) {
        if (req.url !== '/open/read') return
        req.resume()
        req.on('end', () => res.end('read'))
      },
    })
    const client = await scene.connect()
    let room = 262_144
    let sent = 0
    let looked = 0
    // As a client that keeps to its window would.
    const send = (): void => {
      for (; looked < client.frames.length; looked++) {
        const frame = client.frames[looked]
        if (frame?.type === types.window && frame.id === 1) room += frame.payload.readUInt32BE(0)
      }
      for (; room >= 16_384; room -= 16_384, sent += 16_384)
        client.send(toFrame(types.data, 0, 1, Buffer.alloc(16_384)))
    }
    client.send(open(1))
    client.socket.on('data', send)
    send()
    // While somebody else sends many times what buffers of sockets hold, nothing of it moves.
    const answer = await ask(scene.gateway.port, '/open/read', {
      method: 'POST',
      body: Buffer.alloc(30_000_000),
    })
    assert.equal(answer.text, 'read')
    assert.ok(sent < 20_000_000, `${sent} bytes were taken`)
  })

  test('rapid reset ends the connection, is counted, and brings next to nothing upstream', async (t) => {
    const scene = await createScene(t, { limits: { http2: { resetsPerMinute: 50 } } })
    const client = await scene.connect()
    for (let id = 1; id < 401; id += 2) client.send(get(id), cancel(id))
    await waitUntil(() => client.closed())
    assert.equal(client.goneAway(), 11)
    await waitUntil(async () => (await scene.metric(ended('flood'))) === 1)
    assert.ok(scene.seen().length <= 60, `${scene.seen().length} went up`)
    const other = await scene.connect()
    other.send(get(1))
    assert.equal((await other.answered(1)).status, 200)
  })

  test('SIGTERM lets requests under way end, and says so', async (t) => {
    const waiting: ServerResponse[] = []
    const scene = await createHttp2Scene({ handler: (_req, res) => void waiting.push(res) })
    const client = await scene.connect()
    const idle = await scene.connect()
    client.send(get(1))
    await waitUntil(() => waiting.length === 1)
    const stopped = scene.gateway.stop()
    await waitUntil(() => client.goneAway() === 0)
    await waitUntil(() => idle.closed())
    assert.equal(idle.goneAway(), 0)
    waiting[0]?.end('whole')
    assert.equal((await client.answered(1)).body, 'whole')
    assert.equal(await stopped, 0)
    t.after(() => scene.close())
  })

  test('requestsPerConnection, timeouts and bodies keep their statuses', async (t) => {
    const scene = await createScene(t, {
      limits: { requestsPerConnection: 2, bodyBytes: 10 },
      timeouts: { headersMs: 500, requestMs: 1_000 },
    })
    const client = await scene.connect()
    client.send(open(1), toFrame(types.data, endStream, 1, 'a'.repeat(11)), open(3))
    assert.equal((await client.answered(1)).status, 413)
    assert.equal((await client.answered(3)).status, 408)
    await waitUntil(() => client.closed())
    await waitUntil(async () => (await scene.metric(ended('requests'))) === 1)
    const late = await scene.connect()
    await waitUntil(() => late.frames.length >= 2)
    late.send(toHeaders(1, request(), 0))
    await waitUntil(() => late.closed())
    await waitUntil(async () => (await scene.metric(ended('late'))) === 1)
  })

  test('the chain refuses as it does for HTTP/1.1', async (t) => {
    const scene = await createScene(t)
    const client = await scene.connect()
    client.send(toHeaders(1, request({ ':path': '/api/x' }, [['authorization', 'Bearer no.such.token']])))
    const answer = await client.answered(1)
    assert.equal(answer.status, 401)
    assert.ok(answer.headers.some(([name]) => name === 'www-authenticate'))
    assert.ok(answer.headers.some(([name]) => name === 'x-request-id'))
  })
})
