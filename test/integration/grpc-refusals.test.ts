// What the gateway says by itself, as a client of @grpc/grpc-js hears it: a status that it acts on, and words for who reads its log.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import {
  type ChannelTo,
  type EchoClient,
  EchoServer,
  type Heard,
  hearOne,
  hearStream,
  openChannel,
  status,
  tagged,
  unary,
} from './grpc-interop-scene.ts'

const names = ['Echo', 'Closed', 'Guarded', 'Limited', 'Slow', 'Small', 'Away']
const services = names.map((name) => `interop.${name}`)
const hour = { algorithm: 'fixed-window', windowMs: 3_600_000 }
const plugins = [
  { id: 'request-id', plugin: 'request-id' },
  jwtEntry,
  { id: 'tenant', plugin: 'tenant' },
  {
    ...{ id: 'rbac', plugin: 'rbac' },
    config: { roles: { reader: { permissions: ['secrets:read'] } }, subrequest: { enabled: false } },
  },
  {
    ...{ id: 'rate-limit', plugin: 'rate-limit', scope: { routes: ['limited'] } },
    config: { limits: [{ ...hour, name: 'few', key: ['tenant'], limit: 2 }] },
  },
  { id: 'size', plugin: 'request-size', scope: { routes: ['small'] }, config: { limitBytes: 1_000 } },
  { id: 'observability', plugin: 'observability' },
]

describe("the gateway's own answers to @grpc/grpc-js", () => {
  const server = new EchoServer(services)
  const clients: EchoClient[] = []
  let gateway: TestGateway
  let remove: () => Promise<void>

  before(async () => {
    const targets = [{ url: await server.listen() }]
    const http2 = { transport: 'http2', targets }
    const on = (name: string, more: object = {}) => ({
      ...{ id: name.toLowerCase(), paths: [`/interop.${name}/*`], upstream: 'api' },
      ...more,
    })
    const config = await createConfigDir(
      createSaas('', {
        gateway: { listeners: [{ name: 'public', host: '127.0.0.1', port: 0, http2: true }] },
        routes: {
          upstreams: {
            api: http2,
            impatient: { ...http2, timeouts: { headersMs: 200 } },
            away: { transport: 'http2', targets: [{ url: 'http://127.0.0.1:1' }] },
          },
          routes: [
            on('Echo', { auth: 'none' }),
            on('Closed'),
            on('Guarded', { permission: { resource: 'secrets', action: 'read' } }),
            on('Limited'),
            on('Slow', { upstream: 'impatient', auth: 'none' }),
            on('Small', { auth: 'none' }),
            on('Away', { upstream: 'away', auth: 'none' }),
          ],
        },
        plugins,
      }),
    )
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    for (const client of clients) client.close()
    await gateway.stop()
    server.close()
    await remove()
  })

  function open(name: string, to: ChannelTo = {}): EchoClient {
    const client = openChannel(`127.0.0.1:${gateway.port}`, { service: `interop.${name}`, ...to })
    clients.push(client)
    return client
  }
  const withToken = async (claims: Record<string, unknown> = {}) =>
    tagged({ authorization: `Bearer ${await createTestToken(claims)}` })

  /** A sentence, and the code to look up. */
  function assertRefused(heard: Heard, code: number, name: string): void {
    assert.deepEqual([heard.messages, heard.code], [[], code], heard.details)
    assert.match(heard.details, /^[A-Z][^\n%]{10,200}\. \(AEGIS_[A-Z0-9_]+\)$/)
    assert.ok(heard.details.endsWith(`(${name})`), heard.details)
  }

  test('no token, and one that is none, are UNAUTHENTICATED', async () => {
    const client = open('Closed')
    assertRefused(await unary(client, 'x'), status.UNAUTHENTICATED, 'AEGIS_TOKEN_MISSING')
    const { metadata } = tagged({ authorization: 'Bearer none' })
    assertRefused(await unary(client, 'x', metadata), status.UNAUTHENTICATED, 'AEGIS_TOKEN_INVALID')
  })

  test('a token opens the door, and the server hears whose it is', async () => {
    const { tag, metadata } = await withToken()
    assert.deepEqual((await unary(open('Closed'), 'x', metadata)).messages, ['re x'])
    const seen = server.seen.get(tag)?.metadata
    assert.deepEqual([seen?.get('x-user-id'), seen?.get('x-tenant-id')], [['ada'], ['acme']])
  })

  test('a permission that is not granted is PERMISSION_DENIED', async () => {
    const client = open('Guarded')
    const denied = await unary(client, 'x', (await withToken()).metadata)
    assertRefused(denied, status.PERMISSION_DENIED, 'AEGIS_PERMISSION_DENIED')
    const reader = await unary(client, 'x', (await withToken({ roles: ['reader'] })).metadata)
    assert.deepEqual([reader.code, reader.messages], [status.OK, ['re x']])
  })

  test('a limit that is met is RESOURCE_EXHAUSTED, and says when to come again', async () => {
    const client = open('Limited')
    const ask = async () => unary(client, 'x', (await withToken()).metadata)
    const codes = [(await ask()).code, (await ask()).code]
    assert.deepEqual(codes, [status.OK, status.OK])
    const limited = await ask()
    assertRefused(limited, status.RESOURCE_EXHAUSTED, 'AEGIS_RATE_LIMITED')
    assert.ok(Number(limited.end.get('retry-after')[0]) > 0)
  })

  test('a service that no route leads to is UNIMPLEMENTED', async () => {
    assertRefused(await unary(open('Nowhere'), 'x'), status.UNIMPLEMENTED, 'AEGIS_NO_ROUTE')
  })

  test('a method that the service does not have is UNIMPLEMENTED in its own words', async () => {
    const client = open('Echo')
    const heard = await hearOne((answered) => {
      const same = (text: string): Buffer => Buffer.from(text)
      return client.makeUnaryRequest('/interop.Echo/None', same, String, 'x', tagged().metadata, answered)
    })
    assert.equal(heard.code, status.UNIMPLEMENTED)
    assert.doesNotMatch(heard.details, /AEGIS/)
  })

  test('an upstream that cannot be reached is UNAVAILABLE', async () => {
    const client = open('Away')
    assertRefused(await unary(client, 'x'), status.UNAVAILABLE, 'AEGIS_UPSTREAM_UNREACHABLE')
    const stream = await hearStream(client.count('3 3', tagged().metadata))
    assertRefused(stream, status.UNAVAILABLE, 'AEGIS_UPSTREAM_UNREACHABLE')
  })

  test('an upstream that answers too late is DEADLINE_EXCEEDED, and has the call cancelled', async () => {
    const { tag, metadata } = tagged()
    const late = await hearOne((answered) => open('Slow').never('x', metadata, {}, answered))
    assertRefused(late, status.DEADLINE_EXCEEDED, 'AEGIS_UPSTREAM_TIMEOUT')
    assert.ok(server.seen.has(tag))
  })

  test('a message that is too large is RESOURCE_EXHAUSTED, and the channel goes on', async () => {
    const client = open('Small')
    const large = await unary(client, 'x'.repeat(100_000))
    assertRefused(large, status.RESOURCE_EXHAUSTED, 'AEGIS_BODY_TOO_LARGE')
    assert.deepEqual((await unary(client, 'x')).messages, ['re x'])
  })

  test('the authority says the tenant', async () => {
    for (const [host, tenant] of [
      ['acme.example.com', 'acme'],
      ['globex.example.com:8443', 'globex'],
      ['api.globex.test', 'globex'],
    ] as const) {
      const { tag, metadata } = tagged()
      assert.equal((await unary(open('Echo', { host }), 'x', metadata)).code, status.OK)
      assert.deepEqual(server.seen.get(tag)?.metadata.get('x-tenant-id'), [tenant])
    }
  })

  test('a token of one tenant is no key to another', async () => {
    const heard = await unary(
      open('Closed', { host: 'globex.example.com' }),
      'x',
      (await withToken()).metadata,
    )
    assertRefused(heard, status.PERMISSION_DENIED, 'AEGIS_TENANT_MISMATCH')
  })

  test('a tenant that is suspended or unknown is refused', async () => {
    const gone = await unary(open('Echo', { host: 'gone.example.com' }), 'x')
    assertRefused(gone, status.PERMISSION_DENIED, 'AEGIS_TENANT_SUSPENDED')
    const nobody = await unary(open('Echo', { host: 'nobody.example.com' }), 'x')
    assertRefused(nobody, status.UNIMPLEMENTED, 'AEGIS_TENANT_UNKNOWN')
  })

  test('what a client says of its tenant, user and tracks is not believed', async () => {
    const { tag, metadata } = tagged({ 'x-tenant-id': 'globex', 'x-user-id': 'root', x_user_roles: 'admin' })
    assert.equal((await unary(open('Echo'), 'x', metadata)).code, status.OK)
    const seen = server.seen.get(tag)?.metadata
    assert.deepEqual([seen?.get('x-tenant-id'), seen?.get('x-user-id')], [['acme'], []])
    assert.deepEqual(seen?.get('x_user_roles'), [])
  })
})
