// `[...]` of a pattern.
import { addAll, complement, emptySet, foldCase, posixSets } from './byte-sets.ts'
import { readEscape, readOctal } from './escapes.ts'
import { type ByteSet, PatternError } from './syntax.ts'

/** One member: a single byte, which may begin a range, or a whole set. */
interface Member {
  readonly byte: number | null
  readonly set: ByteSet | null
  readonly next: number
}

/** Reads the class whose bracket is at `at`. */
export function parseClass(source: string, at: number, ignoreCase: boolean): { set: ByteSet; next: number } {
  const negated = source[at + 1] === '^'
  const first = at + (negated ? 2 : 1)
  const set = emptySet()
  let next = first
  while (source[next] !== ']' || next === first) {
    if (next >= source.length) throw new PatternError('a "[" without its "]"', source, at)
    next = source.startsWith('\\E', next) ? next + 2 : readItem(source, next, set)
  }
  const folded = ignoreCase ? foldCase(set) : set
  return { set: negated ? complement(folded) : folded, next: next + 1 }
}

/** Adds the member or the range at `at` to `set`; returns where the class goes on. */
function readItem(source: string, at: number, set: ByteSet): number {
  const low = readMember(source, at)
  if (low.set !== null) addAll(set, low.set)
  if (low.byte === null) return low.next
  const isRange = source[low.next] === '-' && source[low.next + 1] !== ']'
  const high = isRange && low.next + 1 < source.length ? readMember(source, low.next + 1) : null
  if (high === null || high.byte === null) {
    set[low.byte] = 1
    return low.next
  }
  if (high.byte < low.byte) throw new PatternError('a range that runs backwards', source, at)
  set.fill(1, low.byte, high.byte + 1)
  return high.next
}

function readMember(source: string, at: number): Member {
  if (source[at] === '[' && source[at + 1] === ':') {
    const posix = readPosix(source, at)
    if (posix !== null) return posix
  }
  if (source[at] !== '\\') return { byte: source.charCodeAt(at), set: null, next: at + 1 }
  if (source[at + 1] === 'b') return { byte: 8, set: null, next: at + 2 }
  const escaped = readEscape(source, at)
  if (escaped !== null) return escaped
  if (/[1-7]/.test(source[at + 1] ?? '')) return readOctal(source, at, at + 1)
  throw new PatternError(`the escape \\${source[at + 1]}, which is unknown in a class,`, source, at)
}

function readPosix(source: string, at: number): Member | null {
  const named = /^\[:(\^?)([a-z]+):\]/.exec(source.slice(at, at + 16))
  if (named === null) return null
  const set = posixSets[named[2] as string]
  if (set === undefined) throw new PatternError(`the unknown class ${named[0]}`, source, at)
  return { byte: null, set: named[1] === '^' ? complement(set) : set, next: at + named[0].length }
}
