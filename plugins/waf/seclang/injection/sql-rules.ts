// The shapes of attacks, as rules over what can follow a value in a query; under the letter that tells. No list of
// fingerprints: docs/decisions/waf-injection.md says how the rules were had. Used by sql-verdict.ts.
import type { Reading } from './sql-reading.ts'
import { charClasses } from './sql-scan.ts'
import type { Token } from './sql-token.ts'
import { harmlessFunctions } from './sql-verdict-words.ts'

export interface Rule {
  /** Over the shape: one letter a token, see sql-token.ts. */
  readonly shape: RegExp
  /** What the shape alone cannot tell. */
  readonly when?: ((reading: Reading) => boolean) | undefined
}

/** What may stand before the part that tells: a value, a parenthesis, COLLATE x, a clause with a value of its own. */
const anyStart = '[1nsv]?\\)?(?:At)?(?:k[1nsv]?\\)?)?'
/** Not a bare word, with which prose begins. */
const start = anyStart.replace('n', '')

function after(before: string, rest: string, when?: Rule['when']): Rule {
  return { shape: new RegExp(`^${before}${rest}`), when }
}

function like(shape: RegExp, when?: Rule['when']): Rule {
  return { shape, when }
}

const union: readonly Rule[] = [
  like(/U(?:E|\(E)/, ({ shape }) => !/n.?UEn(?:[n&o]|$)|^UEn[n&o]|nn/.test(shape)),
  after(start, '[1sv]?U\\('),
  // Cut off; two words of prose would be two tokens.
  like(/^[1nsv]\)?U$/, ({ count }) => count > 2),
  like(/^[1sv]\)?Uc$/),
]

const stacked: readonly Rule[] = [
  after(anyStart, ';E(?:[^n]|n[^nE&]|$)'),
  after(anyStart, ';E', (reading) => reading.textOf('E').includes(' ')),
  like(/^[1nsv]\);E/),
  after(anyStart, ';T(?:[^&o]|$)', (reading) => reading.isTellingStatement),
  after(anyStart, ';T', (reading) => reading.textOf('T').includes(' ')),
  after(anyStart, ';T(?:[(1]|$)', (reading) => reading.textOf('T').startsWith('IF')),
  like(/^[1sv]\)?;Tn\(/),
  like(/^[1sv]?\)?;En/, executesStored),
]

const logic: readonly Rule[] = [
  after(start, '&\\(?(?:[1sv]o|no[^&no])'),
  after(anyStart, '&\\(?[1sv]o[1sv(fE]'),
  like(/^[1sv]\)?o[1sv]&/, (reading) => /^[=<>!]|LIKE|IS|REGEXP|IN$/.test(reading.textOf('o'))),
  // Closed a parenthesis, and cut off behind a comparison.
  like(/^[1nsv]\)&1o$|^[1sv]\)&no$/),
  after(start, '&\\(?[1nv](?:$|[^1nsvo])', (reading) => reading.comparesOrComments),
  after(anyStart, '&\\(?1(?:$|[^1nsvo])', (reading) => reading.comparesOrComments),
  after(start, '&\\(?[1nsv]\\)?[c;BUE]'),
  after(anyStart, '&\\(?[1sv]\\)?[c;]'),
  after(start, '&\\(?o?f(?:$|\\()'),
  after(anyStart, '&\\(?o?f\\(', (reading) => reading.callsTelling),
  after(start, '&\\(?o?\\(?E'),
  after(anyStart, '&\\(?E[^n]'),
  like(/^n\)&\(E/),
  like(/^[1sv]\)&\([1s]/),
  like(/^[1nsv]&\([1sv]\)/, isComparedNext),
  like(/^s&\(?[snv1]/, (reading) => reading.leavesStringInOrder),
]

const operator: readonly Rule[] = [
  after(start, 'oE[1kfsv(]'),
  after(start, 'o\\(?f\\(', (reading) => reading.callsTelling),
  like(/^n\)o\(?f\(/, (reading) => reading.callsTelling),
  like(/^n?o\(?f\(/, (reading) => reading.callsAttack),
  like(/^so\(?[1snv]/, (reading) => reading.leavesStringInOrder),
  like(/^1\)o1/, (reading) => reading.compares),
]

const comma: readonly Rule[] = [
  after(start, ',E[1kfsv(]'),
  after(start, ',\\(?f\\(', (reading) => reading.callsTelling),
  like(/^n\),\(?f\(|^n,\(f\(/, (reading) => reading.callsTelling),
  like(/^n?,\(?f\(/, (reading) => reading.callsAttack),
]

const grouping: readonly Rule[] = [
  like(/^(?:[1sv]\)?|n\))B(?:[1sv(f]|nB)/),
  like(/^nB1c$/, (reading) => reading.endsWithComment),
]

const calling: readonly Rule[] = [
  like(/^[1s]?\)?f\(/, (reading) => reading.callsAttack),
  like(/^f\(t,\(/),
  // if(now()=sysdate(), ...)
  like(/^f\(f\(/, ({ tokens }) => tokens[0]?.text === 'IF' && !harmlessFunctions.has(tokens[2]?.text ?? '')),
]

const query: readonly Rule[] = [
  like(/^E(?:[1sv](?!n)|[(f]|n[,c;]|ok)/, (reading) => reading.selects && !hasProseKeyword(reading)),
  like(/^E1n/, (reading) => reading.textOf('E') === 'SELECT TOP'),
  like(/^Enk(?!nn)/, (reading) => reading.selects && !hasProseKeyword(reading)),
  // case when, (select, and a query where SQL Server needs no semicolon.
  like(/^Ek/, (reading) => reading.textOf('k') === 'WHEN'),
  like(/.\(E[1kfsv(o]|.\(En[k,]/, (reading) => reading.selects && !hasProseKeyword(reading)),
  after(anyStart, '[o,]\\(E'),
  like(/^[1sv]\)?E[1sv(fok]/, (reading) => reading.selects),
  like(/^[1sv]\)?En[ET]/, (reading) => reading.textOf('E') === 'UPDATE'),
  like(/^(?:[1sv]\)?)?En/, executesStored),
]

const statement: readonly Rule[] = [
  after('[1nsv]\\)?(?:k[1nsv]?\\)?)?', 'T[^no]', (reading) => reading.isTellingStatement),
  like(/^T[sv(]/, (reading) => reading.isTellingStatement),
  like(/^[1sv]\)?Tn/, (reading) => reading.isTellingStatement && reading.textOf('T').includes(' ')),
]

const clause: readonly Rule[] = [
  like(/^[1nsv]?\)?k[1nsv]/, comparesInWhere),
  like(/^[1nsv]k\)/, (reading) => /^IN (?:BOOLEAN|NATURAL)|^WITH QUERY/.test(reading.textOf('k'))),
  like(/.k/, ({ tokens }) => tokens.some(({ text }) => /^INTO (?:OUT|DUMP)FILE|^PROCEDURE ANALY/.test(text))),
]

const comment: readonly Rule[] = [
  like(/^[1nsv]c$/, isOnlyCommented),
  like(/^(?:[1sv]?\)|[1sv]?\)?;|n\)|f\([1nsv]?\)?)c$/, (reading) => reading.endsWithComment),
  like(/^s\)c$/, ({ tokens }) => tokens[0]?.open === ''),
  like(/c$/, ({ tokens, input }) => /sp_password/i.test(input.slice(tokens.at(-1)?.start))),
]

/** In this order, because the first letters tell most. */
export const rulesByLetter: readonly (readonly [letter: string, rules: readonly Rule[]])[] = [
  ['&', logic],
  ['U', union],
  [';', stacked],
  ['c', comment],
  ['o', operator],
  ['f', calling],
  ['E', query],
  ['T', statement],
  ['B', grouping],
  ['k', clause],
  ['A', [like(/^[1nsv]\)?At/)]],
  [',', comma],
]

/** `1--`, `1 /*`, `x'--`; not `foo -- bar`, `a # b`. */
function isOnlyCommented(reading: Reading): boolean {
  const [first, last] = reading.tokens as [Token, Token]
  const { input } = reading
  const slashed = input.startsWith('/*', last.start)
  const hashed = input[last.start] === '#'
  if (first.type === 'n' || slashed) return slashed
  // A hash with nothing behind it; in prose the text goes on.
  if (first.type !== '1') return hashed ? last.end - last.start === 1 : reading.endsWithComment
  if (hashed || reading.count > 2) return !hashed
  return charClasses.betweenTokens[input.charCodeAt(first.end)] === 1 || input.startsWith('--', first.end)
}

/** The sixth token, as far as it was read, goes on: (1)=(2). */
function isComparedNext({ tokens }: Reading): boolean {
  return tokens[5]?.type === 'o' || tokens[5]?.type === '&'
}

function comparesInWhere({ tokens, shape }: Reading): boolean {
  const where = shape.indexOf('k')
  return tokens[where]?.text === 'WHERE' && tokens[where + 1]?.compared === true
}

/** A keyword after a column that no query has there: select 2 of 3, select one by one. */
function hasProseKeyword(reading: Reading): boolean {
  const keyword = reading.textOf('k')
  return keyword !== '' && !/^(?:FROM|INTO|WHERE|AS|WHEN|JOIN|LEFT|INNER|FOR|DISTINCT|ALL|TOP)/.test(keyword)
}

/** exec xp_cmdshell, exec master..sp_who */
function executesStored({ tokens, shape }: Reading): boolean {
  const at = shape.indexOf('E')
  return /^EXEC/.test(tokens[at]?.text ?? '') && /^[XS]P_|\../.test(tokens[at + 1]?.text ?? '')
}
