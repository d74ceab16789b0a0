// The characters on which a transformation can act at all. A value without any of them comes out as it went in, so that
// the call is saved; a test holds this table against the transformations. Those not listed may change any value.

function chars(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

const blanks = [...range(9, 13), 32, 160]
const upper = range(65, 90)
const lower = range(97, 122)
const high = range(128, 255)

const acting: Readonly<Record<string, readonly number[]>> = {
  lowercase: upper,
  uppercase: lower,
  urldecode: chars('%+'),
  urldecodeuni: chars('%+'),
  htmlentitydecode: chars('&'),
  jsdecode: chars('\\'),
  cssdecode: chars('\\'),
  escapeseqdecode: chars('\\'),
  removenulls: [0],
  replacenulls: [0],
  utf8tounicode: high,
  removewhitespace: [...blanks, 0xc2],
  compresswhitespace: blanks,
  trim: [...blanks, 0],
  trimleft: [...blanks, 0],
  trimright: [...blanks, 0],
  replacecomments: chars('/'),
  removecomments: chars('/*-#'),
  removecommentschar: chars('/*-#'),
  cmdline: [...chars('"\'\\^;,/('), ...blanks, ...upper],
  normalizepath: chars('/.'),
  normalisepath: chars('/.'),
  normalizepathwin: chars('\\/.'),
  normalisepathwin: chars('\\/.'),
}

export const transformationTriggers: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(acting).map(([name, codes]) => {
    const mask = new Uint8Array(256)
    for (const code of codes) mask[code] = 1
    return [name, mask]
  }),
)
