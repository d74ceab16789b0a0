// Who gets a tunnel: by the raw bytes that the service saw. A tunnel that only one side agreed to carries requests past every
// policy (WebSocket request smuggling).
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import {
  agreeTo,
  createTunnelService,
  frame,
  handshake,
  openRaw,
  pathOf,
  type Side,
  statusOfSide,
  type TunnelService,
} from '../support/tunnels.ts'

const smuggled = 'GET /api/admin/secret HTTP/1.1\r\nHost: acme.example.com\r\n\r\n'
const key = 'dGhlIHNhbXBsZSBub25jZQ=='

/** A plugin that takes its time on every answer. */
const slowPlugin = `export default {
  name: 'slow',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  onFailure: 'deny',
  create: (_, ports) => ({
    onResponse: () => new Promise((resolve) => { ports.clock.after(200, resolve) }),
  }),
}`

/** One that makes two lines of a header. */
const splittingPlugin = `export default {
  name: 'splitting',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  onFailure: 'deny',
  create: () => ({ onResponse: (ex) => ex.setResponseHeader('x-note', 'a\\r\\nset-cookie: evil=1') }),
}`

describe('the handshake of a WebSocket', () => {
  let service: TunnelService
  let gateway: TestGateway
  let remove: () => Promise<void>
  let token: string
  /** What the service answers next, by path. */
  const answers = new Map<string, (side: Side) => void>()

  before(async () => {
    service = await createTunnelService((side) => {
      const answer = answers.get(pathOf(side.head))
      if (answer !== undefined) answer(side)
      else side.socket.write(agreeTo(side.head))
    })
    const target = { targets: [{ url: service.url }], timeouts: { headersMs: 60_000 } }
    const config = await createConfigDir(
      createSaas(service.url, {
        routes: {
          upstreams: { api: target, undici: { ...target, transport: 'undici' } },
          routes: [
            { id: 'api', paths: ['/api/*'], upstream: 'api' },
            { id: 'undici', paths: ['/undici/*'], upstream: 'undici' },
            { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
            { id: 'slow', paths: ['/slow/*'], upstream: 'api', auth: 'none' },
            { id: 'splitting', paths: ['/splitting/*'], upstream: 'api', auth: 'none' },
          ],
        },
        plugins: [
          { id: 'request-id', plugin: 'request-id' },
          {
            id: 'cors',
            plugin: 'cors',
            config: { tenants: { globex: { origins: ['https://app.globex.test'], credentials: true } } },
          },
          jwtEntry,
          { id: 'tenant', plugin: 'tenant' },
          { id: 'slow', plugin: './slow.ts', scope: { routes: ['slow'] } },
          { id: 'splitting', plugin: './splitting.ts', scope: { routes: ['splitting'] } },
          { id: 'observability', plugin: 'observability' },
        ],
      }),
    )
    remove = config.remove
    await writeFile(join(config.dir, 'slow.ts'), slowPlugin)
    await writeFile(join(config.dir, 'splitting.ts'), splittingPlugin)
    gateway = await startGateway({ configDir: config.dir })
    token = await createTestToken()
  })
  after(async () => {
    await service.close()
    await gateway.stop()
    await remove()
  })

  let count = 0
  const nextPath = (route = '/api') => `${route}/${++count}`

  /** Nothing of what stood behind the handshake reached a service, in a tunnel or as a request. */
  function assertNothingSmuggled(path: string): void {
    for (const side of service.sides) {
      assert.ok(!side.head.includes('/admin/secret'), side.head)
      if (pathOf(side.head) === path) assert.equal(side.received.toString(), '')
    }
  }

  const upgraded = `Connection: Upgrade\r\nUpgrade: websocket\r\n`
  const proof = (head: string) => /Sec-WebSocket-Accept: .*\r\n/.exec(agreeTo(head))?.[0] ?? ''
  const refusals: [string, (side: Side) => string, number][] = [
    [
      '426, as to a version it does not know',
      () => 'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n',
      426,
    ],
    ['200 without a body', () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200],
    ['200 that says Upgrade', () => `HTTP/1.1 200 OK\r\n${upgraded}Content-Length: 2\r\n\r\nok`, 200],
    ['400', () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n', 400],
    [
      '503, which would be tried again',
      () => 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n',
      503,
    ],
    ['101 without a proof', () => `HTTP/1.1 101 Switching Protocols\r\n${upgraded}\r\n`, 502],
    [
      '101 with the proof of another key',
      () =>
        `HTTP/1.1 101 Switching Protocols\r\n${upgraded}Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n`,
      502,
    ],
    [
      '101 with two proofs',
      ({ head }) => `HTTP/1.1 101 Switching Protocols\r\n${upgraded}${proof(head)}${proof(head)}\r\n`,
      502,
    ],
    [
      '101 to h2c',
      ({ head }) =>
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${proof(head)}\r\n`,
      502,
    ],
    [
      '101 without Upgrade',
      ({ head }) => `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${proof(head)}\r\n`,
      502,
    ],
    [
      '101 that Connection does not confirm',
      ({ head }) => `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n${proof(head)}\r\n`,
      502,
    ],
    ['101 of HTTP/1.0', ({ head }) => agreeTo(head).replace('HTTP/1.1', 'HTTP/1.0'), 502],
  ]
  for (const transport of ['/api', '/undici']) {
    for (const [what, answer, status] of refusals) {
      // undici does not say of which version an answer is; all else in it is right.
      if (transport === '/undici' && what === '101 of HTTP/1.0') continue
      test(`${transport}: the service says ${what}: no tunnel, ${status}, and nothing behind it is a request`, async () => {
        const path = nextPath(transport)
        answers.set(path, (side) => void side.socket.write(answer(side)))
        const client = await openRaw(gateway.port, handshake(path, { token }) + smuggled)
        assert.equal(statusOfSide(client), status)
        assert.match(client.head, /^connection: close\r$/im)
        await waitUntil(() => client.ended || client.closed)
        assert.doesNotMatch(client.received.toString('latin1'), /HTTP\/1\.1/)
        client.socket.destroy()
        const side = await service.find(path)
        await waitUntil(() => side.ended || side.closed)
        assertNothingSmuggled(path)
      })
    }
  }

  const lax: [string, (path: string) => string][] = [
    [
      'asks for h2c',
      (path) =>
        handshake(path, {
          token,
          without: 'Upgrade',
          headers: 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
        }),
    ],
    ['asks for websocket and h2c', (path) => handshake(path, { token, headers: 'Upgrade: h2c\r\n' })],
    [
      'has version 12',
      (path) =>
        handshake(path, {
          token,
          without: 'Sec-WebSocket-Version',
          headers: 'Sec-WebSocket-Version: 12\r\n',
        }),
    ],
    ['has no version', (path) => handshake(path, { token, without: 'Sec-WebSocket-Version' })],
    ['has two versions', (path) => handshake(path, { token, headers: 'Sec-WebSocket-Version: 13\r\n' })],
    ['has no key', (path) => handshake(path, { token, without: 'Sec-WebSocket-Key' })],
    ['has two keys', (path) => handshake(path, { token, headers: `Sec-WebSocket-Key: ${key}\r\n` })],
    [
      'has a key that is none',
      (path) =>
        handshake(path, { token, without: 'Sec-WebSocket-Key', headers: 'Sec-WebSocket-Key: short\r\n' }),
    ],
    ['does not name Upgrade in Connection', (path) => handshake(path, { token, without: 'Connection' })],
    ['is a POST', (path) => handshake(path, { token }).replace('GET', 'POST')],
    ['is a HEAD', (path) => handshake(path, { token }).replace('GET', 'HEAD')],
    [
      'is a PUT with a body',
      (path) => handshake(path, { token, headers: 'Content-Length: 0\r\n' }).replace('GET', 'PUT'),
    ],
    ['is of HTTP/1.0', (path) => handshake(path, { token }).replace('HTTP/1.1', 'HTTP/1.0')],
  ]
  for (const transport of ['/api', '/undici']) {
    for (const [what, build] of lax) {
      test(`${transport}: one that ${what} is ordinary HTTP: nothing of an upgrade goes up, and a 101 to it is a 502`, async () => {
        const path = nextPath(transport)
        answers.set(path, (side) => void side.socket.write(agreeTo(side.head)))
        const client = await openRaw(gateway.port, build(path) + smuggled)
        const side = await service.find(path)
        assert.doesNotMatch(side.head, /^(upgrade|http2-settings|connection: *upgrade)/im)
        assert.equal(statusOfSide(client), 502)
        client.socket.end()
        await waitUntil(() => client.closed)
        // What stands behind it is a request, and judged as one: it has no token.
        assertNothingSmuggled(path)
      })
    }
  }

  test('what the client sends behind it waits for the 101 and comes through whole', async () => {
    for (const transport of ['/api', '/undici']) {
      const path = nextPath(transport)
      let waiting: Side | undefined
      answers.set(path, (side) => {
        waiting = side
      })
      const early = Buffer.concat([frame(1, 'early', Buffer.from([1, 2, 3, 4])), Buffer.from(smuggled)])
      const opening = openRaw(gateway.port, Buffer.concat([Buffer.from(handshake(path, { token })), early]))
      const side = await waitUntil(() => waiting)
      assert.equal(side.received.length, 0)
      side.socket.write(agreeTo(side.head))
      const client = await opening
      await waitUntil(() => side.received.length >= early.length)
      assert.ok(side.received.equals(early))
      client.socket.destroy()
    }
  })

  test('what the service says while a plugin takes its time on its 101 comes through whole', async () => {
    const path = nextPath('/slow')
    const spoken = Array.from({ length: 20 }, (_, i) => frame(1, `hello ${i}`))
    answers.set(path, async (side) => {
      side.socket.write(agreeTo(side.head))
      for (const one of spoken) {
        await new Promise((resolve) => setImmediate(resolve))
        side.socket.write(one)
      }
    })
    const client = await openRaw(gateway.port, handshake(path))
    assert.equal(statusOfSide(client), 101)
    const expected = Buffer.concat(spoken)
    const side = await service.find(path)
    side.socket.end()
    await waitUntil(() => client.ended)
    assert.ok(client.received.equals(expected), `${client.received.length} of ${expected.length} bytes`)
    client.socket.destroy()
  })

  test('where a plugin makes two lines of a header there is no tunnel, and the service is let go of', async () => {
    const path = nextPath('/splitting')
    const client = await openRaw(gateway.port, handshake(path))
    assert.equal(statusOfSide(client), 500)
    assert.doesNotMatch(client.head, /evil/)
    const side = await service.find(path)
    await waitUntil(() => side.ended || side.closed)
    client.socket.destroy()
  })

  test('subprotocols, extensions and their order pass byte for byte, both ways', async () => {
    const path = nextPath()
    const asked =
      'Sec-WebSocket-Protocol: chat.v2,  Super-Chat\r\nSec-WebSocket-Protocol: chat.v1\r\n' +
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-foo; a="b ;c"\r\n'
    const given =
      'sec-websocket-PROTOCOL: Super-Chat\r\nSec-WebSocket-Extensions: permessage-deflate;server_no_context_takeover\r\n'
    answers.set(path, (side) => void side.socket.write(agreeTo(side.head, given)))
    const client = await openRaw(gateway.port, handshake(path, { token, headers: asked }))
    const { head } = await service.find(path)
    for (const line of asked.trimEnd().split('\r\n')) assert.ok(head.includes(`${line}\r\n`), line)
    for (const line of given.trimEnd().split('\r\n')) assert.ok(client.head.includes(`${line}\r\n`), line)
    client.socket.destroy()
  })

  const callers: [string, (path: string) => Promise<string> | string, number][] = [
    ['a token in the header', (path) => handshake(path, { token }), 101],
    [
      'a token in the cookie',
      (path) => handshake(path, { headers: `Cookie: aegis_token=${token}\r\n` }),
      101,
    ],
    ['no token', (path) => handshake(path), 401],
    [
      'a token in the query',
      (path) => handshake(`${path}?access_token=${token}&token=${token}&aegis_token=${token}`),
      401,
    ],
    [
      'a token as a subprotocol',
      (path) => handshake(path, { headers: `Sec-WebSocket-Protocol: bearer, ${token}\r\n` }),
      401,
    ],
    ['two tokens', (path) => handshake(path, { token, headers: 'Authorization: Bearer x.y.z\r\n' }), 401],
    [
      'the token of another tenant',
      async (path) => handshake(path, { token: await createTestToken({ tenant_id: 'globex' }) }),
      403,
    ],
    [
      'a token that has expired',
      async (path) => handshake(path, { token: await createTestToken({ exp: 1_700_000_000 }) }),
      401,
    ],
  ]
  for (const [what, build, status] of callers) {
    test(`with ${what} it gets ${status}`, async () => {
      const path = nextPath()
      const client = await openRaw(gateway.port, await build(path))
      assert.equal(statusOfSide(client), status)
      assert.equal(
        service.sides.some(({ head }) => pathOf(head) === path),
        status === 101,
      )
      client.socket.destroy()
    })
  }

  const origins: [string, string, string, number][] = [
    ['acme', 'no Origin, as clients that are no browsers', '', 101],
    [
      'acme',
      'a page of anywhere, without cookies, where all origins are allowed',
      'Origin: https://evil.test\r\n',
      101,
    ],
    ['acme', 'a page of anywhere, with cookies', 'Origin: https://evil.test\r\nCookie: a=1\r\n', 403],
    ['acme', 'a sandboxed page, with cookies', 'Origin: null\r\nCookie: a=1\r\n', 403],
    [
      'acme',
      'a page of a name that only begins so, with cookies',
      'Origin: http://acme.example.com.evil.test\r\nCookie: a=1\r\n',
      403,
    ],
    ['acme', 'its own page, with cookies', 'Origin: http://acme.example.com:8443\r\nCookie: a=1\r\n', 101],
    ['globex', 'a page that is allowed', 'Origin: https://app.globex.test\r\nCookie: a=1\r\n', 101],
    ['globex', 'its own page', 'Origin: https://globex.example.com\r\nCookie: a=1\r\n', 101],
    ['globex', 'a page that is not allowed', 'Origin: https://evil.test\r\n', 403],
  ]
  for (const [tenant, who, headers, status] of origins) {
    test(`for ${tenant}, ${who}, it gets ${status}`, async () => {
      const path = nextPath()
      const host = `${tenant}.example.com`
      const mine = await createTestToken({ tenant_id: tenant })
      const client = await openRaw(gateway.port, handshake(path, { host, token: mine, headers }))
      assert.equal(statusOfSide(client), status)
      if (status === 403) assert.match(client.received.toString(), /AEGIS_ORIGIN_DENIED/)
      client.socket.destroy()
    })
  }
})
