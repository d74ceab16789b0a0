// The canonical path: one spelling, and no reader of it, however lenient, who would see other segments than policy did.
import assert from 'node:assert/strict'
import { canonicalTarget } from '../../../gateway/dataplane/path.ts'
import { otherReadings } from '../../../gateway/dataplane/readings.ts'
import type { Random } from '../../support/random.ts'
import type { Target } from '../target.ts'

const pieces = [
  ...[
    '/',
    '/',
    '/',
    '/',
    'a',
    'b',
    'admin',
    '.',
    '..',
    '...',
    './',
    '../',
    '//',
    ';',
    ';x=y',
    '..;',
    '.;',
    '\\',
    '?',
    '#',
    '&',
    '=',
  ],
  ...[
    '%2e',
    '%2E',
    '%2f',
    '%2F',
    '%5c',
    '%25',
    '%252e',
    '%00',
    '%0a',
    '%20',
    '%41',
    '%7e',
    '%3b',
    '%3f',
    '%23',
    '%',
    '%4',
    '%zz',
  ],
  ...[
    '%c0%af',
    '%c0%ae',
    '%e0%80%af',
    '%e0%80%ae',
    '%f0%80%80%af',
    '%f8%80%80%80%af',
    '%fc%80%80%80%80%af',
    '%c1%9c',
    '%c3%a9',
  ],
  ...[
    '%80',
    '%ff',
    '%ef%bc%8f',
    '%e2%88%95',
    '%c2%85',
    '\xe9',
    ' ',
    '\t',
    '\0',
    '\x7f',
    '"',
    '<',
    '|',
    '^',
    '`',
    '{',
    '~',
    '!',
    '@',
    ':',
    ',',
  ],
]

type Reading = (path: string) => string

/** As bytes: escapes that are none stay. */
const decodeOnce: Reading = (path) =>
  path.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** The old decoders of UTF-8, which take any number of bytes for any character. */
const decodeOverlong: Reading = (path) =>
  decodeOnce(path).replaceAll(/[\xc0-\xfd][\x80-\xbf]{1,5}/g, (sequence) => {
    const lead = sequence.charCodeAt(0)
    const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : lead < 0xfc ? 5 : 6
    if (sequence.length < length) return sequence
    let code = lead & (0x7f >> length)
    for (let i = 1; i < length; i++) code = code * 64 + (sequence.charCodeAt(i) & 63)
    return code < 128 ? String.fromCharCode(code) + sequence.slice(length) : sequence
  })

/** Servlet containers: what follows a semicolon is no part of a segment. */
const withoutParameters: Reading = (path) => decodeOnce(path.replaceAll(/;[^/]*/g, ''))

/** Windows. */
const withBackslashes: Reading = (path) => decodeOnce(path).replaceAll('\\', '/')

/** Who decodes twice and takes a semicolon for a plain character would have to have one in the path of a route. */
const decodeTwice: Reading = (path) => decodeOnce(decodeOnce(path)).replaceAll(/;[^/]*/g, '')

const readings: Readonly<Record<string, Reading>> = {
  decodeOnce,
  decodeTwice,
  decodeOverlong,
  withoutParameters,
  withBackslashes,
}

/** What a server does with a path once it has decoded it. */
function toSegments(path: string): string[] {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return kept
}

const form = /^\/$|^(\/([A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+)+\/?$/
const escapedPlain = /%(2D|2E|5F|7E|3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A])/

function createTarget(random: Random): string {
  let target = '/'
  for (let i = random.int(10); i >= 0; i--) target += random.pick(pieces)
  return target
}

/** Every reading sees the segments that policy saw. */
function checkCertain(path: string): void {
  const segments = path.split('/').filter((segment) => segment !== '')
  for (const [name, read] of Object.entries(readings)) {
    const seen = segments.map(read).filter((segment) => segment !== '')
    assert.deepEqual(toSegments(read(path)), seen, name)
  }
}

/** Every reading is one of those that routing compares. */
function checkAmbiguous(path: string): void {
  const others = otherReadings(path)
  if (typeof others === 'string') return
  const known = [path, ...others.map((other) => other.path)].flatMap((one) => [one, decodeOnce(one)])
  const seen = new Set(known.map((one) => toSegments(one).join('\n')))
  for (const [name, read] of Object.entries(readings))
    assert.ok(seen.has(toSegments(read(path)).join('\n')), `${name} reads ${read(path)}`)
}

const canonicalPath: Target = {
  name: 'canonical path',
  share: 200,
  create: createTarget,
  check(input, random) {
    const slashes = random.pick(['merge', 'merge', 'keep'] as const)
    const canonical = canonicalTarget(input, slashes)
    if (typeof canonical === 'string') return assert.match(canonical, /^[A-Z][^/]*\.$/)
    const { path, query, ambiguous } = canonical
    const mark = input.indexOf('?')
    assert.equal(query, mark < 0 ? '' : input.slice(mark + 1))
    assert.match(slashes === 'keep' ? path.replaceAll(/\/+/g, '/') : path, form)
    assert.doesNotMatch(path, escapedPlain)
    assert.deepEqual(
      canonicalTarget(path, slashes),
      { path, query: '', ambiguous },
      'it is not its own canonical form',
    )
    assert.ok(!path.split('/').some((segment) => segment === '.' || segment === '..'))
    if (ambiguous) checkAmbiguous(path)
    else checkCertain(path)
    const raw = mark < 0 ? input : input.slice(0, mark)
    // Of what came, where no slash is a character.
    if (slashes === 'merge' && !/%2f/i.test(raw))
      assert.deepEqual(toSegments(decodeOnce(raw)), toSegments(decodeOnce(path)), 'as sent')
    // The browser's way, of what goes upstream.
    assert.equal(new URL(`http://a${path}`).pathname, path)
    assert.equal(new URL(`http://a${path}`).host, 'a')
  },
}

export const pathTargets: readonly Target[] = [canonicalPath]
