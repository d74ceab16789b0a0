// What a pattern says, once parsed: the tree between the parser, the compiler to a program and the hint analysis.

/** 256 entries, 1 for a member. Case folding and the dot-all flag are already in it. */
export type ByteSet = Uint8Array

export type AssertKind =
  | 'begin'
  | 'begin-line'
  | 'end'
  | 'end-line'
  | 'end-or-last-newline'
  | 'word-boundary'
  | 'not-word-boundary'

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly items: readonly Node[] }
  | {
      readonly kind: 'repeat'
      readonly item: Node
      readonly min: number
      /** Infinity for no upper bound. */
      readonly max: number
      readonly greedy: boolean
    }
  | { readonly kind: 'group'; readonly index: number; readonly item: Node }
  | { readonly kind: 'assert'; readonly assert: AssertKind }
  /** The next byte is none of `set`; so it is at the end. */
  | { readonly kind: 'not-next'; readonly set: ByteSet }
  /** `(?>...)` and the possessive quantifiers: no way back into `item` once it has matched. */
  | { readonly kind: 'atomic'; readonly item: Node }
  | { readonly kind: 'look'; readonly behind: boolean; readonly negative: boolean; readonly item: Node }
  | { readonly kind: 'backreference'; readonly index: number; readonly ignoreCase: boolean }

export interface Syntax {
  readonly root: Node
  /** Capturing groups, the whole match not counted. */
  readonly groupCount: number
}

export class PatternError extends Error {
  constructor(message: string, source: string, at: number) {
    super(`${message} at offset ${at} of the pattern ${JSON.stringify(shorten(source))}`)
    this.name = 'PatternError'
  }
}

function shorten(source: string): string {
  return source.length <= 120 ? source : `${source.slice(0, 117)}...`
}
