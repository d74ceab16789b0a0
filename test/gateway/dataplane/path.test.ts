import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Slashes } from '../../../gateway/contract/snapshot.ts'
import { type CanonicalTarget, canonicalTarget } from '../../../gateway/dataplane/path.ts'
import { createRandom } from './upstream/fixture.ts'

function pathOf(target: string, slashes: Slashes = 'merge'): string {
  const result = canonicalTarget(target, slashes)
  return typeof result === 'string' ? `refused: ${result}` : result.path
}

describe('the canonical path', () => {
  const kept: [string, string][] = [
    ['/', '/'],
    ['/items/7', '/items/7'],
    ['/a//b', '/a/b'],
    ['//admin.internal/x', '/admin.internal/x'],
    ['///', '/'],
    ['/a/', '/a/'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/b/..', '/a/'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/.hidden', '/.hidden'],
    ['/a/...', '/a/...'],
    ['/%61dmin', '/admin'],
    ['/%7Euser', '/~user'],
    ['/a%2a', '/a%2A'],
    ['/a%c3%bc', '/a%C3%BC'],
    ['/a%3ab', '/a%3Ab'],
    ['/a:b', '/a:b'],
    ['/%2561', '/%2561'],
    ['/a%2fb', '/a%2Fb'],
    ['/a|b', '/a%7Cb'],
    ['/a%7cb', '/a%7Cb'],
    ['/a"<>^`{}[]', '/a%22%3C%3E%5E%60%7B%7D%5B%5D'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/%C0', '/%C0'],
    ['/%E0%A0%80', '/%E0%A0%80'],
  ]
  for (const [target, path] of kept) {
    test(`reads ${target} as ${path}`, () => assert.equal(pathOf(target), path))
  }

  const refused: [string, RegExp][] = [
    ['items', /start with a slash/],
    ['', /start with a slash/],
    ['/..', /leaves its root/],
    ['/a/../..', /leaves its root/],
    ['/%2e%2e/x', /leaves its root/],
    ['/a%5cb', /encoded backslash/],
    ['/a\\b', /backslash/],
    ['/a%00b', /control/],
    ['/a%0d%0a', /control/],
    ['/a%7f', /control/],
    ['/a%', /percent sign/],
    ['/a%4', /percent sign/],
    ['/a%zz', /percent sign/],
    ['/a#frag', /fragment/],
    ['/a?x#frag', /fragment/],
    ['/a b', /percent-encoded/],
    ['/a\tb', /percent-encoded/],
    ['/a\u00fc', /percent-encoded/],
    ['/a\x7f', /percent-encoded/],
    ['/a?b\x00', /query/],
    ['/a?b c', /query/],
    ['/open/..;/admin', /dot segment/],
    ['/open/..;x=1/admin', /dot segment/],
    ['/open/%2e%2e;/admin', /dot segment/],
    ['/open/..%3B/admin', /dot segment/],
    ['/open/..%3b/admin', /dot segment/],
    ['/open/.;/admin', /dot segment/],
    ['/%C0%AE%C0%AE/admin', /overlong/],
    ['/a%c0%afb', /overlong/],
    ['/%c1%9c', /overlong/],
    ['/%e0%80%af', /overlong/],
    ['/%f0%80%80%af', /overlong/],
    ['/%f8%80%80%80%af', /overlong/],
    ['/%FC%80%80%80%80%AE', /overlong/],
  ]
  for (const [target, reason] of refused) {
    test(`refuses ${JSON.stringify(target)}`, () => assert.match(pathOf(target), reason))
  }

  test('passes the query byte for byte', () => {
    const query = 'a=%2F&&b=%zz&c=/../\\|"{}%00\u00e4?x'
    assert.equal((canonicalTarget(`/a/../b?${query}`, 'merge') as CanonicalTarget).query, query)
  })

  const keptSlashes: [string, string][] = [
    ['//a', '//a'],
    ['/a//b', '/a//b'],
    ['/a///', '/a///'],
    ['//', '//'],
    ['/a/./b//', '/a/b//'],
    ['/a//..', '/a/'],
    ['/a//../b', '/a/b'],
    ['//..', '/'],
    ['/..//', 'refused: The path leaves its root by dot segments.'],
  ]
  for (const [target, path] of keptSlashes) {
    test(`reads ${target} as ${path} where slashes are kept`, () =>
      assert.equal(pathOf(target, 'keep'), path))
  }

  const ambiguous: [string, boolean][] = [
    ['/a/b', false],
    ['/a%20b/%C3%BC%2A', false],
    ['//a/./b', false],
    ['/a;v=1', true],
    ['/a%3bv', true],
    ['/a%2Fb', true],
    ['/a%2561', true],
    ['/100%25', true],
    ['/a%3fb', true],
    ['/a%23b', true],
  ]
  for (const [target, expected] of ambiguous) {
    test(`says of ${target} that it can be read in ${expected ? 'more than one way' : 'one way'}`, () =>
      assert.equal((canonicalTarget(target, 'merge') as CanonicalTarget).ambiguous, expected))
  }
  test('says of slashes that are kept that they can be read in more than one way', () => {
    assert.equal((canonicalTarget('/a//b', 'keep') as CanonicalTarget).ambiguous, true)
  })

  for (const slashes of ['merge', 'keep'] as const) {
    test(`holds its promises on 20,000 random targets, slashes ${slashes}`, () => checkRandom(slashes))
  }
})

/** Over random targets, with the seed 7. */
function checkRandom(slashes: Slashes): void {
  const random = createRandom(7)
  const pieces = [
    '/',
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%41',
    '%7e',
    '%2a',
    '%c3',
    '%BC',
    '%3a',
    'a',
    'Z',
    '~',
    '|',
    ';',
    ':',
    '*',
    '"',
    '%25',
  ]
  let good = 0
  for (let i = 0; i < 20_000; i++) {
    let target = '/'
    const length = 1 + Math.floor(random() * 12)
    for (let j = 0; j < length; j++) target += pieces[Math.floor(random() * pieces.length)]
    const result = canonicalTarget(target, slashes)
    if (typeof result === 'string') continue
    good += 1
    assertCanonical(target, result.path, slashes)
  }
  assert.ok(good > 10_000, `only ${good} of the targets were good`)
}

function assertCanonical(target: string, path: string, slashes: Slashes): void {
  const about = `${target} became ${path}`
  assert.ok(path.startsWith('/'), about)
  if (slashes === 'merge') assert.ok(!path.includes('//'), about)
  assert.ok(!path.split('/').some((segment) => segment === '.' || segment === '..'), about)
  assert.match(path, /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/, about)
  for (const [triple] of path.matchAll(/%.{0,2}/g)) {
    assert.match(triple, /^%[0-9A-F]{2}$/, about)
    assert.doesNotMatch(
      String.fromCharCode(Number.parseInt(triple.slice(1), 16)),
      /[A-Za-z0-9\-._~\\]/,
      about,
    )
  }
  assert.equal(
    (canonicalTarget(path, slashes) as CanonicalTarget).path,
    path,
    `${about}, which is not canonical itself`,
  )
}
