import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { otherReadings } from '../../../gateway/dataplane/readings.ts'

describe('other readings of a canonical path', () => {
  const cases: [string, ...string[]][] = [
    ['/a/b'],
    ['/a;v=1/b', '/a/b'],
    ['/a/b;c;d', '/a/b'],
    ['/a/;x', '/a/'],
    ['/;x', '/'],
    ['/a/;x/b', '/a/b'],
    ['/a//b/', '/a/b/'],
    ['/a%2Fb', '/a/b'],
    ['/a%2F', '/a/'],
    ['/%2Fa', '/a'],
    ['/a%3Bb', '/a'],
    ['/%2561', '/%61', '/a'],
    ['/a%252Fb', '/a%2Fb', '/a/b'],
    ['/a%255Cb', '/a%5Cb', '/a/b'],
    ['/a%25252Fb', '/a%252Fb', '/a%2Fb'],
    ['/100%25', '/100%'],
    ['/%C3%BC%25', '/%C3%BC%'],
    ['/a%3Fb', '/a?b', '/a'],
    ['/a%3Fb/c', '/a?b/c', '/a', '/a/c'],
    ['/a;x%23b/c', '/a/c', '/a'],
    ['/a%253F', '/a%3F', '/a?', '/a'],
  ]
  for (const [path, ...expected] of cases) {
    test(`of ${path} are ${expected.join(' and ') || 'none'}`, () => {
      const readings = otherReadings(path)
      assert.ok(typeof readings !== 'string', String(readings))
      assert.deepEqual([...new Set(readings.map((reading) => reading.path))], expected)
    })
  }

  test('tell those for which an escape was decoded', () => {
    assert.deepEqual(otherReadings('/a;b/c%252F'), [
      { path: '/a/c%252F', decoded: false },
      { path: '/a/c%2F', decoded: true },
      { path: '/a/c/', decoded: true },
    ])
  })

  const refused: [string, RegExp][] = [
    ['/a/x%2F..%2Fb', /dot segment/],
    ['/a/..%2Fb', /dot segment/],
    ['/a%2F..', /dot segment/],
    ['/a%2F.%2Fb', /dot segment/],
    ['/a%2F..;x', /dot segment/],
    ['/a/%252e%252e/b', /dot segment/],
    ['/a/.%252E/b', /dot segment/],
    ['/a/x%252F..%252Fb', /dot segment/],
    ['/a/..%255Cb', /dot segment/],
    ['/a/..%3Fb', /dot segment/],
    ['/a/..%2523b', /dot segment/],
    ['/a;x%2Fb', /parameter/],
    ['/a%3Bx%2Fb', /parameter/],
    ['/a;x%252Fb', /parameter/],
    ['/a%253Bx%252Fb', /parameter/],
  ]
  for (const [path, reason] of refused) {
    test(`of ${path} are not to be had`, () => assert.match(String(otherReadings(path)), reason))
  }
})
