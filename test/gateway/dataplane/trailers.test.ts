import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  acceptsTrailers,
  toDownstreamTrailers,
  toUpstreamTrailers,
} from '../../../gateway/dataplane/trailers.ts'
import { parse } from './http1/parse.ts'
import { parseRequests } from './http1/parse-requests.ts'
import { createFields } from './snapshot.ts'

/** RFC 9110 section 6.5.1, and names that gateways, browsers, servers and logins act on. */
const refused = [
  ...['content-length', 'transfer-encoding', 'host', 'connection', 'te', 'trailer', 'upgrade', 'keep-alive'],
  ...['expect', 'max-forwards', 'cache-control', 'pragma', 'range', 'if-match', 'if-none-match', 'if-range'],
  ...[
    'authorization',
    'proxy-authorization',
    'www-authenticate',
    'proxy-authenticate',
    'cookie',
    'set-cookie',
  ],
  ...['content-type', 'content-encoding', 'content-range', 'content-language', 'content-location'],
  ...['content-disposition', 'content-security-policy', 'age', 'date', 'expires', 'location', 'retry-after'],
  ...['vary', 'warning', 'accept', 'accept-encoding', 'origin', 'referer', 'user-agent', 'sec-websocket-key'],
  ...['x-tenant-id', 'x-user-id', 'x-user-roles', 'x-request-id', 'x-forwarded-for', 'x-forwarded-host'],
  ...['x-forwarded-anything', 'forwarded', 'x-real-ip', 'client-cert', 'via', 'traceparent', 'tracestate'],
  ...['access-control-allow-origin', 'strict-transport-security', 'x-frame-options', 'x-accel-redirect'],
  ...['x-original-url', 'x-http-method-override', 'x-api-key', 'x-auth-request-user', 'proxy-connection'],
]
const passed = [
  ...['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'etag', 'digest', 'content-digest'],
  ...['repr-digest', 'server-timing', 'x-checksum', 'x-amz-checksum-crc32', '__proto__', 'constructor'],
]

describe('a trailer', () => {
  for (const name of refused) {
    test(`never passes as ${name}, in any spelling`, () => {
      const spellings = [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')]
      for (const spelling of [...spellings, name.replace('-', '_'), title(name)]) {
        const trailers = ['a', '1', spelling, 'evil', 'b', '2']
        assert.deepEqual(toUpstreamTrailers(trailers, null), ['a', '1', 'b', '2'], spelling)
        assert.deepEqual(toDownstreamTrailers(trailers), ['a', '1', 'b', '2'], spelling)
        assert.equal(toDownstreamTrailers([spelling, 'evil']), null, spelling)
      }
    })
  }
  for (const name of passed) {
    test(`passes as ${name}, spelled as it came`, () => {
      const trailers = [name, '0', title(name), '']
      assert.deepEqual(toDownstreamTrailers(trailers), trailers)
      assert.deepEqual(toUpstreamTrailers(trailers, null), trailers)
    })
  }
  test('of a request does not say anew what a plugin said of the headers, or took away', () => {
    const edits = ['x-account', 'acme', 'X-Secret', null]
    const trailers = ['X_Account', 'evil', 'x.secret', 'evil', 'x-accounts', 'ok']
    assert.deepEqual(toUpstreamTrailers(trailers, edits), ['x-accounts', 'ok'])
  })
  for (const value of ['a\r\nset-cookie: evil=1', 'a\nb', 'a\0', '\u{100}']) {
    test(`with ${JSON.stringify(value)} in it does not pass`, () => {
      assert.deepEqual(toDownstreamTrailers(['x', value, 'y', '1']), ['y', '1'])
      assert.deepEqual(toUpstreamTrailers(['x', value], null), null)
    })
  }
  for (const name of ['', 'a b', ':path', 'a:b', 'é']) {
    test(`named ${JSON.stringify(name)} does not pass`, () => {
      assert.equal(toDownstreamTrailers([name, '1']), null)
    })
  }
})

describe('TE', () => {
  const cases: [string[], boolean][] = [
    [[], false],
    [['te', 'trailers'], true],
    [['TE', 'gzip;q=0.5 , Trailers'], true],
    [['te', 'gzip', 'te', 'trailers'], true],
    [['te', 'trailer'], false],
    [['te', 'xtrailers'], false],
    [['te', 'gzip'], false],
  ]
  for (const [raw, accepted] of cases) {
    test(`${JSON.stringify(raw)} ${accepted ? 'asks' : 'does not ask'} for trailers`, () => {
      assert.equal(acceptsTrailers(createFields(raw)), accepted)
    })
  }
})

const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n'
const request = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n'

describe('the parsers', () => {
  test('give trailers as they came, and null for none', () => {
    assert.deepEqual(parse([Buffer.from(`${answer}X: y\r\nZ:\r\n\r\n`)]).trailers, ['X', 'y', 'Z', ''])
    assert.equal(parse([Buffer.from(`${answer}\r\n`)]).trailers, null)
    const { requests } = parseRequests([Buffer.from(`${request}X: y\r\n\r\n${request}\r\n`)])
    assert.deepEqual(
      requests.map(({ trailers }) => trailers),
      [['X', 'y'], null],
    )
  })
  test('take a hundred of them and not one more, however they come', () => {
    const line = 'a: b\r\n'
    for (const pieces of [(text: string) => [text], (text: string) => [...text]]) {
      const of = (text: string) => pieces(text).map((piece) => Buffer.from(piece))
      assert.equal(parse(of(`${answer}${line.repeat(100)}\r\n`)).trailers?.length, 200)
      assert.match(parse(of(`${answer}${line.repeat(101)}\r\n`)).refused ?? '', /more than 100 trailers/)
      assert.equal(parseRequests(of(`${request}${line.repeat(100)}\r\n`)).fault, null)
      assert.equal(parseRequests(of(`${request}${line.repeat(101)}\r\n`)).fault?.status, 400)
    }
  })
})

function title(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase())
}
