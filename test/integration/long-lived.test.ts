// What ends a WebSocket or an event stream that is open: the end of what allowed it, and nothing that concerns others.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { connect as connectHttp2, constants } from 'node:http2'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import {
  agreeTo,
  closeAtEnd,
  createTunnelService,
  frame,
  handshake,
  openRaw,
  pathOf,
  type Side,
  statusOfSide,
  type TunnelService,
} from '../support/tunnels.ts'

const eventStream = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n'
const download = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\nfirst part'
const mask = Buffer.from([9, 8, 7, 6])

describe('what is open for long', () => {
  let service: TunnelService
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: tests change what they are about.
  let original: { routes: any; plugins: any }

  before(async () => {
    service = await createTunnelService((side) => {
      const path = pathOf(side.head)
      if (path.includes('stream')) side.socket.write(eventStream)
      else if (path.includes('download')) side.socket.write(download)
      else side.socket.write(agreeTo(side.head))
    })
    const config = await createConfigDir(
      createSaas(service.url, {
        gateway: {
          listeners: [
            { name: 'public', host: '127.0.0.1', port: 0 },
            { name: 'h2', host: '127.0.0.1', port: 0, http2: true },
          ],
        },
        routes: {
          tenants: [{ id: 'acme', plan: 'pro' }, { id: 'globex' }],
          upstreams: {
            api: { targets: [{ url: service.url }] },
            other: { targets: [{ url: service.url }] },
          },
          routes: [
            { id: 'api', paths: ['/api/*'], upstream: 'api' },
            { id: 'other', paths: ['/other/*'], upstream: 'other' },
            { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
            { id: 'keep', paths: ['/keep/*'], upstream: 'api', longLived: { onExpiry: 'keep' } },
            { id: 'idle', paths: ['/idle/*'], upstream: 'api', longLived: { idleMs: 1_500 } },
            { id: 'aged', paths: ['/aged/*'], upstream: 'api', longLived: { maxMs: 1_500 } },
          ],
        },
        plugins: [
          { id: 'request-id', plugin: 'request-id' },
          { id: 'ip-restriction', plugin: 'ip-restriction' },
          { id: 'cors', plugin: 'cors' },
          { ...jwtEntry, config: { ...jwtEntry.config, clockToleranceSeconds: 0 } },
          { id: 'tenant', plugin: 'tenant' },
          { id: 'observability', plugin: 'observability' },
        ],
      }),
    )
    dir = config.dir
    remove = config.remove
    original = { routes: await read('routes.json'), plugins: await read('plugins.json') }
    gateway = await startGateway({ configDir: dir })
  })
  after(async () => {
    await service.close()
    await gateway.stop()
    await remove()
  })
  beforeEach(async () => {
    await change('routes.json', () => original.routes)
    await change('plugins.json', () => original.plugins)
  })

  const read = async (name: string) => JSON.parse(await readFile(join(dir, name), 'utf8'))
  const status = async () =>
    (await (
      await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
    ).json()) as { version: number; workers: { version: number }[] }

  /** Resolves once every worker runs the changed config. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  async function change(name: 'routes.json' | 'plugins.json', edit: (config: any) => unknown): Promise<void> {
    const { version } = await status()
    const before = await read(name)
    const changed = edit(structuredClone(before))
    if (JSON.stringify(changed) === JSON.stringify(before)) return
    await writeFile(join(dir, name), JSON.stringify(changed))
    await waitUntil(async () => {
      const now = await status()
      return now.version > version && now.workers.every((worker) => worker.version === now.version)
    })
  }

  let count = 0
  /** A tunnel, or a stream where the path says so, with both of its sides. */
  async function open(route: string, claims: Record<string, unknown> = {}, host?: string) {
    count += 1
    const path = `${route}/${count}`
    const token = await createTestToken({ jti: `token-${count}`, ...claims })
    const options = host === undefined ? { token } : { token, host }
    const bytes =
      route.includes('stream') || route.includes('download')
        ? `GET ${path} HTTP/1.1\r\nHost: ${host ?? 'acme.example.com'}\r\nAuthorization: Bearer ${token}\r\n\r\n`
        : handshake(path, options)
    const client = await openRaw(gateway.port, bytes)
    return { client, path, upstream: await service.find(path), token }
  }
  const globex = () => open('/api/ws', { tenant_id: 'globex', user_id: 'bob' }, 'globex.example.com')
  const lineOf = (path: string) => gateway.logs().find((line) => line.msg === 'request' && line.path === path)
  const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1000) + seconds

  /** Both sides were told why, the log says so, and nothing is left of it. */
  async function assertEnded(
    { client, upstream, path }: { client: Side; upstream: Side; path: string },
    said: string,
  ): Promise<void> {
    await waitUntil(() => client.ended || client.closed)
    assert.equal(closeAtEnd(client.received), said)
    await waitUntil(() => upstream.ended)
    assert.equal(closeAtEnd(upstream.received), said)
    client.socket.end()
    upstream.socket.end()
    const line = await waitUntil(() => lineOf(path))
    assert.deepEqual([line.status, line.code], [101, said.slice(5)])
  }

  /** Bytes still pass, either way. */
  async function assertOpen({ client, upstream }: { client: Side; upstream: Side }): Promise<void> {
    const down = frame(1, `down ${count}`)
    const up = frame(1, `up ${count}`, mask)
    upstream.socket.write(down)
    client.socket.write(up)
    await waitUntil(() => client.received.includes(down) && upstream.received.includes(up))
    client.socket.destroy()
  }

  async function revoke(body: object): Promise<void> {
    const answer = await fetch(`${gateway.adminUrl}/admin/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(answer.ok, await answer.text())
  }

  test('a WebSocket ends with its token: both sides get a Close frame that says why', async () => {
    const one = await open('/api/ws', { exp: inSeconds(2) })
    assert.equal(statusOfSide(one.client), 101)
    await assertEnded(one, '1008 AEGIS_TOKEN_EXPIRED')
    assert.ok(
      Date.now() / 1000 >=
        (JSON.parse(Buffer.from(one.token.split('.')[1] as string, 'base64url').toString()).exp as number),
    )
  })

  test('a WebSocket outlives its token where the route says so, but not its revocation', async () => {
    const one = await open('/keep/ws', { exp: inSeconds(1) })
    const witness = await open('/api/ws', { exp: inSeconds(2) })
    await assertEnded(witness, '1008 AEGIS_TOKEN_EXPIRED')
    one.upstream.socket.write(frame(1, 'still here'))
    await waitUntil(() => one.client.received.includes('still here'))
    await revoke({ kind: 'token', subject: `token-${count - 1}` })
    await assertEnded(one, '1008 AEGIS_TOKEN_REVOKED')
  })

  const revocations: [string, object][] = [
    ['token', { jti: 'one-token' }],
    ['session', { sid: 'one-session' }],
    ['user', { user_id: 'mallory' }],
  ]
  for (const [kind, claims] of revocations) {
    test(`a WebSocket ends when its ${kind} is revoked; one of another stays`, async () => {
      const one = await open('/api/ws', { ...claims, iat: inSeconds(-10) })
      const other = await open('/api/ws', { user_id: 'eve', sid: 'other', iat: inSeconds(-10) })
      await revoke({ kind, subject: Object.values(claims)[0] })
      await assertEnded(one, '1008 AEGIS_TOKEN_REVOKED')
      await assertOpen(other)
    })
  }

  const endings: [string, (routes: typeof original.routes) => void, string][] = [
    [
      'its tenant is suspended',
      (routes) => {
        routes.tenants[0].status = 'suspended'
      },
      '1008 AEGIS_TENANT_SUSPENDED',
    ],
    [
      'its tenant is removed',
      (routes) => {
        routes.tenants.shift()
      },
      '1008 AEGIS_TENANT_UNKNOWN',
    ],
    [
      'its route is removed',
      (routes) => {
        routes.routes.shift()
      },
      '1008 AEGIS_NO_ROUTE',
    ],
  ]
  for (const [why, edit, said] of endings) {
    test(`a WebSocket ends when ${why}`, async () => {
      const one = await open('/api/ws')
      await change('routes.json', (routes) => {
        edit(routes)
        return routes
      })
      await assertEnded(one, said)
    })
  }

  test('WebSockets of other tenants stay when one tenant is suspended and another one removed', async () => {
    const other = await globex()
    await change('routes.json', (routes) => {
      routes.tenants[0].status = 'suspended'
      return routes
    })
    await assertOpen(other)
  })

  test('a WebSocket stays when routes, upstreams, tenants and plugins of others come, change and go', async () => {
    const one = await open('/api/ws')
    const removed = await open('/other/ws')
    await change('routes.json', (routes) => {
      routes.tenants.push({ id: 'new' })
      routes.routes.push({ id: 'new', paths: ['/new/*'], upstream: 'api' })
      routes.routes[1].upstream = 'api'
      delete routes.upstreams.other
      return routes
    })
    await change('plugins.json', (config) => {
      config.plugins.push({ id: 'size', plugin: 'request-size', config: { limitBytes: 10 } })
      config.plugins[2].config = { maxAgeSeconds: 5 }
      return config
    })
    await assertOpen(removed)
    await assertOpen(one)
  })

  const policies: [string, (plugins: { config: object }[]) => void, string][] = [
    [
      'the key that signed its token is gone',
      (plugins) => {
        Object.assign(plugins[3] as object, {
          config: {
            issuers: [
              {
                issuer: 'aegis-gateway',
                algorithms: ['HS256'],
                secret: 'another-secret-of-the-tests-long-enough',
              },
            ],
          },
        })
      },
      '1008 AEGIS_TOKEN_INVALID',
    ],
    [
      'its address is denied',
      (plugins) => {
        Object.assign(plugins[1] as object, { config: { deny: ['127.0.0.0/8'] } })
      },
      '1008 AEGIS_IP_DENIED',
    ],
  ]
  for (const [why, edit, said] of policies) {
    test(`a WebSocket ends when ${why}`, async () => {
      const one = await open('/api/ws')
      await change('plugins.json', (config) => {
        edit(config.plugins)
        return config
      })
      await assertEnded(one, said)
    })
  }

  test('a WebSocket on a public route has no token to lose', async () => {
    const one = await open('/open/ws', { exp: inSeconds(1) })
    await assertEnded(await open('/api/ws', { exp: inSeconds(2) }), '1008 AEGIS_TOKEN_EXPIRED')
    await assertOpen(one)
  })

  test('a Close frame never stands within another frame: the one under way is let out first', async () => {
    const before = await metric('aegis_long_lived_ended_total', 'refused')
    const one = await open('/api/ws')
    const down = frame(2, Buffer.alloc(300_000, 1))
    const up = frame(2, Buffer.alloc(300_000, 2), mask)
    one.upstream.socket.write(down.subarray(0, 200_000))
    one.client.socket.write(up.subarray(0, 5))
    await waitUntil(() => one.client.received.length === 200_000 && one.upstream.received.length === 5)
    await change('routes.json', (routes) => {
      routes.tenants[0].status = 'suspended'
      return routes
    })
    await waitUntil(async () => (await metric('aegis_long_lived_ended_total', 'refused')) > before)
    one.upstream.socket.write(Buffer.concat([down.subarray(200_000), frame(1, 'too late')]))
    one.client.socket.write(Buffer.concat([up.subarray(5), frame(1, 'too late', mask)]))
    await assertEnded(one, '1008 AEGIS_TENANT_SUSPENDED')
    assert.ok(one.client.received.subarray(0, down.length).equals(down))
    assert.ok(one.upstream.received.subarray(0, up.length).equals(up))
    assert.equal(one.client.received.length, down.length + 4 + '1008 AEGIS_TENANT_SUSPENDED'.length - 5)
  })

  test('a WebSocket through which nothing passes for idleMs ends; one with traffic does not', async () => {
    const idle = await open('/idle/ws')
    const busy = await open('/idle/ws')
    const beat = setInterval(() => busy.upstream.socket.write(frame(9, 'ping')), 100)
    await assertEnded(idle, '1001 AEGIS_IDLE')
    clearInterval(beat)
    await assertOpen(busy)
  })

  test('a WebSocket that is open for maxMs ends, whatever passes through it', async () => {
    const one = await open('/aged/ws')
    const beat = setInterval(() => one.upstream.socket.write(frame(9, 'ping')), 100)
    await waitUntil(() => one.client.ended)
    clearInterval(beat)
    await assertEnded(one, '1001 AEGIS_TOO_OLD')
  })

  test('an event stream ends with its token, without looking whole; a download goes on', async () => {
    const stream = await open('/api/stream', { exp: inSeconds(2) })
    const whole = await open('/api/download', { exp: inSeconds(2) })
    await waitUntil(() => stream.client.closed || stream.client.ended)
    assert.match(stream.client.received.toString(), /data: one/)
    assert.doesNotMatch(stream.client.received.toString(), /0\r\n\r\n$/)
    await waitUntil(() => stream.upstream.closed || stream.upstream.ended)
    const line = await waitUntil(() => lineOf(stream.path))
    assert.deepEqual([line.status, line.code], [200, 'AEGIS_TOKEN_EXPIRED'])
    whole.upstream.socket.end(' and the rest')
    await waitUntil(() => whole.client.received.toString().endsWith('0\r\n\r\n'))
    assert.match(whole.client.received.toString(), /first part.* and the rest/s)
    whole.client.socket.destroy()
  })

  test('an event stream over HTTP/2 is reset when its token expires; the connection and its other streams stay', async () => {
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as { listeners: { port: number }[] }
    const session = connectHttp2(`http://127.0.0.1:${ready.listeners[1]?.port}`)
    const ask = async (claims: object) => {
      const token = await createTestToken({ ...claims })
      const stream = session.request({
        ...{ ':authority': 'acme.example.com', ':path': '/api/stream/h2', authorization: `Bearer ${token}` },
      })
      stream.on('error', () => {})
      let received = ''
      stream.on('data', (chunk) => {
        received += chunk
      })
      await waitUntil(() => received.includes('data: one'))
      return stream
    }
    const one = await ask({ exp: inSeconds(2) })
    const other = await ask({})
    await waitUntil(() => one.closed)
    assert.notEqual(one.rstCode, constants.NGHTTP2_NO_ERROR)
    assert.equal((await waitUntil(() => lineOf('/api/stream/h2'))).code, 'AEGIS_TOKEN_EXPIRED')
    assert.equal(other.closed, false)
    assert.equal(session.closed, false)
    session.destroy()
  })

  test('an event stream ends when its tenant is suspended; that of another stays', async () => {
    const one = await open('/api/stream')
    const other = await open('/api/stream', { tenant_id: 'globex' }, 'globex.example.com')
    await change('routes.json', (routes) => {
      routes.tenants[0].status = 'suspended'
      return routes
    })
    await waitUntil(() => one.client.closed || one.client.ended)
    assert.equal((await waitUntil(() => lineOf(one.path))).code, 'AEGIS_TENANT_SUSPENDED')
    other.upstream.socket.write('data: two\n\n')
    await waitUntil(() => other.client.received.includes('data: two'))
    other.client.socket.destroy()
  })

  /** Of all workers. */
  async function metric(name: string, label: string): Promise<number> {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
  }
  const openOf = (kind: string) => metric('aegis_long_lived', `kind="${kind}"`)

  test('is counted while it is open', async () => {
    await waitUntil(async () => (await openOf('websocket')) === 0)
    const one = await open('/api/ws')
    const other = await open('/api/stream')
    await waitUntil(async () => (await openOf('websocket')) === 1)
    await waitUntil(async () => (await openOf('stream')) === 1)
    one.client.socket.destroy()
    other.client.socket.destroy()
    await waitUntil(async () => (await openOf('websocket')) === 0)
    await waitUntil(async () => (await openOf('stream')) === 0)
  })
})
