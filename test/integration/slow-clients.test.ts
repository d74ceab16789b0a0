// Clients who take their time with all that they do, and clients who want too much on one connection, through the running
// gateway: each is ended by a deadline of its own, costs its upstream nothing more, and others are served meanwhile.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('a slow client', () => {
  let upstream: Server
  let gateway: TestGateway
  let remove: () => Promise<void>
  /** Open connections to the upstream, by the path that was last asked for on them. */
  const open = new Map<Socket, string>()

  before(async () => {
    upstream = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
      socket.on('data', (chunk) => {
        const path = / (\S+) HTTP\/1\.1\r\n/.exec(chunk.toString('latin1'))?.[1]
        if (path === undefined) return
        open.set(socket, path)
        if (path === '/quick') socket.write(ok)
        if (path === '/endless') pour(socket)
      })
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const config = await createConfigDir({
      gateway: {
        timeouts: { headersMs: 500, requestMs: 700, idleMs: 600 },
        limits: { requestsPerConnection: 3 },
      },
      routes: {
        upstreams: { api: { targets: [{ url }] } },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
      plugins: [{ id: 'observability', plugin: 'observability' }],
    })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    for (const socket of open.keys()) socket.destroy()
    upstream.close()
    await remove()
  })

  /** Sends the bytes, then one more every 20 ms for as long as it is let; resolves with what came back by the end. */
  async function drip(bytes: string, more: string): Promise<string> {
    const socket = connect(gateway.port, '127.0.0.1')
    let received = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.write(bytes)
    const timer = setInterval(() => socket.write(more), 20)
    while (!socket.destroyed) {
      assert.equal((await ask(gateway.port, '/quick')).status, 200)
      await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 100))])
    }
    clearInterval(timer)
    return received
  }

  const underWay = async (): Promise<string | undefined> => {
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    return /^aegis_worker_in_flight_requests\{.*\} (\d+)$/m.exec(metrics)?.[1]
  }

  test('with its head is answered 408', async () => {
    assert.match(await drip('GET /slow HTTP/1.1\r\nHost: a\r\nA: ', 'b'), /^HTTP\/1\.1 408 /)
  })

  test('with its body is answered 408, and the upstream never gets a request that looks whole', async () => {
    const head = 'POST /upload HTTP/1.1\r\nHost: a\r\n'
    assert.match(await drip(`${head}Content-Length: 1000\r\n\r\n`, 'b'), /^HTTP\/1\.1 408 /)
    assert.match(await drip(`${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nb\r\n'), /^HTTP\/1\.1 408 /)
    await waitUntil(() => ![...open.values()].includes('/upload'))
  })

  test('that reads nothing of its answer is cut off, and its upstream with it', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitUntil(() => [...open.values()].includes('/endless'))
    await waitUntil(() => ![...open.values()].includes('/endless'))
    await waitUntil(async () => (await underWay()) === '0')
    socket.destroy()
  })

  test('that says nothing is closed, before its first request and behind one', async () => {
    assert.equal(await sendRaw(gateway.port, '', 10_000), '')
    const received = await sendRaw(gateway.port, 'GET /quick HTTP/1.1\r\nHost: a\r\n\r\n', 10_000)
    assert.match(received, /ok$/)
    assert.doesNotMatch(received, /connection: close/i)
  })

  test('that asks more than a connection may be asked is told which answer is the last', async () => {
    const received = await sendRaw(gateway.port, 'GET /quick HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5), 10_000)
    const answers = received.split(/(?=HTTP\/1\.1 )/)
    assert.deepEqual(
      answers.map((answer) => /connection: close/i.test(answer)),
      [false, false, true],
    )
  })
})

function pour(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const more = (): void => {
    while (!socket.destroyed) if (!socket.write(piece)) return void socket.once('drain', more)
  }
  more()
}
