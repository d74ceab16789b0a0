// The regular expressions of rule files, and values made to hurt them: long runs of one character, nested quotes, text
// full of beginnings, and near misses of each pattern.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Node } from '../../plugins/waf/seclang/regex/syntax.ts'

export interface RulePattern {
  readonly rule: string
  readonly source: string
}

/** Every @rx under `folder`, its rule's id with it; a link of a chain has none. */
export function patternsOf(folder: string): RulePattern[] {
  const lines = globSync(join(folder, '*.conf'))
    .sort()
    .flatMap((file) =>
      readFileSync(file, 'latin1')
        .replace(/\\\n\s*/g, ' ')
        .split('\n'),
    )
  return lines.flatMap((line) => {
    const source = line.startsWith('#') ? undefined : /"!?@rx ((?:[^"\\]|\\.)*)"/.exec(line)?.[1]
    if (source === undefined) return []
    return [{ rule: /id:(\d+)/.exec(line)?.[1] ?? 'chained', source: source.replaceAll('\\"', '"') }]
  })
}

export interface HostileValue {
  readonly name: string
  readonly value: string
}

const units =
  'a 0 < " \' ( / \\ = . - % & a= \'" <a /* ../ ((( a.b a, x=1& $( ${ "\'` 0x41 \xff @a. in( 1or \n \t a\n'.split(
    ' ',
  )
const words =
  'select union all from where and or not in like <script onload= href javascript: php curl ls cat a b1 1 0x41 " \' ` ( ) / .. ; | & = -- # { } $ @ , . \n'.split(
    ' ',
  )

/** `random` gives numbers from 0 to 1. */
export function hostileValues(length: number, random: () => number): HostileValue[] {
  const repeated = [...units, ' ', 'a ', '; ls '].map((unit) => ({
    name: `${JSON.stringify(unit)} again and again`,
    value: stretch(unit, length),
  }))
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)] as string
  const text = Array.from({ length }, () => pick(words)).join(' ')
  const bytes = Array.from({ length }, () => String.fromCharCode(Math.floor(random() * 256))).join('')
  return [
    ...repeated,
    { name: 'words that begin attacks', value: text.slice(0, length) },
    { name: 'random bytes', value: bytes },
  ]
}

/** Something that the pattern matches, without its last byte, again and again. */
export function nearMiss(root: Node, length: number, random: () => number): HostileValue {
  const match = sample(root, random)
  return { name: 'near misses', value: stretch(match.slice(0, -1) || 'x', length) }
}

/** A value that a pattern matches, assertions and backreferences aside. */
export function sample(node: Node, random: () => number): string {
  switch (node.kind) {
    case 'set': {
      const members = [...node.set.keys()].filter((byte) => node.set[byte] === 1)
      const plain = members.filter((byte) => byte >= 32 && byte < 127)
      const from = plain.length > 0 && random() < 0.9 ? plain : members
      return from.length === 0 ? '' : String.fromCharCode(from[Math.floor(random() * from.length)] as number)
    }
    case 'sequence':
      return node.items.map((item) => sample(item, random)).join('')
    case 'choice':
      return sample(node.items[Math.floor(random() * node.items.length)] as Node, random)
    case 'repeat': {
      const count = node.min + Math.floor(random() * (Math.min(node.max - node.min, 3) + 1))
      return Array.from({ length: count }, () => sample(node.item, random)).join('')
    }
    case 'group':
    case 'atomic':
      return sample(node.item, random)
    default:
      return ''
  }
}

function stretch(unit: string, length: number): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
}
