// JSON texts out of random choices: mostly right, odd where readers were seen to differ.
import type { Random } from '../support/random.ts'

const scalars = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1',
    '1.5',
    '1e3',
    '1e999',
    '-1e999',
    '9007199254740993',
    '1E400',
  ],
  ...[
    '""',
    '"a"',
    '"\\u0061"',
    '"\\ud800"',
    '"\\u0000"',
    '"\xe9"',
    '"a b"',
    '"*"',
    '"a,b"',
    '" a"',
    '"\\n"',
    '"${HOME}"',
  ],
  ...[
    '[]',
    '{}',
    '[[]]',
    '[1,"a",null]',
    '{"a":1}',
    '{"__proto__":{"allowed":true}}',
    '{"constructor":1}',
    '"a" ',
  ],
]
/** What is no JSON. */
const broken = [
  "'a'",
  'undefined',
  'NaN',
  '01',
  '+1',
  '.5',
  '1.',
  '"\t"',
  '"\\x41"',
  '{a:1}',
  '[1,]',
  '/* */1',
  '\ufeff1',
  '',
]

export function createJsonValue(random: Random): string {
  if (random.chance(0.03)) return random.pick(broken)
  if (random.chance(0.01)) return `${'['.repeat(3_000)}${']'.repeat(3_000)}`
  if (random.chance(0.02)) return `"${'a'.repeat(random.pick([255, 256, 257, 600]))}"`
  return random.pick(scalars)
}

/** `members`: name and JSON text. Some are lost, repeated, or spelled with escapes. */
export function createJsonObject(members: readonly (readonly [string, string])[], random: Random): string {
  const texts: string[] = []
  for (const [name, text] of members) {
    if (random.chance(0.02)) continue
    const value = random.chance(0.03) ? createJsonValue(random) : text
    texts.push(`${spellName(name, random)}:${value}`)
    if (random.chance(0.03))
      texts.push(`${spellName(name, random)}:${random.chance(0.5) ? text : createJsonValue(random)}`)
  }
  if (random.chance(0.1))
    texts.push(
      `"${random.pick(['x', '__proto__', 'constructor', 'toString', ''])}":${createJsonValue(random)}`,
    )
  const space = random.chance(0.1) ? random.pick([' ', '\n', '\t', '\r\n', '\xa0', '\0']) : ''
  return `{${space}${texts.join(`,${space}`)}${random.chance(0.01) ? ',' : ''}}${random.chance(0.01) ? 'x' : ''}`
}

function spellName(name: string, random: Random): string {
  if (random.chance(0.95) || name === '') return JSON.stringify(name)
  const code = name.charCodeAt(0).toString(16).padStart(4, '0')
  return random.pick([`"\\u${code}${name.slice(1)}"`, `"${name.toUpperCase()}"`, `" ${name}"`])
}

/** Two members of one object have the same name, anywhere in it. `text` is JSON. */
export function repeatsAName(text: string): boolean {
  let repeated = false
  // The reviver cannot see them, so that the text is rewritten: every name becomes one of its own.
  let number = 0
  const rewritten = text.replace(/("(?:[^"\\]|\\.)*")(\s*:)?/g, (whole, name: string, colon?: string) => {
    if (colon === undefined) return whole
    number += 1
    return `${JSON.stringify(`${number} ${JSON.parse(name)}`)}${colon}`
  })
  JSON.parse(rewritten, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    const names = Object.keys(value).map((name) => name.replace(/^\d+ /, ''))
    if (new Set(names).size < names.length) repeated = true
    return value
  })
  return repeated
}
