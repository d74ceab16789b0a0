// The scalar variables that the multipart parser sets: MULTIPART_STRICT_ERROR and the flags it is made of, sizes of files.

import type { State } from './state.ts'
import type { MultipartFlags } from './types.ts'

/** Names without MULTIPART_, in the order of ModSecurity's documentation. Those marked strict make MULTIPART_STRICT_ERROR. */
const flags: readonly (readonly [name: string, flag: keyof MultipartFlags, strict: boolean])[] = [
  ['BOUNDARY_QUOTED', 'boundaryQuoted', true],
  ['BOUNDARY_WHITESPACE', 'boundaryWhitespace', true],
  ['DATA_BEFORE', 'dataBefore', true],
  ['DATA_AFTER', 'dataAfter', true],
  ['HEADER_FOLDING', 'headerFolding', true],
  ['LF_LINE', 'lfLine', true],
  ['CRLF_LF_LINES', 'crlfLfLines', false],
  ['MISSING_SEMICOLON', 'missingSemicolon', true],
  ['SEMICOLON_MISSING', 'missingSemicolon', false],
  ['INVALID_QUOTING', 'invalidQuoting', true],
  ['INVALID_PART', 'invalidPart', true],
  ['INVALID_HEADER_FOLDING', 'invalidHeaderFolding', true],
  ['FILE_LIMIT_EXCEEDED', 'fileLimitExceeded', true],
  ['UNMATCHED_BOUNDARY', 'unmatchedBoundary', false],
]

interface PartReader {
  readonly settled: 2
  readonly read: (state: State) => number
}

export const partReaders: Readonly<Record<string, PartReader>> = {
  ...Object.fromEntries(flags.map(([name, flag]) => [`MULTIPART_${name}`, flagReader(flag)])),
  MULTIPART_STRICT_ERROR: { settled: 2, read: strictError },
  FILES_COMBINED_SIZE: { settled: 2, read: combinedFileSize },
}

function flagReader(flag: keyof MultipartFlags): PartReader {
  return { settled: 2, read: ({ multipart }) => (multipart?.flags[flag] ? 1 : 0) }
}

function strictError({ multipart }: State): number {
  if (multipart === null) return 0
  if (multipart.error !== null) return 1
  return flags.some(([, flag, strict]) => strict && multipart.flags[flag]) ? 1 : 0
}

function combinedFileSize({ multipart }: State): number {
  return multipart?.files.reduce((sum, file) => sum + file.size, 0) ?? 0
}
