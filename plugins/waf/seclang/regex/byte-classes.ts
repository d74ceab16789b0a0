// Bytes that no instruction of a program tells apart share a class: the automaton's rows have a column for each.
import { newline, wordBytes } from './byte-sets.ts'
import type { Program } from './program.ts'

export interface ByteClasses {
  /** Class of each byte. */
  readonly classOf: Uint8Array
  /** Classes are 0 to count - 1; `count` itself stands for the end of the value. */
  readonly count: number
  /** One byte of each class. */
  readonly samples: Uint8Array
  /** members[set * count + class] is 1 when the set of that id holds the bytes of the class. */
  readonly members: Uint8Array
}

export function classifyBytes(program: Program): ByteClasses {
  const { asserts, sets } = program
  const telling = [...sets]
  if (asserts.has('word-boundary') || asserts.has('not-word-boundary')) telling.push(wordBytes)
  if (asserts.has('begin-line') || asserts.has('end-line') || asserts.has('end-or-last-newline'))
    telling.push(newline)
  const classOf = new Uint8Array(256)
  let count = 1
  for (const set of telling) count = refine(classOf, count, set)
  const samples = new Uint8Array(count)
  for (let byte = 0; byte < 256; byte++) samples[classOf[byte] as number] = byte
  const members = new Uint8Array(sets.length * count)
  sets.forEach((set, id) => {
    for (let index = 0; index < count; index++)
      members[id * count + index] = set[samples[index] as number] ?? 0
  })
  return { classOf, count, samples, members }
}

/** Splits every class that `set` holds only in part; returns the new number of classes. */
function refine(classOf: Uint8Array, count: number, set: Uint8Array): number {
  const classOfKey = new Map<number, number>()
  const refined = classOf.map((old, byte) => {
    const key = old * 2 + (set[byte] as number)
    const known = classOfKey.get(key)
    if (known !== undefined) return known
    classOfKey.set(key, classOfKey.size)
    return classOfKey.size - 1
  })
  classOf.set(refined)
  return Math.max(count, classOfKey.size)
}
