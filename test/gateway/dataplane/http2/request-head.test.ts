// What is refused of a header block, rule by rule; that it reaches nobody: test/integration/http2-admission.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HeadReader } from '../../../../gateway/dataplane/http2/request-head.ts'
import { type Field, request } from '../../../support/http2-frames.ts'

function read(fields: readonly Field[], ended = true, headBytes = 16_384) {
  const reader = new HeadReader({ headBytes, fields: 100 })
  for (const [name, value] of fields) reader.onField(name, value)
  return reader.toHead(ended)
}
const plus = (...more: Field[]) => request({}, more)

const refused: [string, Field[]][] = [
  ['no :method', request().slice(1)],
  ['a method that is none', request({ ':method': 'NOTHING' })],
  ['no :path', request().filter(([name]) => name !== ':path')],
  ['a path that is a URL', request({ ':path': 'http://a/' })],
  ['a path with a space', request({ ':path': '/a b' })],
  ['a scheme that is not served', request({ ':scheme': 'ftp' })],
  ['a pseudo-header twice', [[':path', '/open/y'], ...request()]],
  ['a pseudo-header of answers', [...request(), [':status', '200']]],
  ['a pseudo-header behind a header', [['x', 'y'], ...request()]],
  ['Host that disagrees', plus(['host', 'b'])],
  ['Host twice', plus(['host', 'acme.example.com'], ['host', 'acme.example.com'])],
  ['a name in upper case', plus(['X', 'y'])],
  ['a name with a space', plus(['x y', 'z'])],
  ['__proto__', plus(['__proto__', 'x'])],
  ['a line break in a value', plus(['x', 'a\r\nb: c'])],
  ['a space before a value', plus(['x', ' a'])],
  ['a tab behind a value', plus(['x', 'a\t'])],
  ['Connection', plus(['connection', 'close'])],
  ['Keep-Alive', plus(['keep-alive', 'x'])],
  ['Upgrade', plus(['upgrade', 'h2c'])],
  ['Transfer-Encoding', plus(['transfer-encoding', 'chunked'])],
  ['Proxy-Connection', plus(['proxy-connection', 'x'])],
  ['TE other than trailers', plus(['te', 'gzip'])],
  ['Content-Length twice', plus(['content-length', '0'], ['content-length', '0'])],
  ['Content-Length with a plus', plus(['content-length', '+0'])],
  ['a body that never comes', plus(['content-length', '1'])],
]

describe('a header block', () => {
  for (const [title, fields] of refused) {
    test(`is refused with ${title}`, () => {
      const { fault, body } = read(fields)
      assert.deepEqual([fault?.status, body], [400, 'none'])
    })
  }

  test('of a request becomes its head, cookie crumbs joined and Host where HTTP/1.1 has it', () => {
    const head = read(
      plus(['cookie', 'a=b'], ['te', 'trailers'], ['cookie', 'c=d'], ['content-length', '3']),
      false,
    )
    const { method, target, version, scheme, host, body, length, fault } = head
    assert.deepEqual(
      [method, target, version, scheme, host],
      ['GET', '/open/x', '2', 'http', 'acme.example.com'],
    )
    assert.deepEqual([body, length, fault], ['fixed', 3, null])
    const raw = ['cookie', 'a=b; c=d', 'te', 'trailers', 'content-length', '3', 'host', 'acme.example.com']
    assert.deepEqual(head.fields.raw, raw)
  })

  test('with empty cookie crumbs has a cookie without white space at its ends', () => {
    const cookies: [string[], string][] = [
      [['a=b', ''], 'a=b'],
      [['', 'a=b'], 'a=b'],
      [['a=b', '', 'c=d', ''], 'a=b; c=d'],
      [['', ''], ''],
    ]
    for (const [crumbs, whole] of cookies) {
      const { fields, fault } = read(plus(...crumbs.map((crumb): Field => ['cookie', crumb])))
      assert.deepEqual([fields.raw.slice(0, 2), fault], [['cookie', whole], null])
    }
  })

  test('of too many bytes or fields is refused with 431, and what is beyond is not kept', () => {
    const large = read(plus(['a', 'b'.repeat(900)], ['c', 'd'.repeat(900)]), true, 1_000)
    assert.equal(large.fault?.status, 431)
    assert.ok(!large.fields.names.includes('c'))
    const many = read(plus(...Array.from({ length: 1_000 }, (): Field => ['a', 'b'])))
    assert.equal(many.fault?.status, 431)
    assert.ok(many.fields.names.length <= 258)
  })

  test('of trailers has no pseudo-headers and keeps to the same rules', () => {
    const trailers = (...fields: Field[]) => {
      const reader = new HeadReader({ headBytes: 16_384, fields: 100 })
      for (const [name, value] of fields) reader.onField(name, value)
      return reader.toTrailers()
    }
    assert.deepEqual(trailers(['grpc-status', '0']), ['grpc-status', '0'])
    assert.equal(trailers([':path', '/']), null)
    assert.equal(trailers(['X', 'y']), null)
    assert.equal(trailers(['transfer-encoding', 'chunked']), null)
  })
})
