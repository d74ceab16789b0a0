// Config files out of random choices: working ones, changed in a few places.
import { readFileSync } from 'node:fs'
import { mutate } from '../support/mutate.ts'
import type { Random } from '../support/random.ts'

export const fileNames = ['gateway', 'routes', 'plugins'] as const
export type FileName = (typeof fileNames)[number]

function readFolder(path: string): Record<FileName, string> {
  const read = (name: FileName): string =>
    readFileSync(new URL(`../../${path}/${name}.json`, import.meta.url), 'utf8')
  return { gateway: read('gateway'), routes: read('routes'), plugins: read('plugins') }
}

/** Working configs; what is changed of one stands beside the others of it. */
export const folders = [readFolder('config'), readFolder('examples/aegis-services')] as const

const values = [
  ...[
    'null',
    'true',
    '0',
    '-1',
    '1e999',
    '1.5',
    '""',
    '"a"',
    '[]',
    '{}',
    '[null]',
    '[""]',
    '9007199254740993',
    '"*"',
    '"/"',
  ],
  ...[
    '"${SECRET}"',
    '"${MISSING}"',
    '"${NUMBER}"',
    '"${SECRET"',
    '"$${SECRET}"',
    '"${MISSING:-x}"',
    '"${file:/dev/zero}"',
  ],
  ...[
    '"${file:nowhere}"',
    '"http://127.0.0.1:1"',
    '"https://a:b@c/d?e"',
    '"file:///etc/passwd"',
    '"../../x"',
    '"\\u0000"',
  ],
  ...[
    '"(a+)+$"',
    '"{tenant}"',
    '"__proto__"',
    '"constructor"',
    '"::1"',
    '"10.0.0.0/33"',
    '{"a":{"b":{"c":1}}}',
    '"/{a}/{a}/*"',
  ],
]
const names = [
  'zzUnknown',
  '__proto__',
  'constructor',
  'prototype',
  '',
  'id',
  'a/b~c',
  'toString',
  'enabled',
  'auth',
  'hosts',
]

/** Where a value or a member begins and ends in a JSON text, without its comma. */
interface Span {
  readonly from: number
  readonly to: number
}

/** Every value of the text; small parts of it more often than large ones. */
function pickValue(text: string, random: Random): Span {
  const starts = [...text.matchAll(/(?<=[:[,]\s*)(?:"|[[{]|[-0-9a-z])/g)].map(({ index }) => index)
  const from = starts.length === 0 ? 0 : random.pick(starts)
  return { from, to: endOfValue(text, from) }
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text[at] as string
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    if (depth < 0 || (depth === 0 && char === ',')) return at
    if (depth === 0 && (char === '"' || char === '}' || char === ']')) return at + 1
  }
  return text.length
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function changeOnce(text: string, random: Random): string {
  const { from, to } = pickValue(text, random)
  const put = (value: string): string => text.slice(0, from) + value + text.slice(to)
  const kind = random.int(8)
  if (kind < 3) return put(random.pick(values))
  if (kind === 3) {
    // The value of another place.
    const other = pickValue(text, random)
    return put(text.slice(other.from, other.to))
  }
  const opened = text.indexOf('{', from)
  if (kind < 6 && opened >= 0)
    return `${text.slice(0, opened + 1)}${JSON.stringify(random.pick(names))}:${random.pick(values)},${text.slice(opened + 1)}`
  if (kind === 6) return text.slice(0, from) + text.slice(text[to] === ',' ? to + 1 : to)
  return mutate(text, random)
}

/** `from 0 routes` or `from 1 gateway`, and the text of that file, on the lines behind it. */
export function createConfigFile(random: Random): string {
  const folder = random.int(folders.length)
  const name = random.pick(fileNames)
  let text = (folders[folder] ?? folders[0])[name]
  for (let i = random.pick([0, 1, 1, 1, 2, 3]); i > 0; i--) text = changeOnce(text, random)
  return `from ${folder} ${name}\n${text}`
}

export interface ConfigInput {
  readonly name: FileName
  /** The text of that file. */
  readonly text: string
  /** The files beside it. */
  readonly others: Readonly<Record<FileName, string>>
}

export function readConfigInput(input: string): ConfigInput {
  const end = input.indexOf('\n')
  const [, folder, named] = input.slice(0, end).split(' ')
  const name = fileNames.find((one) => one === named) ?? 'routes'
  return { name, text: input.slice(end + 1), others: folders[folder === '1' ? 1 : 0] }
}
