// Seeded: AEGIS_TEST_SEED repeats a run, AEGIS_FUZZ_ROUNDS makes it longer.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseJson } from '../../../../plugins/waf/seclang/body/json.ts'
import { parseMultipart } from '../../../../plugins/waf/seclang/body/multipart.ts'
import { parseUrlEncoded } from '../../../../plugins/waf/seclang/body/urlencoded.ts'
import { parseXml } from '../../../../plugins/waf/seclang/body/xml.ts'
import { createRandom, type Random, readSeed } from '../../../support/random.ts'
import { limits } from './limits.ts'

const rounds = Number(process.env.AEGIS_FUZZ_ROUNDS ?? 4_000)
const seed = readSeed()

const scraps = {
  json: [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '\\',
    '\\u00',
    '\\ud800',
    '1',
    '-',
    '.',
    'e',
    '0',
    'true',
    'null',
    ' ',
    '\n',
    '\0',
    '\xff',
  ],
  xml: [
    '<',
    '>',
    '/',
    '<a',
    '</a>',
    '<a>',
    ' b="',
    '"',
    "'",
    '=',
    '&lt;',
    '&#x',
    ';',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
    '?>',
    '<!DOCTYPE ',
    '[',
    '\xc3\xa9',
    'x',
  ],
  multipart: [
    '--b',
    '--b--',
    '--',
    '\r\n',
    '\n',
    '\r',
    ' ',
    'Content-Disposition: form-data',
    '; name="a"',
    '; filename="',
    '"',
    '\\',
    ':',
    'x',
    "'",
    ';',
    '\0',
    '\xff',
  ],
  urlencoded: ['a', '=', '&', '%', '%4', '%41', '+', ';', '\0', '\xff', '%00'],
}

function scramble(random: Random, pieces: readonly string[]): string {
  return Array.from({ length: random.int(40) }, () => random.pick(pieces)).join('')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe(`body processors under fuzz, seed ${seed}`, () => {
  it('JSON: takes exactly what JSON.parse takes', () => {
    const random = createRandom(seed)
    for (let i = 0; i < rounds; i++) {
      const text = scramble(random, scraps.json)
      if (text === '') continue
      assert.equal(parseJson(text, limits).error === null, isJson(text), JSON.stringify(text))
    }
  })

  it('JSON: shows every scalar of a document under its path', () => {
    const random = createRandom(seed + 1)
    for (let i = 0; i < rounds / 10; i++) {
      const value = makeValue(random, 4)
      const text = JSON.stringify(value, null, random.int(3))
      assert.deepEqual(parseJson(text, limits), { args: flatten('json', value), error: null })
    }
  })

  it('the others: an answer for everything, all values bytes', () => {
    const random = createRandom(seed + 2)
    for (let i = 0; i < rounds; i++) {
      const body = parseMultipart(
        scramble(random, scraps.multipart),
        'multipart/form-data; boundary=b',
        limits,
      )
      const values = [...body.args, ...body.partHeaders].flat()
      const xml = parseXml(scramble(random, scraps.xml), limits)
      const form = parseUrlEncoded(scramble(random, scraps.urlencoded), limits)
      for (const text of [...values, ...xml.texts, ...xml.attributes, ...form.args.flat()]) {
        assert.ok(/^[\0-\xff]*$/.test(text), JSON.stringify(text))
      }
    }
  })

  it('stays linear on a megabyte of anything', () => {
    const megabyte = 1 << 20
    const started = performance.now()
    for (const piece of [...scraps.json, '[1,', '{"a":[', '"\\u0041'])
      parseJson(piece.repeat(megabyte / piece.length), limits)
    for (const piece of [...scraps.xml, '<a b="1">', '<!x', '&amp;']) {
      parseXml(`<a>${piece.repeat(megabyte / piece.length)}`, limits)
      parseXml(`<a b="${piece.repeat(megabyte / piece.length)}`, limits)
    }
    for (const piece of [...scraps.multipart, '\n--', '\n--b', '\r\n--b\r\n', 'x:\r\n', '\r\n y']) {
      const text = piece.repeat(megabyte / piece.length)
      parseMultipart(text, 'multipart/form-data; boundary=b', limits)
      parseMultipart(
        `--b\r\nContent-Disposition: form-data; name="${text}`,
        'multipart/form-data; boundary=b',
        limits,
      )
    }
    for (const piece of scraps.urlencoded) parseUrlEncoded(piece.repeat(megabyte / piece.length), limits)
    // About 120 texts; anything quadratic would take minutes for one of them.
    assert.ok(performance.now() - started < 20_000)
  })
})

type Value = null | boolean | number | string | Value[] | { [key: string]: Value }

function makeValue(random: Random, depth: number): Value {
  const kind = random.int(depth > 0 ? 7 : 5)
  if (kind === 0) return null
  if (kind === 1) return random.chance(0.5)
  if (kind === 2) return random.int(1_000) / 8
  if (kind < 5) return scramble(random, ['a', '"', '\\', '<', '\n', '/', '\t', '\x1f', "'"])
  const length = random.int(4)
  if (kind === 5) return Array.from({ length }, () => makeValue(random, depth - 1))
  return Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}"`, makeValue(random, depth - 1)]))
}

function flatten(path: string, value: Value): [string, string][] {
  if (value === null) return [[path, '']]
  if (typeof value !== 'object') return [[path, String(value)]]
  const members = Object.entries(value)
  if (members.length === 0) return [[path, '']]
  return members.flatMap(([key, member]) => flatten(`${path}.${key}`, member))
}
