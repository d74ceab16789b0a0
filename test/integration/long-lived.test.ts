// What ends a WebSocket that is open: the end of what allowed it, and nothing that concerns others.
import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import { frame, statusOfSide } from '../support/tunnels.ts'
import { inSeconds, mask, startLongLivedScene } from './long-lived-scene.ts'

const scene = await startLongLivedScene()
const { open, globex, change, revoke, metric, assertEnded, assertOpen } = scene
after(scene.stop)
beforeEach(scene.restore)

describe('a WebSocket', () => {
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
    await revoke({ kind: 'token', subject: one.jti })
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

  // biome-ignore lint/suspicious/noExplicitAny: tests change what they are about.
  const endings: [string, (routes: any) => void, string][] = [
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
})
