// Raw bytes against behaviour.md section 6. The judge is what the upstream saw, then the status.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createSaas, createTestToken } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const host = 'Host: acme.example.com\r\n'
/** Behind every refused request: it must reach nobody, whatever the refused one was taken for. */
const next = `GET /open/smuggled HTTP/1.1\r\n${host}\r\n`
/** Behind a good one: ends the connection, so that nobody waits for more. */
const end = `GET /health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
const get = (headers: string, target = '/open/x', version = '1.1') =>
  `GET ${target} HTTP/${version}\r\n${headers}\r\n`
const post = (headers: string, body: string, version = '1.1') =>
  `POST /open/x HTTP/${version}\r\n${host}${headers}\r\n${body}`

describe('admission', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  /** Raw bytes that the upstream got. */
  let raw = ''

  before(async () => {
    upstream = await createUpstream()
    upstream.server.on('connection', (socket: Socket) =>
      socket.on('data', (chunk) => {
        raw += chunk.toString('latin1')
      }),
    )
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: {
          limits: { headerCount: 50, urlBytes: 4_096, bodyBytes: 100_000 },
          timeouts: { headersMs: 600, requestMs: 1_200 },
        },
      }),
    )
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })
  beforeEach(() => {
    raw = ''
    upstream.seen.length = 0
  })
  const seen = () => upstream.seen.map(({ method, url }) => `${method} ${url}`)

  const refused: [string, number, string][] = [
    ['no Host', 400, get('')],
    ['Host twice, alike', 400, get(`${host}${host}`)],
    ['Host twice, different', 400, get('Host: a\r\nHost: b\r\n')],
    ['Host twice in different case', 400, get('Host: a\r\nhOST: b\r\n')],
    ['an empty Host', 400, get('Host: \r\n')],
    ['Host with a space', 400, get('Host: bad host\r\n')],
    ['Host with a list', 400, get('Host: a,b\r\n')],
    ['Host with userinfo', 400, get('Host: a@b\r\n')],
    ['Host with a path', 400, get('Host: a/b\r\n')],
    ['Host with a query', 400, get('Host: a?b\r\n')],
    ['Host with a backslash', 400, get('Host: a\\b\r\n')],
    ['Host with an escape', 400, get('Host: a%2eb\r\n')],
    ['Host with an empty label', 400, get('Host: a..b\r\n')],
    ['Host that starts with a dot', 400, get('Host: .a\r\n')],
    ['Host with a port that is none', 400, get('Host: a:80a\r\n')],
    ['Host with a port out of range', 400, get('Host: a:65536\r\n')],
    ['Host with an empty port', 400, get('Host: a:\r\n')],
    ['Host with two ports', 400, get('Host: a:80:80\r\n')],
    ['Host with an address that is none', 400, get('Host: [::::]\r\n')],
    ['Host with a bare IPv6 address', 400, get('Host: ::1\r\n')],
    ['Host with bytes beyond ASCII', 400, get('Host: \xe4\r\n')],
    ['absolute-form with another host', 400, get(host, 'http://globex.example.com/open/x')],
    ['absolute-form with another port', 400, get(host, 'http://acme.example.com:81/open/x')],
    ['absolute-form with userinfo', 400, get(host, 'http://user@acme.example.com/open/x')],
    ['absolute-form of another scheme', 400, get(host, 'ftp://acme.example.com/open/x')],
    ['authority-form outside of CONNECT', 400, get(host, 'acme.example.com:80')],
    ['a fragment', 400, get(host, '/open/x#frag')],
    ['a fragment behind a query', 400, get(host, '/open/x?a#frag')],
    ['* outside of OPTIONS', 400, get(host, '*')],
    ['a relative path', 400, get(host, 'open/x')],
    ['an encoded slash', 400, get(host, '/open/x%2f..')],
    ['an encoded backslash', 400, get(host, '/open/x%5C..')],
    ['a backslash', 400, get(host, '/open\\..\\x')],
    ['an encoded NUL', 400, get(host, '/open/x%00')],
    ['an encoded line break', 400, get(host, '/open/x%0d%0aX: y')],
    ['an escape that is none', 400, get(host, '/open/%zz')],
    ['dot segments above the root', 400, get(host, '/open/../../etc')],
    ['encoded dot segments above the root', 400, get(host, '/%2e%2e/etc')],
    ['a dot segment with a parameter', 400, get(host, '/open/..;/api')],
    ['a space in the target', 400, get(host, '/open/a b')],
    ['bytes beyond ASCII in the path', 400, get(host, '/open/\xe4')],
    ['Content-Length with a leading zero', 400, post('Content-Length: 05\r\n', 'hello')],
    ['Content-Length with a plus', 400, post('Content-Length: +5\r\n', 'hello')],
    ['Content-Length with a minus', 400, post('Content-Length: -5\r\n', 'hello')],
    ['Content-Length in hexadecimal', 400, post('Content-Length: 0x5\r\n', 'hello')],
    ['Content-Length with letters', 400, post('Content-Length: 5a\r\n', 'hello')],
    ['an empty Content-Length', 400, post('Content-Length: \r\n', '')],
    ['Content-Length with a list', 400, post('Content-Length: 5, 5\r\n', 'hello')],
    ['Content-Length twice, alike', 400, post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
    ['Content-Length twice, different', 400, post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
    ['Content-Length beyond counting', 400, post('Content-Length: 99999999999999999999999\r\n', 'hello')],
    ['TE and CL', 400, post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['CL and TE', 400, post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n')],
    ['TE twice', 400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['TE identity, then chunked', 400, post('Transfer-Encoding: identity, chunked\r\n', '0\r\n\r\n')],
    ['TE chunked, then identity', 400, post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
    ['TE gzip, then chunked', 400, post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['TE gzip', 400, post('Transfer-Encoding: gzip\r\n', '')],
    ['TE that looks like chunked', 400, post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
    ['TE with a vertical tab', 400, post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')],
    ['TE with a space before the colon', 400, post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
    ['HTTP/1.0 with chunked', 400, post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n', '1.0')],
    ['a __proto__ header', 400, get(`${host}__proto__: x\r\n`)],
    ['a __proto__ header in other case', 400, get(`${host}__PROTO__: x\r\n`)],
    ['a header name with a space', 400, get(`${host}X Y: z\r\n`)],
    ['a header name with a NUL', 400, get(`${host}X\x00Y: z\r\n`)],
    ['a header without a name', 400, get(`${host}: z\r\n`)],
    ['a header value with a NUL', 400, get(`${host}X: a\x00b\r\n`)],
    ['a header value with a bare CR', 400, get(`${host}X: a\rb\r\n`)],
    ['obs-fold', 400, get(`${host}X: a\r\n b\r\n`)],
    ['a space before the first header', 400, get(` X: y\r\n${host}`)],
    ['bare LF after the request line', 400, `GET /open/x HTTP/1.1\n${host}\r\n`],
    ['bare LF after a header', 400, `GET /open/x HTTP/1.1\r\nHost: acme.example.com\n\r\n`],
    ['bare LF at the end of the head', 400, `GET /open/x HTTP/1.1\r\n${host}\n`],
    ['HTTP/1.1 spelled otherwise', 400, get(host, '/open/x', '1.1 ')],
    ['HTTP/2.0 in text', 505, get(host, '/open/x', '2.0')],
    ['HTTP/0.9', 400, 'GET /open/x\r\n\r\n'],
    ['HTTP/0.9 by name', 505, get(host, '/open/x', '0.9')],
    ['a method that is none', 400, `G@T /open/x HTTP/1.1\r\n${host}\r\n`],
    ['TRACE', 405, `TRACE /open/x HTTP/1.1\r\n${host}\r\n`],
    ['CONNECT', 405, `CONNECT acme.example.com:80 HTTP/1.1\r\n${host}\r\n`],
    ['more header fields than allowed', 431, get(host + 'A: b\r\n'.repeat(50))],
    ['a header section that is too large', 431, get(`${host}X: ${'a'.repeat(20_000)}\r\n`)],
    ['a target that is too long', 414, get(host, `/open/${'a'.repeat(5_000)}`)],
    ['an expectation that nobody knows', 417, get(`${host}Expect: 200-ok\r\n`)],
  ]
  for (const [title, status, bytes] of refused) {
    test(`answers ${status} to ${title}`, async () => {
      const received = await sendRaw(gateway.port, Buffer.from(bytes + next, 'latin1'), 2_000)
      assert.deepEqual(seen(), [], 'the upstream was asked')
      assert.equal(raw, '')
      assert.equal(statusOf(received), status)
      assert.equal(received.match(/HTTP\/1\.1 \d/g)?.length, 1, 'more than one answer')
      assert.match(received, /connection: close/i)
      assert.match(received, /application\/problem\+json/)
      if (status === 505) assert.match(received, /"code":"AEGIS_HTTP_VERSION"/)
    })
  }

  const passed: [string, string, string[]][] = [
    ['a plain request', get(host), ['GET /open/x']],
    ['Host with a port', get('Host: acme.example.com:8000\r\n'), ['GET /open/x']],
    ['Host with a last dot', get('Host: acme.example.com.\r\n'), ['GET /open/x']],
    ['Host in upper case', get('HOST: ACME.Example.COM\r\n'), ['GET /open/x']],
    ['absolute-form that agrees', get(host, 'http://acme.example.com/open/x?y'), ['GET /open/x?y']],
    ['absolute-form in other case', get(host, 'HTTP://ACME.example.com/open/x'), ['GET /open/x']],
    ['encoded unreserved characters', get(host, '/%6fpen/%78'), ['GET /open/x']],
    ['dot segments', get(host, '/open/a/../x'), ['GET /open/x']],
    ['a run of slashes', get(host, '//open///x'), ['GET /open/x']],
    ['a query as it is', get(host, '/open/x?a=%2F..%00&&b=|"\\'), ['GET /open/x?a=%2F..%00&&b=|"\\']],
    ['Content-Length', post('Content-Length: 5\r\n', 'hello'), ['POST /open/x']],
    ['Content-Length with spaces around', post('Content-Length:  5 \r\n', 'hello'), ['POST /open/x']],
    ['chunked', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'), ['POST /open/x']],
    [
      'Chunked in other case',
      post('Transfer-Encoding: cHuNkEd\r\n', '5\r\nhello\r\n0\r\n\r\n'),
      ['POST /open/x'],
    ],
    ['HTTP/1.0', get(host, '/open/x', '1.0'), ['GET /open/x']],
    ['an Expect of HTTP/1.0', get(`${host}Expect: anything\r\n`, '/open/x', '1.0'), ['GET /open/x']],
    ['two in a row', get(host, '/open/1') + get(host, '/open/2'), ['GET /open/1', 'GET /open/2']],
    ['a header of every object', get(`${host}constructor: x\r\ntoString: y\r\n`), ['GET /open/x']],
  ]
  for (const [title, bytes, expected] of passed) {
    test(`passes ${title}`, async () => {
      const received = await sendRaw(gateway.port, Buffer.from(bytes + end, 'latin1'), 2_000)
      assert.equal(statusOf(received), 200, received)
      assert.deepEqual(seen(), expected)
    })
  }

  test('tells which methods are served to TRACE and CONNECT', async () => {
    for (const line of ['TRACE /open/x', 'CONNECT a:80']) {
      const received = await sendRaw(gateway.port, `${line} HTTP/1.1\r\n${host}\r\n`, 2_000)
      assert.match(received, /allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/i)
    }
  })

  test('serves OPTIONS *', async () => {
    const received = await sendRaw(gateway.port, `OPTIONS * HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    assert.equal(statusOf(received), 204)
    assert.match(received, /allow: /i)
    assert.deepEqual(seen(), [])
  })

  const upgrades: [string, string][] = [
    [
      'WebSocket',
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ],
    ['h2c', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
    ['anything', 'Upgrade: anything\r\n'],
    ['WebSocket without a key', 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'],
    [
      'WebSocket of another version',
      'Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ],
  ]
  for (const [title, headers] of upgrades) {
    for (const [method, body] of [
      ['GET', ''],
      ['POST', 'Content-Length: 5\r\n'],
    ] as const) {
      test(`runs the chain on ${method} that asks for an upgrade to ${title}`, async () => {
        const bytes = `${method} /api/x HTTP/1.1\r\n${host}Connection: Upgrade\r\n${headers}${body}\r\n${body && 'hello'}`
        // The next one ends the connection, where the first one did not.
        const next = `GET /api/y HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
        const received = await sendRaw(gateway.port, bytes + next, 2_000)
        assert.equal(statusOf(received), 401)
        assert.deepEqual(seen(), [])
      })
    }
  }

  test('serves an upgrade that is none as ordinary HTTP, without the upgrade', async () => {
    const token = await createTestToken()
    const received = await sendRaw(
      gateway.port,
      `POST /api/x HTTP/1.1\r\n${host}Authorization: Bearer ${token}\r\nConnection: Upgrade, HTTP2-Settings\r\n` +
        'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 5\r\n\r\nhelloGET /api/y HTTP/1.1\r\n' +
        `${host}Connection: close\r\n\r\n`,
    )
    // What stands behind it is a request like any other: this one has no token.
    assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 401'])
    assert.deepEqual(seen(), ['POST /api/x'])
    assert.doesNotMatch(raw, /upgrade|http2/i)
    assert.match(raw, /\r\n\r\nhello$/)
  })

  test('never reads a request out of what stands behind a WebSocket handshake', async () => {
    const token = await createTestToken()
    const received = await sendRaw(
      gateway.port,
      `GET /open/refused HTTP/1.1\r\n${host}Authorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n${next}`,
      1_000,
    )
    assert.equal(received.match(/HTTP\/1\.1 \d/g)?.length, 1)
    assert.doesNotMatch(raw, /smuggled/)
  })

  test('answers 408 to a head that does not come to its end', async () => {
    const received = await sendRaw(gateway.port, `GET /open/x HTTP/1.1\r\n${host}`, 5_000)
    assert.equal(statusOf(received), 408)
    assert.deepEqual(seen(), [])
  })

  test('cuts a body that does not come to its end, and cancels it upstream', async () => {
    const received = await sendRaw(gateway.port, post('Content-Length: 10\r\n', 'hello'), 5_000)
    assert.equal(statusOf(received), 408)
    assert.equal(received.match(/HTTP\/1\.1 \d/g)?.length, 1)
    await waitUntil(() =>
      gateway.logs().some((line) => line.status === 408 && line.code === 'AEGIS_HTTP_408'),
    )
  })

  test('answers 400 to a chunk that is none, and the upstream never sees the body end', async () => {
    const received = await sendRaw(
      gateway.port,
      `${post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\nzz\r\n')}${next}`,
      2_000,
    )
    assert.equal(statusOf(received), 400)
    assert.equal(received.match(/HTTP\/1\.1 \d/g)?.length, 1)
    assert.doesNotMatch(raw, /\r\n0\r\n\r\n|smuggled/)
  })

  test('never puts trailers among the headers', async () => {
    const bytes = post(
      'Transfer-Encoding: chunked\r\nTrailer: X-Tenant-Id\r\n',
      '1\r\na\r\n0\r\nX-Tenant-Id: evil\r\n\r\n',
    )
    assert.equal(statusOf(await sendRaw(gateway.port, bytes + end, 2_000)), 200)
    assert.doesNotMatch(raw, /evil|trailer/i)
  })

  test('answers a good request though garbage follows it, then closes', async () => {
    const received = await sendRaw(gateway.port, `${get(host)}G@RBAGE\r\n\r\n`, 2_000)
    assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400'])
    assert.match(received, /connection: close/i)
  })

  test('does not serve what follows a request that closes the connection', async () => {
    const received = await sendRaw(gateway.port, `${get(`${host}Connection: close\r\n`)}${next}`, 2_000)
    assert.equal(received.match(/HTTP\/1\.1 \d/g)?.length, 1)
    assert.equal(statusOf(received), 200)
    assert.deepEqual(seen(), ['GET /open/x'])
  })

  test('keeps the connection after a refused body and reads the next request behind it', async () => {
    const bytes = `POST /api/x HTTP/1.1\r\n${host}Content-Length: ${next.length}\r\n\r\n${next}${get(host)}${end}`
    const received = await sendRaw(gateway.port, bytes, 2_000)
    assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 401', 'HTTP/1.1 200', 'HTTP/1.1 200'])
    assert.deepEqual(seen(), ['GET /open/x'])
  })

  test('says at /health that it is well, on any host, for GET and HEAD alone', async () => {
    const answer = await fetch(`${gateway.url}/health`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { status: 'ok' })
    const head = await fetch(`${gateway.url}/health`, { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('content-length'), '15')
    assert.equal((await fetch(`${gateway.url}/health`, { method: 'POST' })).status, 404)
    assert.deepEqual(seen(), [])
  })

  test('writes one log line for every request that it could read', async () => {
    const statuses = () =>
      gateway
        .logs()
        .filter(
          (line) => line.msg === 'request' && (line.method === 'CONNECT' || line.path === '/open/twice'),
        )
        .map((line) => line.status)
    const before = statuses().length
    await sendRaw(gateway.port, `CONNECT a:80 HTTP/1.1\r\n${host}\r\n`, 2_000)
    await sendRaw(gateway.port, get(`${host}Content-Length: 9999999\r\n`, '/open/twice'), 2_000)
    await waitUntil(() => statuses().length >= before + 2)
    assert.deepEqual(statuses().slice(before), [405, 413])
  })
})
