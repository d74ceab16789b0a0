import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'
import { agreeTo, closeAtEnd, createTunnelService, handshake, openRaw, pathOf } from '../support/tunnels.ts'

describe('a drain', () => {
  test('lets requests and streams end, closes idle connections, and refuses nothing that was begun', async (t) => {
    const upstream = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        const path = chunk.toString().split(' ')[1]
        if (path === '/stream') {
          socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n')
          setTimeout(() => socket.end('data: two\n\n'), 600)
        } else
          setTimeout(
            () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow'),
            path === '/slow' ? 400 : 0,
          )
      })
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const { port } = upstream.address() as AddressInfo
    const config = await createConfigDir({
      routes: {
        upstreams: { api: { targets: [{ url: `http://127.0.0.1:${port}` }] } },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
    })
    const gateway = await startGateway({ configDir: config.dir })
    t.after(async () => {
      await gateway.stop()
      upstream.close()
      await config.remove()
    })
    const idle = connect(gateway.port, '127.0.0.1')
    let idleEnded = false
    idle.on('close', () => {
      idleEnded = true
    })
    idle.resume()
    idle.write('GET /quick HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitUntil(() => idle.bytesRead > 0)
    const slow = sendRaw(gateway.port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n', 5_000)
    const stream = connect(gateway.port, '127.0.0.1')
    let streamed = ''
    stream.on('data', (chunk) => {
      streamed += chunk.toString()
    })
    stream.write('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitUntil(() => streamed.includes('data: one'))
    // Half a head: a balancer's probe on a connection that was there before.
    const probe = connect(gateway.port, '127.0.0.1')
    let health = ''
    probe.on('data', (chunk) => {
      health += chunk.toString()
    })
    probe.write('GET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n')
    await waitUntil(() => health !== '')
    const stopped = gateway.stop()
    await waitUntil(() => idleEnded)
    probe.write('\r\n')
    await waitUntil(() => /slowHTTP\/1\.1 503 [\s\S]+\{"status":"draining"\}$/.test(health))
    const received = await slow
    assert.match(received, /slow$/)
    assert.match(received, /connection: close/i)
    await waitUntil(() => streamed.includes('data: two') && streamed.endsWith('0\r\n\r\n'))
    assert.equal(await stopped, 0)
  })

  test('tells WebSockets that it goes away, on both sides, and cuts event streams', async (t) => {
    const service = await createTunnelService((side) => {
      const stream = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n'
      side.socket.write(pathOf(side.head) === '/stream' ? stream : agreeTo(side.head))
    })
    const config = await createConfigDir({
      gateway: { timeouts: { drainTimeoutMs: 2_000 } },
      routes: {
        upstreams: { api: { targets: [{ url: service.url }] } },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
    })
    const gateway = await startGateway({ configDir: config.dir })
    t.after(async () => {
      await service.close()
      await gateway.stop()
      await config.remove()
    })
    const client = await openRaw(gateway.port, handshake('/socket'))
    const upstream = await service.find('/socket')
    const stream = await openRaw(gateway.port, 'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
    const stopped = gateway.stop()
    await waitUntil(() => client.ended && upstream.ended)
    assert.equal(closeAtEnd(client.received), '1001 AEGIS_DRAINING')
    assert.equal(closeAtEnd(upstream.received), '1001 AEGIS_DRAINING')
    client.socket.end()
    upstream.socket.end()
    await waitUntil(() => stream.ended || stream.closed)
    assert.doesNotMatch(stream.received.toString(), /0\r\n\r\n$/)
    assert.equal(await stopped, 0)
  })
})
