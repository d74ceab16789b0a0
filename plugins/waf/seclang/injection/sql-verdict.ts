// Which folded shapes are attacks: a grammar of what can follow a value in a query, rule by rule. No list of fingerprints.
// The whole reasoning is in docs/decisions/waf-injection.md.
import type { Reading } from './sql-reading.ts'
import type { Token } from './sql-token.ts'
import { harmlessFunctions } from './sql-verdict-words.ts'

interface Family {
  readonly name: string
  /** Over the shape. */
  readonly shape: RegExp
  /** What the shape alone cannot tell. */
  readonly when?: (reading: Reading) => boolean
}

export function isAttack(reading: Reading): boolean {
  return familyOf(reading) !== null
}

/** The name of the first family that the reading belongs to. */
export function familyOf(reading: Reading): string | null {
  if (reading.shape.length < 2 && reading.shape !== 'X') return null
  if (isPath(reading)) return null
  for (const family of families)
    if (family.shape.test(reading.shape) && (family.when === undefined || family.when(reading)))
      return family.name
  return null
}

/** A path of a URL is no value: what its segments hold is looked at by itself. */
function isPath({ input, tokens, shape }: Reading): boolean {
  return shape.startsWith('o') && input[(tokens[0] as Token).start] === '/'
}

/** `1--`, `1 /*`, `x'--`; not `foo -- bar`, `a # b`. */
function isTwoTokenComment({ tokens, input, count }: Reading): boolean {
  const [first, comment] = tokens as [Token, Token]
  const slashed = input.startsWith('/*', comment.start)
  if (first.type === 'n' || slashed) return slashed
  if (first.type === '1') {
    if (input[comment.start] === '#') return false
    if (count > 2) return true
    const next = input.charCodeAt(first.end)
    return next <= 0x20 || input.startsWith('/*', first.end) || input.startsWith('--', first.end)
  }
  // '#' and '-- -' with nothing behind it; prose goes on.
  return comment.end - comment.start <= (input[comment.start] === '#' ? 1 : 4)
}

/** The sixth token, as far as it was read, compares: (1)=(2). */
function isComparedNext({ tokens }: Reading): boolean {
  const next = tokens[5]
  return next?.type === 'o' || next?.type === '&'
}

function startsClause({ tokens, shape }: Reading): boolean {
  const clause = tokens[shape.indexOf('k')] as Token
  return clause.text === 'WHERE' && (tokens[shape.indexOf('k') + 1]?.compared ?? false)
}

/** if(now()=sysdate(), ...) */
function asksInIf({ tokens }: Reading): boolean {
  return (tokens[0] as Token).text === 'IF' && !harmlessFunctions.has((tokens[2] as Token).text)
}

function selectsFrom(reading: Reading): boolean {
  return reading.selects && /^(?:FROM|INTO|WHERE|AS|JOIN)/.test(reading.textOf('k'))
}

/** exec xp_cmdshell, exec master..sp_who */
function executesStored({ tokens, shape }: Reading): boolean {
  const at = shape.indexOf('E')
  return /^EXEC/.test((tokens[at] as Token).text) && /^[XS]P_|\../.test((tokens[at + 1] as Token).text)
}

function writesOut({ tokens }: Reading): boolean {
  return tokens.some(({ text }, i) => i > 0 && /^INTO (?:OUT|DUMP)FILE|^PROCEDURE ANALY/.test(text))
}

function isFullText(reading: Reading): boolean {
  return /^IN (?:BOOLEAN|NATURAL)|^WITH QUERY/.test(reading.textOf('k'))
}

/** What may stand before the part that tells: a value, what closes its parentheses, a clause with a value of its own. */
const anyStart = '[1nsv]?\\)?(?:At)?(?:k[1nsv]?\\)?)?'
/** Without a bare word, with which prose begins. */
const start = '[1sv]?\\)?(?:At)?(?:k[1nsv]?\\)?)?'

function shaped(before: string, after: string): RegExp {
  return new RegExp(`^${before}${after}`)
}

const families: readonly Family[] = [
  { name: 'evil', shape: /^X$/ },
  { name: 'comment', shape: /^[1nsv]c$/, when: isTwoTokenComment },
  {
    name: 'comment',
    shape: /^(?:[1sv]?\)|[1sv]?\)?;|n\)|f\([1nsv]?\)?)c$/,
    when: (reading) => reading.endsWithComment,
  },

  { name: 'union', shape: /U(?:E|\(E)/, when: ({ shape }) => !/n.?UEn(?:[n&o]|$)|^UEn[n&o]|nn/.test(shape) },
  { name: 'union', shape: shaped(start, '[1sv]?U[E(]'), when: ({ shape }) => !/UEn[n&o]/.test(shape) },
  { name: 'union', shape: /^[1nsv]\)?U$/, when: ({ count }) => count > 2 },
  { name: 'union', shape: /^[1sv]\)?Uc$/ },

  { name: 'stacked query', shape: shaped(anyStart, ';E(?:[^n]|n[^nE&]|$)') },
  {
    name: 'stacked query',
    shape: shaped(anyStart, ';E'),
    when: (reading) => reading.textOf('E').includes(' '),
  },
  { name: 'stacked query', shape: /^[1nsv]\);E/ },
  {
    name: 'stacked query',
    shape: shaped(anyStart, ';T(?:[^&o]|$)'),
    when: (reading) => reading.isTellingStatement,
  },
  {
    name: 'stacked query',
    shape: shaped(anyStart, ';T(?:[(1]|$)'),
    when: (reading) => reading.textOf('T').startsWith('IF'),
  },

  { name: 'logic', shape: shaped(start, '&\\(?(?:[1sv]o|no[^&no])') },
  { name: 'logic', shape: shaped(anyStart, '&\\(?[1sv]o[1sv(fE]') },
  { name: 'logic', shape: /^n\)&1o$/ },
  {
    name: 'logic',
    shape: shaped(start, '&\\(?[1nv](?:$|[^1nsvo])'),
    when: (reading) => reading.comparesOrComments,
  },
  {
    name: 'logic',
    shape: shaped(anyStart, '&\\(?1(?:$|[^1nsvo])'),
    when: (reading) => reading.comparesOrComments,
  },
  { name: 'logic', shape: shaped(start, '&\\(?[1nsv]\\)?[c;]') },
  { name: 'logic', shape: shaped(anyStart, '&\\(?[1sv]\\)?[c;]') },
  { name: 'logic', shape: shaped(start, '&\\(?[1nsv]\\)?[BUE]') },
  { name: 'logic', shape: shaped(start, '&\\(?o?f(?:$|\\()') },
  { name: 'logic', shape: shaped(anyStart, '&\\(?o?f\\('), when: (reading) => reading.callsTelling },
  { name: 'logic', shape: shaped(start, '&\\(?o?\\(?E') },
  { name: 'logic', shape: shaped(anyStart, '&\\(?E[^n]') },
  { name: 'logic', shape: /^n\)&\(E/ },
  { name: 'logic', shape: /^[1sv]\)&\([1s]/ },
  { name: 'logic', shape: /^[1nsv]&\(1\)/, when: isComparedNext },
  { name: 'logic', shape: /^s&\(?[snv1]/, when: (reading) => reading.leavesStringInOrder },

  { name: 'clause', shape: /^[1nsv]?\)?k[1nsv]/, when: startsClause },
  { name: 'clause', shape: /^[1nsv]\)?At/ },
  { name: 'clause', shape: /^[1nsv]k\)/, when: isFullText },
  { name: 'clause', shape: /^(?:[1sv]\)?|n\))B(?:[1sv(f]|nB)/ },
  { name: 'operator', shape: shaped(anyStart, '[o,]\\(E') },
  { name: 'operator', shape: shaped(start, '[o,]E[1kfsv(]') },
  { name: 'operator', shape: shaped(start, '[o,]\\(?f\\('), when: (reading) => reading.callsTelling },
  { name: 'operator', shape: /^n\)[o,]\(?f\(|^n,\(f\(/, when: (reading) => reading.callsTelling },
  { name: 'operator', shape: /^n?[o,]\(?f\(/, when: (reading) => reading.callsAttack },
  { name: 'operator', shape: /^so\(?[1snv]/, when: (reading) => reading.leavesStringInOrder },
  { name: 'operator', shape: /^1\)o1/, when: (reading) => reading.compares },
  { name: 'function', shape: /^[1s]?f\(/, when: (reading) => reading.callsAttack },
  { name: 'function', shape: /^f\(t,\(/ },
  { name: 'function', shape: /^f\(f\(/, when: asksInIf },

  { name: 'query', shape: /^E(?:[1sv(f]|n[,c;]|ok)/, when: (reading) => reading.selects },
  { name: 'query', shape: /^Enk(?!nn)/, when: selectsFrom },
  { name: 'query', shape: /^Ek/, when: (reading) => reading.textOf('k') === 'WHEN' },
  { name: 'query', shape: /^[1sv]\)?E[1sv(fok]/, when: (reading) => reading.selects },
  { name: 'query', shape: /^[1sv]\)?En[ET]/, when: (reading) => reading.textOf('E') === 'UPDATE' },
  { name: 'statement', shape: /^(?:[1sv]\)?)?;?En/, when: executesStored },
  {
    name: 'statement',
    shape: /^[1sv]\)?Tn/,
    when: (reading) => reading.isTellingStatement && reading.textOf('T').includes(' '),
  },
  { name: 'stacked query', shape: /^[1sv]\)?;Tn\(/ },
  {
    name: 'statement',
    shape: shaped('[1nsv]\\)?(?:k[1nsv]?\\)?)?', 'T[^no]'),
    when: (reading) => reading.isTellingStatement,
  },
  { name: 'output', shape: /k/, when: writesOut },
]
