// Parses the regular expressions of rule files: the syntax of PCRE as far as rules use it. What is not understood is an
// error at load, never a pattern that means something else.
import { anyByte, complement, foldCase, newline } from './byte-sets.ts'
import { readEscape, readOctal } from './escapes.ts'
import { parseClass } from './parse-class.ts'
import { type AssertKind, type Node, PatternError, type Syntax } from './syntax.ts'

export interface PatternFlags {
  readonly ignoreCase?: boolean
}

interface Modes {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
  readonly multiline: boolean
  readonly extended: boolean
  readonly ungreedy: boolean
}

/** Deeper nesting is refused, as by PCRE; it also bounds the recursion of everything that walks the tree. */
const maxDepth = 250
const maxRepeat = 65535
const asserts: Readonly<Record<string, AssertKind>> = {
  A: 'begin',
  G: 'begin',
  z: 'end',
  Z: 'end-or-last-newline',
  b: 'word-boundary',
  B: 'not-word-boundary',
}
const modeOfLetter: Readonly<Record<string, keyof Modes>> = {
  i: 'ignoreCase',
  s: 'dotAll',
  m: 'multiline',
  x: 'extended',
  U: 'ungreedy',
}

/** As ModSecurity and Coraza compile: the dot matches newlines, `^` and `$` match at lines. */
export function parsePattern(source: string, flags: PatternFlags = {}): Syntax {
  return new PatternParser(source, flags).parse()
}

class PatternParser {
  readonly #source: string
  #at = 0
  #depth = 0
  #groupCount = 0
  #modes: Modes
  /** One node for each byte, with and without case: a pattern may have thousands of literals. */
  readonly #literals: Node[] = []
  readonly #classes = new Map<string, Node>()
  readonly #names = new Map<string, number>()
  /** Groups that exist in the whole pattern: tells a reference from an octal code. */
  readonly #groupTotal: number

  constructor(source: string, flags: PatternFlags) {
    this.#source = source
    this.#groupTotal = countGroups(source)
    this.#modes = {
      ignoreCase: flags.ignoreCase ?? false,
      dotAll: true,
      multiline: true,
      extended: false,
      ungreedy: false,
    }
  }

  parse(): Syntax {
    const root = this.#choice()
    if (this.#at < this.#source.length) this.#fail('a ")" without its "("')
    return { root, groupCount: this.#groupCount }
  }

  #fail(message: string): never {
    throw new PatternError(message, this.#source, this.#at)
  }

  #choice(): Node {
    if (++this.#depth > maxDepth) this.#fail(`more than ${maxDepth} nested groups`)
    const outer = this.#modes
    const items = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      items.push(this.#sequence())
    }
    this.#modes = outer
    this.#depth--
    return items.length === 1 ? (items[0] as Node) : { kind: 'choice', items }
  }

  #sequence(): Node {
    const items: Node[] = []
    while (this.#at < this.#source.length) {
      const letter = this.#source[this.#at]
      if (letter === '|' || letter === ')') break
      if (this.#skipsExtended() || this.#skipsQuote(items)) continue
      const atom = this.#atom()
      if (atom !== null) items.push(this.#quantified(atom))
    }
    if (items.length === 0) return { kind: 'empty' }
    return items.length === 1 ? (items[0] as Node) : { kind: 'sequence', items }
  }

  /** White space and comments under (?x). */
  #skipsExtended(): boolean {
    if (!this.#modes.extended) return false
    const skipped = /^(?:\s+|#[^\n]*\n?)/.exec(this.#source.slice(this.#at))
    if (skipped === null) return false
    this.#at += skipped[0].length
    return true
  }

  /** `\Q...\E`: everything between is literal. */
  #skipsQuote(items: Node[]): boolean {
    if (this.#source[this.#at] !== '\\') return false
    if (this.#source.startsWith('\\E', this.#at)) {
      this.#at += 2
      return true
    }
    if (!this.#source.startsWith('\\Q', this.#at)) return false
    const end = this.#source.indexOf('\\E', this.#at + 2)
    const literal = this.#source.slice(this.#at + 2, end === -1 ? undefined : end)
    this.#at = end === -1 ? this.#source.length : end + 2
    const nodes = [...literal].map((char) => this.#byte(char.charCodeAt(0)))
    const last = nodes.pop()
    items.push(...nodes)
    if (last !== undefined) items.push(this.#quantified(last))
    return true
  }

  /** null for what only changes modes. */
  #atom(): Node | null {
    const letter = this.#source[this.#at] as string
    if (letter === '(') return this.#group()
    if (letter === '[') return this.#class()
    if (letter === '\\') return this.#escape()
    if (/[*+?]/.test(letter)) this.#fail(`"${letter}" with nothing to repeat`)
    this.#at++
    if (letter === '.') return { kind: 'set', set: this.#modes.dotAll ? anyByte : complement(newline) }
    if (letter === '^') return { kind: 'assert', assert: this.#modes.multiline ? 'begin-line' : 'begin' }
    if (letter === '$')
      return { kind: 'assert', assert: this.#modes.multiline ? 'end-line' : 'end-or-last-newline' }
    return this.#byte(letter.charCodeAt(0))
  }

  #byte(byte: number): Node {
    if (byte > 255) this.#fail('a character above 0xff, where patterns are bytes,')
    const key = this.#modes.ignoreCase ? byte + 256 : byte
    const known = this.#literals[key]
    if (known !== undefined) return known
    const set = new Uint8Array(256)
    set[byte] = 1
    const node: Node = { kind: 'set', set: this.#modes.ignoreCase ? foldCase(set) : set }
    this.#literals[key] = node
    return node
  }

  /** Classes of the same text are one node, so that whoever walks the tree can tell them by identity. */
  #class(): Node {
    const { set, next } = parseClass(this.#source, this.#at, this.#modes.ignoreCase)
    const key = `${this.#modes.ignoreCase}${this.#source.slice(this.#at, next)}`
    this.#at = next
    const node = this.#classes.get(key) ?? { kind: 'set', set }
    this.#classes.set(key, node)
    return node
  }

  #escape(): Node {
    const letter = this.#source[this.#at + 1] ?? ''
    const assert = asserts[letter]
    if (assert !== undefined) {
      this.#at += 2
      return { kind: 'assert', assert }
    }
    if (/[1-9]/.test(letter)) return this.#numbered()
    if (letter === 'g' || letter === 'k') return this.#namedReference()
    if (letter === 'R') return this.#anyNewline()
    const escaped = readEscape(this.#source, this.#at)
    if (escaped === null) this.#fail(`the escape \\${letter}, which is not supported,`)
    this.#at = escaped.next
    return escaped.set === null ? this.#byte(escaped.byte as number) : { kind: 'set', set: escaped.set }
  }

  /** `\1` to `\9` always refer to a group; longer numbers only if so many groups exist, else they are octal. */
  #numbered(): Node {
    const digits = /^\d+/.exec(this.#source.slice(this.#at + 1))?.[0] as string
    const index = Number(digits)
    if (index < 10 || index <= this.#groupTotal) return this.#reference(index, this.#at + 1 + digits.length)
    const octal = readOctal(this.#source, this.#at, this.#at + 1)
    this.#at = octal.next
    return this.#byte(octal.byte as number)
  }

  #namedReference(): Node {
    const found = /^\\(?:g(\d+)|g\{(\d+)\}|k[{<'](\w+)[}>'])/.exec(this.#source.slice(this.#at))
    if (found === null) this.#fail('a reference that is not understood')
    const index = this.#names.get(found[3] ?? '') ?? Number(found[1] ?? found[2] ?? 0)
    return this.#reference(index, this.#at + found[0].length)
  }

  #reference(index: number, next: number): Node {
    if (index === 0 || index > this.#groupTotal) this.#fail('a reference to a group that does not exist')
    this.#at = next
    return { kind: 'backreference', index, ignoreCase: this.#modes.ignoreCase }
  }

  #anyNewline(): Node {
    this.#at += 2
    const crlf: Node = { kind: 'sequence', items: [this.#byte(13), this.#byte(10)] }
    const one = complement(newline).map((_, byte) => ((byte >= 10 && byte <= 13) || byte === 133 ? 1 : 0))
    return { kind: 'atomic', item: { kind: 'choice', items: [crlf, { kind: 'set', set: one }] } }
  }

  #group(): Node | null {
    const rest = this.#source.slice(this.#at, this.#at + 64)
    if (!rest.startsWith('(?')) {
      this.#at += 1
      return this.#capturing()
    }
    const named = /^\(\?(?:P?<(\w+)>|'(\w+)')/.exec(rest)
    if (named !== null) {
      this.#at += named[0].length
      this.#names.set((named[1] ?? named[2]) as string, this.#groupCount + 1)
      return this.#capturing()
    }
    const look = /^\(\?(<?)([=!])/.exec(rest)
    if (look !== null) {
      this.#at += look[0].length
      return lookAround(look[1] === '<', look[2] === '!', this.#closed(this.#choice()))
    }
    return this.#plainGroup(rest)
  }

  #plainGroup(rest: string): Node | null {
    if (rest.startsWith('(?>')) {
      this.#at += 3
      return atomic(this.#closed(this.#choice()))
    }
    if (rest.startsWith('(?#')) {
      const end = this.#source.indexOf(')', this.#at)
      if (end === -1) this.#fail('a comment without its ")"')
      this.#at = end + 1
      return null
    }
    const modes = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(rest)
    if (modes === null) this.#fail('a kind of group that is not supported')
    const changed = this.#changedModes(modes[1] as string, modes[2] ?? '')
    this.#at += modes[0].length
    if (modes[3] === ')') {
      this.#modes = changed
      return null
    }
    const outer = this.#modes
    this.#modes = changed
    const item = this.#closed(this.#choice())
    this.#modes = outer
    return item
  }

  #changedModes(on: string, off: string): Modes {
    const modes = { ...this.#modes }
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const) {
      for (const letter of letters) {
        const mode = modeOfLetter[letter]
        if (mode === undefined) this.#fail(`the mode "${letter}", which is not supported,`)
        modes[mode] = value
      }
    }
    return modes
  }

  #capturing(): Node {
    const index = ++this.#groupCount
    return { kind: 'group', index, item: this.#closed(this.#choice()) }
  }

  #closed(item: Node): Node {
    if (this.#source[this.#at] !== ')') this.#fail('a "(" without its ")"')
    this.#at++
    return item
  }

  /** `atom` with the quantifiers that follow it. */
  #quantified(atom: Node): Node {
    let item = atom
    for (;;) {
      while (this.#skipsExtended());
      const counts = this.#counts()
      if (counts === null) return item
      const suffix = this.#source[this.#at]
      if (suffix === '?' || suffix === '+') this.#at++
      const greedy = (suffix === '?') === this.#modes.ungreedy
      const repeat: Node = { kind: 'repeat', item, min: counts[0], max: counts[1], greedy }
      item = suffix === '+' ? atomic(repeat) : repeat
    }
  }

  #counts(): readonly [min: number, max: number] | null {
    const letter = this.#source[this.#at]
    if (letter !== '*' && letter !== '+' && letter !== '?' && letter !== '{') return null
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})/.exec(this.#source.slice(this.#at, this.#at + 16))
    if (found === null || (found[3] === '' && found[4] !== '')) return null
    this.#at += found[0].length
    if (found[1] !== undefined) return [found[1] === '+' ? 1 : 0, found[1] === '?' ? 1 : Infinity]
    const min = Number(found[2])
    const max = found[3] === '' ? min : found[4] === '' ? Infinity : Number(found[4])
    if (min > maxRepeat || (max !== Infinity && (max > maxRepeat || max < min)))
      this.#fail(`a repetition that runs backwards or beyond ${maxRepeat}`)
    return [min, max]
  }
}

/** A set repeated without end ends where no byte of it comes next: that much an automaton can say. */
function atomic(item: Node): Node {
  if (item.kind !== 'repeat' || !item.greedy || item.max !== Infinity || item.item.kind !== 'set')
    return { kind: 'atomic', item }
  return { kind: 'sequence', items: [item, { kind: 'not-next', set: item.item.set }] }
}

function lookAround(behind: boolean, negative: boolean, item: Node): Node {
  if (!behind && negative && item.kind === 'set') return { kind: 'not-next', set: item.set }
  return { kind: 'look', behind, negative, item }
}

/** Opening brackets that capture, escapes and classes left out. */
function countGroups(source: string): number {
  const bare = source.replace(/\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]/gs, '')
  return bare.match(/\((?!\?)|\(\?(?:P?<(?![=!])|')/g)?.length ?? 0
}
