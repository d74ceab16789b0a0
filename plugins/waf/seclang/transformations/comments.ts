// Comments of C, SQL, HTML and shells.

/** Each C comment becomes a space; an open one goes to the end. */
export function replaceComments(value: string): string {
  if (!value.includes('/*')) return value
  return value.replace(/\/\*.*?(?:\*\/|$)/gs, ' ')
}

/** The marks alone; what they enclosed stays. */
export function removeCommentMarks(value: string): string {
  if (!/\/\*|\*\/|--|#/.test(value)) return value
  return value.replace(/\/\*|\*\/|<!--|-->|--|#/g, '')
}

/** Comments go; `--` and `#` end the value; an open comment leaves a space. Either end closes either beginning. */
export function removeComments(value: string): string {
  if (!/\/\*|--|#/.test(value)) return value
  let kept = ''
  let at = 0
  const opening = /\/\*|<!--|--|#/g
  const closing = /\*\/|-->/g
  for (;;) {
    opening.lastIndex = at
    const open = opening.exec(value)
    if (open === null) return kept + value.slice(at)
    kept += value.slice(at, open.index)
    if (open[0] === '--' || open[0] === '#') return kept
    closing.lastIndex = opening.lastIndex
    if (closing.exec(value) === null) return `${kept} `
    // The byte after a comment is never the beginning of another one, in ModSecurity as well.
    at = closing.lastIndex
    kept += value.slice(at, at + 1)
    at++
  }
}
