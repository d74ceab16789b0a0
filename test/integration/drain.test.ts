import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'

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
    const stopped = gateway.stop()
    await waitUntil(() => idleEnded)
    const received = await slow
    assert.match(received, /slow$/)
    assert.match(received, /connection: close/i)
    await waitUntil(() => streamed.includes('data: two') && streamed.endsWith('0\r\n\r\n'))
    assert.equal(await stopped, 0)
  })
})
