// The caps on connections, over two workers: exact, whoever the kernel gives a connection to.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { type Admin, createAdmin, workersOf } from '../support/admin.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { killerEntry, killWorker, writeKiller } from '../support/killer.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

describe('caps on connections', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let admin: Admin
  let remove: () => Promise<void>
  const sockets: Socket[] = []

  before(async () => {
    upstream = await createUpstream((_, res) => res.end('ok'))
    const config = await createConfigDir({
      gateway: { limits: { connections: 12, connectionsPerIp: 5 } },
      routes: {
        upstreams: { api: { targets: [{ url: upstream.url }] } },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
      plugins: [killerEntry],
    })
    await writeKiller(config.dir)
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir })
    admin = createAdmin(gateway)
  })
  afterEach(closeAll)
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  async function closeAll(): Promise<void> {
    for (const socket of sockets.splice(0)) socket.destroy()
    await waitUntil(async () => (await workersOf(admin)).every(({ connections }) => connections === 0))
  }

  /** The status of the first answer on each of so many connections that are then kept open. */
  async function open(count: number, localAddress: string): Promise<number[]> {
    const statuses = Array.from({ length: count }, async () => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', localAddress })
      sockets.push(socket)
      socket.on('error', () => {})
      socket.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      return Number(bytes.toString().slice(9, 12))
    })
    return Promise.all(statuses)
  }

  const count = (statuses: readonly number[], status: number): number =>
    statuses.filter((one) => one === status).length

  test('let exactly as many connections of one address in as they say, the others get 429', async () => {
    for (let round = 0; round < 3; round++) {
      const statuses = await open(20, '127.0.0.2')
      assert.deepEqual([count(statuses, 200), count(statuses, 429)], [5, 15])
      await closeAll()
    }
  })

  test('let exactly as many of all addresses in as they say, the others get 503', async () => {
    for (let round = 0; round < 3; round++) {
      const addresses = Array.from({ length: 20 }, (_, i) => `127.0.0.${10 + i}`)
      const statuses = (await Promise.all(addresses.map((address) => open(1, address)))).flat()
      assert.deepEqual([count(statuses, 200), count(statuses, 503)], [12, 8])
      await closeAll()
    }
  })

  test('say when to come again, and count what was refused for nothing', async () => {
    assert.equal(count(await open(5, '127.0.0.3'), 200), 5)
    const socket = connect({ port: gateway.port, host: '127.0.0.1', localAddress: '127.0.0.3' })
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    assert.match(bytes.toString(), /^HTTP\/1\.1 429 [\s\S]+retry-after: 1\r\n[\s\S]+AEGIS_HTTP_429/)
    await once(socket, 'close')
    const others = await open(7, '127.0.0.4')
    assert.deepEqual([count(others, 200), count(others, 429)], [5, 2])
  })

  test('give back what a worker held that died', async () => {
    assert.equal(count(await open(5, '127.0.0.5'), 200), 5)
    await killWorker(gateway, admin, '/x')
    await closeAll()
    const statuses = await open(20, '127.0.0.5')
    assert.deepEqual([count(statuses, 200), count(statuses, 429)], [5, 15])
  })
})
