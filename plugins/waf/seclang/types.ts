// The seams of the SecLang engine: what operators, transformations and body processors promise to it. Types only.
//
// Every string that came from a client is a byte string: one character for each byte, codes 0 to 255 (latin1).
// Nothing in the engine decodes it as UTF-8; rule files are read the same way, so that their literals compare.

/** Pure and total. Returns the very same string when nothing changed, so that the engine can share work by identity. */
export type Transformation = (value: string) => string

/**
 * What a value must hold for an operator to match. It may let a value through that does not match, never hold back
 * one that does. The three conditions must all be met.
 */
export interface MatchHint {
  /** One of these, in lower case, must occur in the value (ASCII case ignored); null: no such list is known. */
  readonly anyOf: readonly string[] | null
  /** 256 entries each, 1 for a member: the value must hold at least one member of every mask. */
  readonly masks: readonly Uint8Array[]
  readonly minLength: number
}

export interface OperatorContext {
  /** True when the rule has the action `capture`; an operator may skip the work otherwise. */
  readonly capturing: boolean
  /** Sets TX:group; only 0 to 9 are kept. */
  capture(group: number, value: string): void
}

export interface Operator {
  evaluate(value: string, context: OperatorContext): boolean
  /** null: anything might match. */
  readonly hint: MatchHint | null
}

/** An operator whose argument holds a macro: the engine expands it for each evaluation. */
export type DynamicOperator = (value: string, argument: string, context: OperatorContext) => boolean

export interface OperatorEnv {
  /** The text (latin1) of a data file named beside the rule file; throws an error that names the path. */
  readFile(name: string): string
}

/** Names and values as the rules see them: decoded, in the order of the body, names repeated as sent. */
export type Pair = readonly [name: string, value: string]

/** What a body may hold. Past a limit the body has an error, and what was read before stays. */
export interface BodyLimits {
  /** Names, values and parts in all. */
  readonly args: number
  /** Nesting of a JSON or XML body. */
  readonly depth: number
}

export interface UrlEncodedBody {
  readonly args: readonly Pair[]
  /** A % that no two hexadecimal digits follow (URLENCODED_ERROR); it stays in the value as sent. */
  readonly invalidEncoding: boolean
  readonly error: string | null
}

/** `args` are named `json`, `json.a.b.0`, ...; scalars as text: true, false, empty for null, numbers as written. */
export interface JsonBody {
  readonly args: readonly Pair[]
  /** Why the body is no JSON (REQBODY_ERROR_MSG); null when it is. What was read before the error stays in `args`. */
  readonly error: string | null
}

export interface XmlBody {
  /** The text of the document, in document order (XML:/*). */
  readonly texts: readonly string[]
  /** The values of all attributes (XML://@*). */
  readonly attributes: readonly string[]
  readonly error: string | null
}

export interface MultipartFile {
  /** The field's name: FILES_NAMES, and the key in FILES, FILES_SIZES. */
  readonly field: string
  /** As the client named it: FILES. */
  readonly fileName: string
  readonly size: number
  readonly content: string
}

/** The strict flags of ModSecurity's multipart parser; each is MULTIPART_<name in upper snake case>. */
export interface MultipartFlags {
  readonly boundaryQuoted: boolean
  readonly boundaryWhitespace: boolean
  readonly dataBefore: boolean
  readonly dataAfter: boolean
  readonly headerFolding: boolean
  readonly lfLine: boolean
  readonly crlfLfLines: boolean
  readonly missingSemicolon: boolean
  readonly invalidQuoting: boolean
  readonly invalidPart: boolean
  readonly invalidHeaderFolding: boolean
  readonly fileLimitExceeded: boolean
  /** A boundary-like line that is not the boundary (MULTIPART_UNMATCHED_BOUNDARY). */
  readonly unmatchedBoundary: boolean
}

export interface MultipartBody {
  readonly args: readonly Pair[]
  readonly files: readonly MultipartFile[]
  /** MULTIPART_PART_HEADERS: the part's field name and one whole header line, `Name: value`. */
  readonly partHeaders: readonly Pair[]
  readonly flags: MultipartFlags
  readonly error: string | null
}

/** Finds many literals in one pass (`createLiteralAutomaton(literals)` in regex/automaton.ts); ASCII case is ignored. */
export interface LiteralAutomaton {
  /** Sets the bit of each literal that occurs (by its index; nothing is cleared); true when there was any. */
  scan(value: string, hits: Uint32Array): boolean
}
