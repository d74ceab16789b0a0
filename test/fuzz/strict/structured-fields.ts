// Lists of structured fields (RFC 9651 section 4.2), as far as rate limits use them: strings with parameters.

export interface StrictItem {
  readonly value: string
  readonly parameters: ReadonlyMap<string, number | string | boolean>
}

const stringPattern = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/
const parameterPattern =
  /^; *([a-z*][a-z0-9_\-.*]*)(?:=(-?[0-9]{1,15}(?![0-9.])|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"))?/

/** null: a strict reader drops the field. */
export function readListStrictly(text: string): StrictItem[] | null {
  const items: StrictItem[] = []
  let rest = text.replace(/^ +| +$/g, '')
  for (;;) {
    const value = stringPattern.exec(rest)
    if (value === null) return null
    rest = rest.slice(value[0].length)
    const parameters = new Map<string, number | string | boolean>()
    for (let match = parameterPattern.exec(rest); match !== null; match = parameterPattern.exec(rest)) {
      const [all, name = '', given] = match
      parameters.set(
        name,
        given === undefined ? true : given.startsWith('"') ? given.slice(1, -1) : Number(given),
      )
      rest = rest.slice(all.length)
    }
    items.push({ value: (value[1] ?? '').replaceAll(/\\(["\\])/g, '$1'), parameters })
    if (rest === '') return items
    const comma = /^[ \t]*,[ \t]*(?=.)/.exec(rest)
    if (comma === null) return null
    rest = rest.slice(comma[0].length)
  }
}
