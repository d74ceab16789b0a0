// Operators that compare whole values and parts of them, byte by byte.

export type Comparison = (value: string, argument: string) => boolean

export function isEqual(value: string, argument: string): boolean {
  return value === argument
}

export function contains(value: string, argument: string): boolean {
  return value.includes(argument)
}

export function beginsWith(value: string, argument: string): boolean {
  return value.startsWith(argument)
}

export function endsWith(value: string, argument: string): boolean {
  return value.endsWith(argument)
}

/** The value is somewhere in the argument; so is an empty one. */
export function isWithin(value: string, argument: string): boolean {
  return argument.includes(value)
}

/** The argument, and no ASCII letter on either side of it. */
export function containsWord(value: string, argument: string): boolean {
  if (argument === '' || value === argument) return true
  for (let at = value.indexOf(argument); at !== -1; at = value.indexOf(argument, at + 1)) {
    if (!isLetter(value.charCodeAt(at - 1)) && !isLetter(value.charCodeAt(at + argument.length))) return true
  }
  return false
}

/** False for NaN, the code beyond an end. */
function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
