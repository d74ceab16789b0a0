// Header blocks against RFC 9113 section 8 and behaviour.md section 6. The judge is what the upstream saw, then the status.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import {
  endHeaders,
  endStream,
  type Field,
  findAnswer,
  request,
  toFrame,
  toHeaders,
  types,
} from '../support/http2-frames.ts'
import { createHttp2Scene, type Http2Scene } from './http2-scene.ts'

const without = (name: string): Field[] => request().filter(([known]) => known !== name)
const path = (text: string): Field[] => request({ ':path': text })
const host = (text: string): Field[] => request({ ':authority': text })
const plus = (...more: Field[]): Field[] => request({}, more)
const post = (...more: Field[]): Field[] => request({ ':method': 'POST' }, more)
const names = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0)}`)

/** Pseudo-headers and the header section alone; each ends its stream. */
const refused: [string, number, Field[]][] = [
  ['no :method', 400, without(':method')],
  ['no :scheme', 400, without(':scheme')],
  ['no :path', 400, without(':path')],
  ['neither :authority nor Host', 400, without(':authority')],
  [':method twice', 400, [[':method', 'GET'], ...request()]],
  [':path twice', 400, [[':path', '/open/y'], ...request()]],
  [':scheme twice', 400, [[':scheme', 'http'], ...request()]],
  [':authority twice, alike', 400, [[':authority', 'acme.example.com'], ...request()]],
  ['a pseudo-header of answers', 400, [...request(), [':status', '200']]],
  ['extended CONNECT', 405, request({ ':method': 'CONNECT' }, [[':protocol', 'websocket']])],
  [':protocol outside of CONNECT', 400, [...request(), [':protocol', 'websocket']]],
  ['an unknown pseudo-header', 400, [...request(), [':x', 'y']]],
  ['a pseudo-header without a name', 400, [...request(), [':', 'y']]],
  ['a pseudo-header behind a header', 400, [['x', 'y'], ...request()]],
  ['a pseudo-header in upper case', 400, [...without(':path'), [':Path', '/open/x']]],
  [
    'CONNECT',
    405,
    [
      [':method', 'CONNECT'],
      [':authority', 'acme.example.com:80'],
    ],
  ],
  ['CONNECT with a path', 405, request({ ':method': 'CONNECT' })],
  ['TRACE', 405, request({ ':method': 'TRACE' })],
  ['a method that is none', 400, request({ ':method': 'G@T' })],
  ['a method with a line in it', 400, request({ ':method': 'GET / HTTP/1.1\r\nx: y' })],
  ['an empty method', 400, request({ ':method': '' })],
  ['a method in lower case', 400, request({ ':method': 'get' })],
  ['the scheme of another connection', 400, request({ ':scheme': 'https' })],
  ['a scheme that is not served', 400, request({ ':scheme': 'ftp' })],
  ['a scheme in upper case', 400, request({ ':scheme': 'HTTP' })],
  ['a scheme with a host', 400, request({ ':scheme': 'http://globex.example.com/?' })],
  ['an empty path', 400, path('')],
  ['* outside of OPTIONS', 400, path('*')],
  ['a relative path', 400, path('open/x')],
  ['an absolute URL as path', 400, path('http://acme.example.com/open/x')],
  ['a path that begins with a query', 400, path('?/open/x')],
  ['a fragment', 400, path('/open/x#y')],
  ['a fragment behind a query', 400, path('/open/x?y#z')],
  ['a space in the path', 400, path('/open/x HTTP/1.1')],
  ['a line break in the path', 400, path('/open/x\r\nx: y')],
  ['a NUL in the path', 400, path('/open/x\0')],
  ['a tab in the path', 400, path('/open/\tx')],
  ['DEL in the path', 400, path('/open/\x7f')],
  ['bytes beyond ASCII in the path', 400, path('/open/\xe4')],
  ['an encoded NUL', 400, path('/open/x%00')],
  ['an encoded line break', 400, path('/open/x%0d%0a')],
  ['an encoded backslash', 400, path('/open/x%5c..')],
  ['a backslash', 400, path('/open\\x')],
  ['an escape that is none', 400, path('/open/%zz')],
  ['dot segments above the root', 400, path('/open/../../etc')],
  ['encoded dot segments above the root', 400, path('/%2e%2e/etc')],
  ['a dot segment with a parameter', 400, path('/open/..;/api')],
  ['a path that is too long', 414, path(`/open/${'a'.repeat(5_000)}`)],
  ['userinfo', 400, host('user@acme.example.com')],
  ['an empty authority', 400, host('')],
  ['a list of authorities', 400, host('acme.example.com,globex.example.com')],
  ['an authority with a path', 400, host('acme.example.com/open')],
  ['an authority with a space', 400, host('acme.example.com x')],
  ['an authority with a line break', 400, host('acme.example.com\r\nx: y')],
  ['an authority with a port out of range', 400, host('acme.example.com:65536')],
  ['an authority with a port that is none', 400, host('acme.example.com:80a')],
  ['an authority with a bare IPv6 address', 400, host('::1')],
  ['Host that disagrees', 400, plus(['host', 'globex.example.com'])],
  ['Host that disagrees in its port', 400, plus(['host', 'acme.example.com:81'])],
  ['an empty Host beside an authority', 400, plus(['host', ''])],
  [
    'Host twice, alike',
    400,
    [...without(':authority'), ['host', 'acme.example.com'], ['host', 'acme.example.com']],
  ],
  ['Host twice beside an authority', 400, plus(['host', 'acme.example.com'], ['host', 'acme.example.com'])],
  ['a name in upper case', 400, plus(['X-Y', 'z'])],
  ['a name with a capital within', 400, plus(['content-Length', '5'])],
  ['a name with a space', 400, plus(['x y', 'z'])],
  ['a name with a colon', 400, plus(['x:y', 'z'])],
  ['a name with a line break', 400, plus(['x\r\ny', 'z'])],
  ['a name with a NUL', 400, plus(['x\0', 'z'])],
  ['a name with a tab', 400, plus(['x\t', 'z'])],
  ['a name beyond ASCII', 400, plus(['x\xe4', 'z'])],
  ['an empty name', 400, plus(['', 'z'])],
  ['a __proto__ header', 400, plus(['__proto__', 'x'])],
  ['CR and LF in a value', 400, plus(['x', 'a\r\ny: b'])],
  ['CR in a value', 400, plus(['x', 'a\rb'])],
  ['LF in a value', 400, plus(['x', 'a\nb'])],
  ['NUL in a value', 400, plus(['x', 'a\0b'])],
  ['another control byte in a value', 400, plus(['authorization', 'Bearer \x01'])],
  ['DEL in a value', 400, plus(['x', 'a\x7f'])],
  ['a space before a value', 400, plus(['x', ' a'])],
  ['a space behind a value', 400, plus(['x', 'a '])],
  ['a tab before a value', 400, plus(['x', '\ta'])],
  ['a tab behind a value', 400, plus(['x', 'a\t'])],
  ['a value that is a space', 400, plus(['x', ' '])],
  ['Connection', 400, plus(['connection', 'close'])],
  ['Connection that names one of ours', 400, plus(['connection', 'x-tenant-id'])],
  ['Keep-Alive', 400, plus(['keep-alive', 'timeout=5'])],
  ['Proxy-Connection', 400, plus(['proxy-connection', 'keep-alive'])],
  ['Upgrade', 400, plus(['upgrade', 'websocket'])],
  ['Upgrade to h2c', 400, plus(['upgrade', 'h2c'], ['http2-settings', 'AAMAAABkAAQAAP__'])],
  ['Transfer-Encoding', 400, plus(['transfer-encoding', 'chunked'])],
  ['Transfer-Encoding that is nothing', 400, plus(['transfer-encoding', ''])],
  ['Transfer-Encoding identity', 400, plus(['transfer-encoding', 'identity'])],
  ['TE other than trailers', 400, plus(['te', 'gzip'])],
  ['TE of a list', 400, plus(['te', 'trailers, gzip'])],
  ['Content-Length with a plus', 400, post(['content-length', '+5'])],
  ['Content-Length with a minus', 400, post(['content-length', '-5'])],
  ['Content-Length with a leading zero', 400, post(['content-length', '05'])],
  ['Content-Length in hexadecimal', 400, post(['content-length', '0x5'])],
  ['an empty Content-Length', 400, post(['content-length', ''])],
  ['Content-Length of a list', 400, post(['content-length', '5, 5'])],
  ['Content-Length beyond counting', 400, post(['content-length', '99999999999999999999'])],
  ['Content-Length twice, alike', 400, post(['content-length', '0'], ['content-length', '0'])],
  ['Content-Length of a body that never comes', 400, post(['content-length', '5'])],
  ['an expectation that nobody knows', 417, plus(['expect', '200-ok'])],
  ['more header fields than allowed', 431, plus(...Array.from({ length: 60 }, (): Field => ['a', 'b']))],
  ['far more header fields than allowed', 431, plus(...Array.from({ length: 400 }, (): Field => ['a', 'b']))],
  ['a header section that is too large', 431, plus(['x', 'a'.repeat(10_000)], ['y', 'a'.repeat(10_000)])],
]

describe('admission of HTTP/2', () => {
  let scene: Http2Scene
  before(async () => {
    scene = await createHttp2Scene({
      limits: { headerCount: 50, urlBytes: 4_096, bodyBytes: 1_000 },
      timeouts: { requestMs: 1_200 },
    })
  })
  after(() => scene.close())
  beforeEach(() => scene.forget())

  for (const [title, status, fields] of refused) {
    test(`answers ${status} to ${title}, and the connection goes on`, async () => {
      const client = await scene.connect()
      client.send(toHeaders(1, fields))
      const answer = await client.answered(1)
      assert.equal(answer.status, status, names(answer.body))
      assert.deepEqual(scene.seen(), [], 'the upstream was asked')
      assert.equal(scene.raw(), '')
      assert.deepEqual(findAnswer(answer, 'content-type'), ['application/problem+json'])
      client.send(toHeaders(3, path('/open/next')))
      assert.equal((await client.answered(3)).status, 200)
      assert.deepEqual(scene.seen(), ['GET /open/next'])
      client.close()
    })
  }

  test('counts and logs what it refused, with the version and as much as was valid', async () => {
    const client = await scene.connect()
    client.send(toHeaders(1, request({ ':method': 'PATCH', ':path': '/open/\r\n' })))
    await client.answered(1)
    const line = await waitUntil(() =>
      scene.gateway.logs().find(({ duration_ms, method, host, status }) => {
        return duration_ms !== undefined && method === 'PATCH' && host === '' && status === 400
      }),
    )
    assert.deepEqual(
      [line.status, line.code, line.http_version, line.method],
      [400, 'AEGIS_BAD_REQUEST', '2', 'PATCH'],
    )
  })

  const passed: [string, Field[], string][] = [
    ['a plain request', request(), 'GET /open/x'],
    ['Host in place of :authority', [...without(':authority'), ['host', 'acme.example.com']], 'GET /open/x'],
    ['Host that agrees in other case', plus(['host', 'ACME.example.com']), 'GET /open/x'],
    ['a path that is respelled', path('/open/./%78?%2e'), 'GET /open/x?%2e'],
    ['a query as it is', path('/open/x?a=%2F..%00&&b=|"\\'), 'GET /open/x?a=%2F..%00&&b=|"\\'],
    ['TE: trailers', plus(['te', 'trailers']), 'GET /open/x'],
    ['TE: trailers in other case', plus(['te', 'Trailers']), 'GET /open/x'],
    ['an empty value', plus(['x', '']), 'GET /open/x'],
    ['a tab within a value', plus(['x', 'a\tb']), 'GET /open/x'],
    ['bytes beyond ASCII in a value', plus(['x', 'a\xe4']), 'GET /open/x'],
    ['names of every object', plus(['constructor', 'x'], ['tostring', 'y']), 'GET /open/x'],
    ['Content-Length 0', post(['content-length', '0']), 'POST /open/x'],
  ]
  for (const [title, fields, expected] of passed) {
    test(`passes ${title}`, async () => {
      const client = await scene.connect()
      client.send(toHeaders(1, fields))
      assert.equal((await client.answered(1)).status, 200)
      assert.deepEqual(scene.seen(), [expected])
    })
  }

  test('sends up one HTTP/1.1 request with nothing of HTTP/2 in it', async () => {
    const client = await scene.connect()
    const fields: Field[] = [
      ...[
        ['te', 'trailers'],
        ['cookie', 'a=b'],
        ['x-user-id', 'root'],
        ['cookie', 'c=d'],
      ],
      ...[
        ['transfer_encoding', 'chunked'],
        ['http2-settings', 'AA'],
        ['via', '1.0 nobody'],
        ['cookie', 'e=f'],
      ],
    ] as unknown as Field[]
    client.send(toHeaders(1, plus(...fields)))
    assert.equal((await client.answered(1)).status, 200)
    const head = scene.raw().split('\r\n\r\n')[0] as string
    assert.match(head, /^GET \/open\/x HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\ncookie: a=b; c=d; e=f\r\n/)
    assert.match(head, /\r\nvia: 2 aegis-[0-9a-f]{12}\r\n/)
    assert.equal(head.match(/cookie/g)?.length, 1)
    assert.doesNotMatch(head, /\r\n:|transfer.encoding|http2|te: |root|nobody/i)
  })

  test('serves OPTIONS *', async () => {
    const client = await scene.connect()
    client.send(toHeaders(1, request({ ':method': 'OPTIONS', ':path': '*' })))
    assert.equal((await client.answered(1)).status, 204)
    assert.deepEqual(scene.seen(), [])
  })

  const bodies: [string, Field[], string[], number][] = [
    ['shorter than it said', post(['content-length', '10']), ['hello'], 400],
    ['longer than it said', post(['content-length', '3']), ['hello'], 400],
    ['of more than it said, by a second frame', post(['content-length', '5']), ['hello', '!'], 400],
    ['of more than nothing', post(['content-length', '0']), ['GET /open/smuggled HTTP/1.1\r\n\r\n'], 400],
    ['over the limit, announced', post(['content-length', '1001']), ['a'.repeat(1_001)], 413],
    ['over the limit, unannounced', post(), ['a'.repeat(600), 'a'.repeat(600)], 413],
  ]
  for (const [title, fields, pieces, status] of bodies) {
    for (const apart of [false, true]) {
      test(`answers ${status} to a body ${title}${apart ? ', frame by frame' : ''}`, async () => {
        const client = await scene.connect()
        const frames = pieces.map((piece, index) =>
          toFrame(types.data, index === pieces.length - 1 ? endStream : 0, 1, piece),
        )
        const all = [toHeaders(1, fields, endHeaders), ...frames]
        if (apart)
          for (const frame of all) await new Promise<void>((sent) => client.socket.write(frame, () => sent()))
        else client.send(...all)
        const answer = await client.answered(1)
        // Where all that was announced came before the rest, the upstream may have answered before the rest came.
        if (!apart || !title.includes('more') || answer.status !== 200) assert.equal(answer.status, status)
        client.send(toHeaders(3, path('/open/next')))
        assert.equal((await client.answered(3)).status, 200)
        // What went up of it, if anything, was never whole.
        assert.deepEqual(
          scene.seen().filter((one) => one !== 'POST /open/x'),
          ['GET /open/next'],
        )
        assert.doesNotMatch(scene.raw(), /\r\n0\r\n\r\n/)
      })
    }
  }

  test('passes bodies on, announced or not, of any number of frames and with padding', async () => {
    const client = await scene.connect()
    const padded = Buffer.concat([Buffer.from([3]), Buffer.from('lo'), Buffer.alloc(3)])
    client.send(
      ...[toHeaders(1, post(['content-length', '5']), endHeaders), toFrame(types.data, 0, 1, 'hel')],
      ...[toFrame(types.data, 8, 1, padded), toFrame(types.data, endStream, 1)],
      ...[toHeaders(3, post(), endHeaders), toFrame(types.data, endStream, 3, 'world')],
    )
    const answers = await Promise.all([client.answered(1), client.answered(3)])
    const got = answers.map(
      ({ body }) => JSON.parse(body) as { body: string; headers: Record<string, string> },
    )
    assert.deepEqual(
      got.map(({ body }) => body),
      ['hello', 'world'],
    )
    assert.deepEqual(
      got.map(({ headers }) => headers['content-length']),
      ['5', '5'],
    )
  })

  test('answers 408 to a body that does not come to its end, and the connection goes on', async () => {
    const client = await scene.connect()
    client.send(toHeaders(1, post(), endHeaders), toFrame(types.data, 0, 1, 'hello'))
    const answer = await client.answered(1)
    assert.equal(answer.status, 408)
    await waitUntil(() => client.answer(1).reset >= 0)
    client.send(toHeaders(3, path('/open/next')))
    assert.equal((await client.answered(3)).status, 200)
  })

  const trailers: [string, Field[], number, number][] = [
    ['that are good', [['x-checksum', 'abc']], endStream, 200],
    ['that do not end the request', [['x-checksum', 'abc']], 0, 400],
    ['with a pseudo-header', [[':path', '/open/y']], endStream, 400],
    ['with a name in upper case', [['X', 'y']], endStream, 400],
    ['with a line break', [['x', 'y\r\nz: a']], endStream, 400],
    ['that speak of the connection', [['connection', 'close']], endStream, 400],
    ['with Transfer-Encoding', [['transfer-encoding', 'chunked']], endStream, 400],
  ]
  for (const [title, fields, flags, status] of trailers) {
    test(`answers ${status} to trailers ${title}; they never become headers`, async () => {
      const client = await scene.connect()
      const data = toFrame(types.data, 0, 1, 'hello')
      client.send(toHeaders(1, post(), endHeaders), data, toHeaders(1, fields, flags | endHeaders))
      assert.equal((await client.answered(1)).status, status)
      assert.doesNotMatch(scene.raw(), /x-checksum|connection: close/i)
      client.send(toHeaders(3, path('/open/next')))
      assert.equal((await client.answered(3)).status, 200)
    })
  }

  test('never upgrades: what asks for h2c in HTTP/1.1 is served as HTTP/1.1', async () => {
    const headers = { host: 'acme.example.com', 'http2-settings': 'AAMAAABkAAQAAP__' }
    const answer = await fetch(`${scene.gateway.url}/health`, { headers })
    assert.equal(answer.status, 200)
    const { sendRaw } = await import('../support/raw.ts')
    const received = await sendRaw(
      scene.gateway.port,
      'GET /open/x HTTP/1.1\r\nHost: acme.example.com\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
      2_000,
    )
    assert.match(received, /^HTTP\/1\.1 200 /)
    assert.doesNotMatch(scene.raw(), /h2c|http2/i)
  })
})
