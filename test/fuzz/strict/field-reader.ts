// Header fields for the strict readers (RFC 9110 section 5, RFC 9112 section 5).

export interface StrictField {
  /** As spelled. */
  readonly name: string
  readonly value: string
}

const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/

/** null: no field. A tab at the end of what frames a body is none either: there are readers who keep it. */
export function readFieldLine(line: string): StrictField | null {
  const match = fieldLine.exec(line)
  if (match === null) return null
  const name = match[1] as string
  if (line.endsWith('\t') && /^(transfer-encoding|content-length)$/i.test(name)) return null
  return { name, value: (match[2] as string).replace(/[ \t]+$/, '') }
}

export function valuesOf(fields: readonly StrictField[], name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value)
}

/** Every line feed has a carriage return before it. */
export function isOnlySingleCrlf(text: string): boolean {
  return !/(^|[^\r])\n/.test(text)
}
