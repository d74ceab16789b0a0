// Requests that come back: to the gateway itself, or by way of another one. And those that may not go far.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createAdmin } from '../support/admin.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createRawUpstream, type RawUpstream, valuesOf } from '../support/raw-upstream.ts'

const host = 'Host: a\r\n'
const last = 'Connection: close\r\n'

interface Hop {
  readonly gateway: TestGateway
  /** Every request goes to this origin from now on. */
  pointTo(url: string): Promise<void>
  close(): Promise<void>
}

const routesTo = (url: string) => ({
  upstreams: { next: { targets: [{ url }] } },
  routes: [{ id: 'all', paths: ['/*'], upstream: 'next', auth: 'none' }],
})

async function createHop(url: string): Promise<Hop> {
  const config = await createConfigDir({
    routes: routesTo(url),
    plugins: [{ id: 'observability', plugin: 'observability' }],
  })
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const admin = createAdmin(gateway)
  const version = async (): Promise<number> => (await admin('GET', '/admin/status')).body.version
  return {
    gateway,
    async pointTo(next) {
      const before = await version()
      await writeFile(join(config.dir, 'routes.json'), JSON.stringify(routesTo(next)))
      await waitUntil(async () => (await version()) > before)
    },
    async close() {
      await gateway.stop()
      await config.remove()
    },
  }
}

describe('requests that go on', () => {
  let end: RawUpstream
  let one: Hop
  let two: Hop
  before(async () => {
    end = await createRawUpstream()
    two = await createHop(end.url)
    one = await createHop(two.gateway.url)
  })
  after(async () => {
    await Promise.all([one.close(), two.close()])
    await end.close()
  })
  beforeEach(() => {
    end.requests.length = 0
  })
  const send = (path: string, headers = '', method = 'GET') =>
    sendRaw(one.gateway.port, `${method} ${path} HTTP/1.1\r\n${host}${last}${headers}\r\n`, 10_000)
  const logged = (hop: Hop, path: string) =>
    hop.gateway.logs().filter((line) => line.msg === 'request' && line.path === path)

  test('pass two gateways in a row, and both are named', async () => {
    assert.equal(statusOf(await send('/row')), 200)
    const [via] = valuesOf(end.requests[0]?.head ?? '', 'Via')
    assert.match(via ?? '', /^1\.1 aegis-[0-9a-f]{12}, 1\.1 aegis-[0-9a-f]{12}$/)
    assert.equal(new Set(via?.split(', ')).size, 2)
  })

  const forwards: [string, string, number, string | null][] = [
    ['OPTIONS', 'Max-Forwards: 5', 200, '3'],
    ['OPTIONS', 'Max-Forwards: 2', 200, '0'],
    ['OPTIONS', 'Max-Forwards: 1', 204, null],
    ['OPTIONS', 'Max-Forwards: 0', 204, null],
    ['OPTIONS', 'Max-Forwards: -1', 400, null],
    ['OPTIONS', 'Max-Forwards: 1e3', 400, null],
    ['OPTIONS', 'Max-Forwards: 9999999999', 400, null],
    ['OPTIONS', 'Max-Forwards: 5\r\nMax-Forwards: 5', 400, null],
    ['TRACE', 'Max-Forwards: 0', 405, null],
    ['GET', 'Max-Forwards: 0', 200, '0'],
  ]
  for (const [method, line, status, left] of forwards) {
    test(`${method} with ${JSON.stringify(line)} is answered ${status}`, async () => {
      const received = await send('/far', `${line}\r\n`, method)
      assert.equal(statusOf(received), status, received)
      if (status === 204)
        assert.match(received, /\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/i)
      assert.equal(end.requests.length, left === null ? 0 : 1)
      if (left !== null) assert.deepEqual(valuesOf(end.requests[0]?.head ?? '', 'Max-Forwards'), [left])
    })
  }

  test('and come back to where they began get 508, the second time they are there', async () => {
    await one.pointTo(one.gateway.url)
    const received = await send('/round')
    assert.equal(statusOf(received), 508)
    assert.match(received, /"AEGIS_LOOP"/)
    await waitUntil(() => logged(one, '/round').length >= 2)
    assert.equal(logged(one, '/round').length, 2)
  })

  test('and go round between two gateways that do not trust each other get 508 after one round', async () => {
    await one.pointTo(two.gateway.url)
    await two.pointTo(one.gateway.url)
    assert.equal(statusOf(await send('/circle')), 508)
    await waitUntil(() => logged(one, '/circle').length >= 2 && logged(two, '/circle').length >= 1)
    assert.equal(logged(one, '/circle').length, 2)
    assert.equal(logged(two, '/circle').length, 1)
  })
})
