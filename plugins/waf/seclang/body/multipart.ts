// multipart/form-data, strict as ModSecurity is: what another parser could read differently raises a flag or an error,
// and the fields are reported as far as they can be told all the same. One pass over the lines that begin with `--`.
import type { BodyLimits, MultipartBody, MultipartFile, MultipartFlags, Pair } from '../types.ts'
import { type Boundary, readBoundary } from './multipart-boundary.ts'
import { readDisposition } from './multipart-disposition.ts'
import { readPartHead } from './multipart-head.ts'

type Marks = { -readonly [K in keyof MultipartFlags]: MultipartFlags[K] }
type LineKind = 'boundary' | 'final' | 'other'

export function parseMultipart(text: string, contentType: string, limits: BodyLimits): MultipartBody {
  const reader = new MultipartReader(text, readBoundary(contentType), limits)
  reader.read()
  const { args, files, partHeaders, flags, error } = reader
  return { args, files, partHeaders, flags, error }
}

class MultipartReader {
  readonly args: Pair[] = []
  readonly files: MultipartFile[] = []
  readonly partHeaders: Pair[] = []
  readonly flags: Marks
  error: string | null
  readonly #text: string
  readonly #boundary: Boundary
  readonly #limits: BodyLimits
  #crlf = false

  constructor(text: string, boundary: Boundary, limits: BodyLimits) {
    this.#text = text
    this.#boundary = boundary
    this.#limits = limits
    this.error = boundary.error === null ? null : `Multipart: ${boundary.error}`
    this.flags = { ...noFlags }
    this.flags.boundaryQuoted = boundary.quoted
    this.flags.boundaryWhitespace = boundary.whitespace
    this.flags.missingSemicolon = boundary.missingSemicolon
  }

  read(): void {
    if (this.#boundary.value !== '') this.#readParts()
    this.flags.crlfLfLines = this.#crlf && this.flags.lfLine
  }

  #readParts(): void {
    const text = this.#text
    /** Start of the part that is open; -1 before the first boundary. */
    let part = -1
    for (let line = this.#nextDashes(0); line >= 0; line = this.#nextDashes(line + 1)) {
      const kind = this.#classify(line)
      if (kind === 'other') continue
      if (part >= 0) this.#readPart(part, line)
      else if (line > 0) this.flags.dataBefore = true
      part = this.#endOfLine(line)
      if (kind === 'final') return this.#readEpilogue(part)
    }
    if (part < 0) return this.#fail('the boundary is not in the body')
    this.#readPart(part, text.length)
    this.#fail('the final boundary is missing')
  }

  /** The next line from `from` on that begins with `--`; -1 when there is none. */
  #nextDashes(from: number): number {
    if (from === 0 && this.#text.startsWith('--')) return 0
    const found = this.#text.indexOf('\n--', Math.max(0, from - 1))
    return found < 0 ? -1 : found + 1
  }

  /** Behind the line break of the line at `line`. */
  #endOfLine(line: number): number {
    const end = this.#text.indexOf('\n', line)
    return end < 0 ? this.#text.length : end + 1
  }

  #classify(line: number): LineKind {
    const text = this.#text
    const { value } = this.#boundary
    let at = line + 2
    if (!text.startsWith(value, at)) {
      this.flags.unmatchedBoundary = true
      if (this.#looksLikeBoundary(at)) this.#fail('a boundary has blanks or quotes before it')
      return 'other'
    }
    at += value.length
    const final = text.startsWith('--', at)
    if (final) at += 2
    const end = this.#endOfLine(line)
    const rest = text.slice(at, Math.min(end, at + 80))
    if (/^[ \t]*\r?\n?$/.test(rest)) {
      if (/^[ \t]/.test(rest)) this.#fail('blanks follow a boundary')
      this.#markLineEnd(rest)
      return final ? 'final' : 'boundary'
    }
    this.flags.unmatchedBoundary = true
    this.#fail('something follows a boundary')
    return 'other'
  }

  #looksLikeBoundary(at: number): boolean {
    const odd = /[ \t\r"']+/y
    odd.lastIndex = at
    return odd.test(this.#text) && this.#text.startsWith(this.#boundary.value, odd.lastIndex)
  }

  #markLineEnd(end: string): void {
    if (end.endsWith('\r\n')) this.#crlf = true
    else if (end.endsWith('\n')) this.flags.lfLine = true
  }

  #readEpilogue(from: number): void {
    const rest = this.#text.slice(from)
    if (/[^ \t\r\n]/.test(rest)) this.flags.dataAfter = true
    if (rest.includes(`--${this.#boundary.value}`)) this.#fail('a boundary follows the final one')
  }

  #readPart(from: number, to: number): void {
    const head = readPartHead(this.#text, from, to)
    this.flags.headerFolding ||= head.folded
    this.flags.invalidHeaderFolding ||= head.invalidFolding
    this.flags.lfLine ||= head.lf
    this.#crlf ||= head.crlf
    if (head.error !== null) this.#fail(head.error)
    const disposition = readDisposition(head.disposition ?? '')
    this.flags.invalidQuoting ||= disposition.invalidQuoting
    if (disposition.error !== null) {
      this.flags.invalidPart = true
      this.#fail(disposition.error)
    }
    const field = disposition.name ?? ''
    for (const line of head.lines) this.partHeaders.push([field, line])
    if (!this.#hasRoom(disposition.fileName !== null)) return
    const content = this.#text.slice(head.end, contentEnd(this.#text, head.end, to))
    const { fileName, extendedFileName } = disposition
    if (fileName === null && extendedFileName === null) this.args.push([field, content])
    if (fileName !== null) this.files.push({ field, fileName, size: content.length, content })
    if (extendedFileName === null || extendedFileName === fileName) return
    // The application takes one of the two names: both are to be seen, the content once.
    const again = fileName === null ? content : ''
    this.files.push({ field, fileName: extendedFileName, size: again.length, content: again })
  }

  #hasRoom(isFile: boolean): boolean {
    const room = this.args.length + this.files.length + this.partHeaders.length <= this.#limits.args
    if (room) return true
    this.flags.fileLimitExceeded ||= isFile
    this.#fail(`more than ${this.#limits.args} parts and headers`)
    return false
  }

  #fail(reason: string): void {
    this.error ??= `Multipart: ${reason}`
  }
}

/** The line break before a boundary belongs to the boundary. */
function contentEnd(text: string, from: number, to: number): number {
  if (to <= from || text[to - 1] !== '\n') return Math.max(from, to)
  return to - 2 >= from && text[to - 2] === '\r' ? to - 2 : to - 1
}

const noFlags: MultipartFlags = {
  boundaryQuoted: false,
  boundaryWhitespace: false,
  dataBefore: false,
  dataAfter: false,
  headerFolding: false,
  lfLine: false,
  crlfLfLines: false,
  missingSemicolon: false,
  invalidQuoting: false,
  invalidPart: false,
  invalidHeaderFolding: false,
  fileLimitExceeded: false,
  unmatchedBoundary: false,
}
