// Content-Disposition of a part: its field name and file names.

export interface Disposition {
  /** null: it names none. */
  readonly name: string | null
  /** null: the part is no file. */
  readonly fileName: string | null
  /** `filename*`, decoded; RFC 7578 forbids it, some clients send it all the same. */
  readonly extendedFileName: string | null
  readonly invalidQuoting: boolean
  readonly error: string | null
}

type Parameter = { readonly name: string; readonly value: string; readonly oddQuotes: boolean }

const parameter = /[ \t]*;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|([^;]*))/y

export function readDisposition(value: string): Disposition {
  const parameterAt = new RegExp(parameter)
  const start = /^form-data(?=[\s;]|$)/i.exec(value)
  const found: Parameter[] = []
  parameterAt.lastIndex = start?.[0].length ?? 0
  let end = parameterAt.lastIndex
  for (let match = next(parameterAt, value); match !== null; match = next(parameterAt, value)) {
    found.push(match)
    end = parameterAt.lastIndex
  }
  const whole = start !== null && /^[ \t;]*$/.test(value.slice(end))
  return {
    name: pick(found, 'name'),
    fileName: pick(found, 'filename'),
    extendedFileName: decodeExtended(pick(found, 'filename*')),
    invalidQuoting: found.some((one) => one.oddQuotes),
    error: whole ? explain(found) : 'Content-Disposition is not well formed',
  }
}

function next(parameterAt: RegExp, value: string): Parameter | null {
  const match = parameterAt.exec(value)
  if (match === null) return null
  const [, name = '', quoted, bare = ''] = match
  // Only what needs a backslash loses it: paths of Windows come unescaped.
  if (quoted !== undefined)
    return { name: name.toLowerCase(), value: quoted.replace(/\\(["\\])/g, '$1'), oddQuotes: false }
  return {
    name: name.toLowerCase(),
    value: bare.trimEnd(),
    oddQuotes: /["']/.test(bare) && name !== 'filename*',
  }
}

function pick(found: readonly Parameter[], name: string): string | null {
  return found.find((one) => one.name === name)?.value ?? null
}

function explain(found: readonly Parameter[]): string | null {
  const names = found.map((one) => one.name)
  if (new Set(names).size < names.length) return 'Content-Disposition says something twice'
  return names.includes('name') ? null : 'a part has no name'
}

/** RFC 8187: charset'language'value with percent escapes; the bytes are taken as they are. */
function decodeExtended(value: string | null): string | null {
  if (value === null) return null
  const text = value.replace(/^[^']*'[^']*'/, '')
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
