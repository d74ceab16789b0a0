// Operators that compare numbers, read as C's `atoll` reads them: whatever is no number is 0.

/** Optional white space, sign and digits at the beginning; past 2^53 the order stays right, equality gets coarse. */
export function numberOf(text: string): number {
  const digits = /^[\t-\r ]*([+-]?[0-9]+)/.exec(text)?.[1]
  return digits === undefined ? 0 : Number(digits)
}

export const numberComparisons: Readonly<Record<string, (value: number, argument: number) => boolean>> = {
  eq: (value, argument) => value === argument,
  ge: (value, argument) => value >= argument,
  gt: (value, argument) => value > argument,
  le: (value, argument) => value <= argument,
  lt: (value, argument) => value < argument,
}
