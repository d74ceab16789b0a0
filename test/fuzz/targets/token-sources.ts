// Where a token is found in a request: never one of two, and never left for the upstream beside what was judged.
import assert from 'node:assert/strict'
import { createTokenSource } from '../../../plugins/jwt/token-sources.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { createView } from '../../support/view.ts'
import type { Target } from '../target.ts'

const name = 'aegis_token'
const tokens = ['a.b.c', 'd.e.f', '', '"a.b.c"', ' a.b.c ', 'a.b.c=x']

/** RFC 6265 section 5.4, as servers read it: pairs at semicolons, the name before the first equals sign. */
function readCookies(header: string): string[] {
  return header.split(';').flatMap((pair) => {
    const at = pair.indexOf('=')
    return at >= 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : []
  })
}

const cookies: Target = {
  name: 'token cookies',
  share: 50,
  create(random) {
    const pairs = Array.from({ length: 1 + random.int(4) }, () => {
      const named = random.pick([
        name,
        name,
        'other',
        'AEGIS_TOKEN',
        `x${name}`,
        `${name}x`,
        '',
        ` ${name}`,
        `${name} `,
      ])
      return random.chance(0.05) ? named : `${named}=${random.pick(tokens)}`
    })
    const text = pairs.join(random.pick(['; ', ';', ' ; ', ';;', ', ']))
    return random.chance(0.2) ? mutate(text, random) : text
  },
  check(header) {
    const source = createTokenSource({ cookie: name })
    const view = createView({ requestHeaders: { cookie: header } })
    const found = source.find(view)
    const read = readCookies(header).filter((value) => value !== '')
    if (read.length === 0) assert.equal(found, null)
    else if (new Set(read).size === 1) assert.equal(found, read[0])
    else assert.ok(found !== null && !read.includes(found), 'one of two tokens was picked')
    source.strip(view)
    const kept = view.upstreamHeaders.get('cookie')
    assert.ok(kept === null || readCookies(kept ?? header).length === 0, 'the token goes on to the upstream')
    const others = (text: string): string[] =>
      text.split(';').filter((pair) => pair.split('=')[0]?.trim() !== name)
    if (kept)
      assert.deepEqual(
        others(kept).map((one) => one.trim()),
        others(header).map((one) => one.trim()),
      )
  },
}

const schemes = [
  'Bearer a.b.c',
  'bearer a.b.c',
  'Bearer  a.b.c',
  'Bearer\ta.b.c',
  'Bearer',
  'BEARER:a.b.c',
  'Basic eDp5',
  'Bearera.b.c',
  'Bearer d.e.f',
]

/** Several headers come joined by commas; whoever reads the first, the last or all of them must not see another token. */
const headers: Target = {
  name: 'Authorization headers',
  share: 50,
  create(random: Random) {
    const text = Array.from({ length: 1 + random.int(3) }, () => random.pick(schemes)).join(
      random.pick([', ', ',', ' , ']),
    )
    return random.chance(0.2) ? mutate(text, random) : text
  },
  check(header) {
    // No header has these: the parser cuts or refuses them.
    if (/^[ \t]|[\x00-\x08\x0a-\x1f\x7f]|[ \t]$/.test(header)) return
    const found = createTokenSource({ header: 'authorization', scheme: 'Bearer' }).find(
      createView({ requestHeaders: { authorization: header } }),
    )
    const parts = header.split(',').filter((part) => /^[ \t]*bearer(?![a-z0-9._-])/i.test(part))
    if (parts.length === 0) return assert.equal(found, null)
    assert.notEqual(found, null, 'a token was overlooked')
    // Only a token that is alone in the header has the form of one.
    if (header.includes(',')) assert.ok(found === 'ambiguous' || found?.includes(','), `${found} was picked`)
  },
}

export const tokenSourceTargets: readonly Target[] = [cookies, headers]
