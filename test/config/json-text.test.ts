import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJsonText } from '../../config/json-text.ts'

const wrong: [text: string, message: string][] = [
  ['{"a": 1,}', 'line 1, column 9: expected a key in double quotes, found "}"'],
  ['{\n  "a": 1\n  "b": 2\n}', 'line 3, column 3: expected a comma or \'}\', found "\\""'],
  ['{"a": }', 'line 1, column 7: expected a value for the key "a", found "}"'],
  ['[1 2]', 'line 1, column 4: expected a comma or \']\', found "2"'],
  ['{"a" 1}', 'line 1, column 6: expected a colon after the key, found "1"'],
  ["{'a': 1}", 'line 1, column 2: expected a key in double quotes, found "\'"'],
  ['{"a": 01}', 'line 1, column 8: expected a comma or \'}\', found "1"'],
  ['{"a": -}', 'line 1, column 7: expected a digit, found "-"'],
  ['{} x', 'line 1, column 4: expected the end of the file, found "x"'],
  [
    '{"a": "b',
    'line 1, column 9: the file ends where the closing quote of a string was expected; it may be half-written',
  ],
  ['{"a": [1, ', 'line 1, column 11: the file ends where a value was expected; it may be half-written'],
  [
    '{"a": {"b": 1}',
    "line 1, column 15: the file ends where a comma or '}' was expected; it may be half-written",
  ],
  ['', 'line 1, column 1: the file ends where a JSON value was expected; it may be half-written'],
  [
    '"\\x"',
    'line 1, column 2: expected a valid escape (\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits), found "\\\\"',
  ],
]

for (const [text, message] of wrong) {
  test(`says where ${JSON.stringify(text)} is wrong and what was expected`, () => {
    assert.deepEqual(parseJsonText(text), { ok: false, message })
  })
}

test('refuses control characters in strings, as JSON does', () => {
  const result = parseJsonText('{"a": "b\nc"}')
  assert.equal(result.ok, false)
})

test('refuses nesting that would exhaust the stack', () => {
  const result = parseJsonText('['.repeat(200_000))
  assert.equal(result.ok, false)
  assert.match(result.ok ? '' : result.message, /nested deeper than 100 levels/)
})

test('names duplicate keys with their places and keeps the first value', () => {
  assert.deepEqual(parseJsonText('{"a": {"b/c": 1, "b/c": 2, "\\u0062/c": 3}}'), {
    ok: true,
    value: { a: { 'b/c': 1 } },
    problems: [
      { pointer: '/a/b~1c', message: 'The key "b/c" is given twice in one object.' },
      { pointer: '/a/b~1c', message: 'The key "b/c" is given twice in one object.' },
    ],
  })
})

for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
  test(`leaves out and names the key ${key} at any depth`, () => {
    const result = parseJsonText(`{"a": [0, {"${key}": {"polluted": true}, "b": 1}]}`)
    assert.ok(result.ok)
    assert.deepEqual(result.value, { a: [0, { b: 1 }] })
    assert.equal(Object.getPrototypeOf((result.value as { a: object[] }).a[1]), Object.prototype)
    assert.equal(result.problems.length, 1)
    assert.equal(result.problems[0]?.pointer, `/a/1/${JSON.parse(`"${key}"`)}`)
  })
}

test('agrees with JSON.parse on random texts, good and damaged', () => {
  let seed = 42
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  const make = (depth: number): unknown => {
    const kind = random(depth > 3 ? 5 : 7)
    if (kind === 0) return random(2) === 0
    if (kind === 1) return null
    if (kind === 2) return (random(2_000_000) - 1_000_000) / 10 ** random(5)
    if (kind < 5)
      return (
        Array.from({ length: random(6) }, () => String.fromCharCode(random(300))).join('') +
        '"\\/\u2028\ud800'.slice(random(6))
      )
    const length = random(4)
    if (kind === 5) return Array.from({ length }, () => make(depth + 1))
    return Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}\n${random(99)}`, make(depth + 1)]))
  }
  const parse = (text: string): unknown => {
    try {
      return { value: JSON.parse(text) }
    } catch {
      return 'refused'
    }
  }
  let refused = 0
  for (let round = 0; round < 3000; round++) {
    let text = JSON.stringify(make(0), null, random(3))
    if (round % 2 === 1) {
      const at = random(text.length + 1)
      text =
        text.slice(0, at) +
        ['', ',', '}', '"', '\\', ' ', 'e', '-', '\u0000'][random(9)] +
        text.slice(at + random(2))
    }
    const result = parseJsonText(text)
    if (result.ok && result.problems.length > 0) continue
    const expected = parse(text)
    if (expected === 'refused') refused += 1
    assert.deepEqual(result.ok ? { value: result.value } : 'refused', expected, text)
  }
  assert.ok(refused > 300, `only ${refused} texts were damaged`)
})
