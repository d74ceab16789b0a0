// Holds our tokenisers, folding and verdicts against libinjection's own test data, which is read where it lies and never
// copied: node test/plugins/waf/injection/compare-libinjection.ts DIR, where DIR is others/libinjection of ModSecurity's
// source (docs/decisions/waf-injection.md says how to get it). Not part of the suite.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HtmlTokeniser } from '../../../../plugins/waf/seclang/injection/html-tokeniser.ts'
import { fold, shapeLength } from '../../../../plugins/waf/seclang/injection/sql-fold.ts'
import type { Token } from '../../../../plugins/waf/seclang/injection/sql-token.ts'
import { SqlTokeniser } from '../../../../plugins/waf/seclang/injection/sql-tokeniser.ts'
import { detectSqli } from '../../../../plugins/waf/seclang/injection/sqli.ts'
import { detectXss } from '../../../../plugins/waf/seclang/injection/xss.ts'

/** What libinjection keeps of a token's text. */
const keptLength = 31

interface Outcome {
  tried: number
  passed: number
  readonly differing: string[]
}

function compareCases(dir: string, prefix: string, answer: (input: string) => string): Outcome {
  const outcome: Outcome = { tried: 0, passed: 0, differing: [] }
  for (const name of readdirSync(dir).filter((file) => file.startsWith(prefix))) {
    const text = readFileSync(join(dir, name), 'latin1')
    const match = /--INPUT--\n([\s\S]*?)\n?--EXPECTED--\n?([\s\S]*)$/.exec(text)
    const input = match?.[1] ?? ''
    const expected = (match?.[2] ?? '').trimEnd().toUpperCase()
    const answered = answer(input).trimEnd().toUpperCase()
    outcome.tried++
    if (answered === expected) outcome.passed++
    else outcome.differing.push(`${name}: ${JSON.stringify({ input, expected, answered })}`)
  }
  return outcome
}

function sqlTokens(input: string): string {
  const tokeniser = new SqlTokeniser(input, '', 'ansi')
  const tokens: Token[] = []
  for (let token = tokeniser.next(); token !== null; token = tokeniser.next()) tokens.push(token)
  return tokens.map((token) => toLine(token, input)).join('\n')
}

function foldedTokens(input: string): string {
  const tokens = fold(new SqlTokeniser(input, '', 'ansi')).slice(0, shapeLength)
  return tokens.map((token) => toLine(token, input)).join('\n')
}

function toLine(token: Token, input: string): string {
  const { type, text, start, end, open, close } = token
  const isPhrase = type !== 'n' && text.includes(' ')
  const content = isPhrase ? text : input.slice(start, Math.min(end, start + keptLength))
  if (type === 's') return `s ${open}${content}${close}`
  if (type === 'v' && open !== '')
    return `v ${input.slice(0, start - 1).match(/@+$/)?.[0]}${open}${content}${close}`
  return `${type} ${content}`
}

function htmlTokens(input: string): string {
  const names = { text: 'DATA_TEXT', tag: 'TAG_NAME_OPEN', attribute: 'ATTR_NAME', value: 'ATTR_VALUE' }
  const html = new HtmlTokeniser(input, 'data')
  const lines: string[] = []
  while (html.next()) {
    const { type, start, end } = html
    const content = input.slice(start, end)
    const selfClosed =
      content === '>' && input[start - 1] === '/' && lines.at(-1)?.startsWith('ATTR_VALUE') !== true
    if (type === 'close')
      lines.push(
        content === '>'
          ? closing(selfClosed || input.startsWith('/>', start - 1))
          : `TAG_CLOSE,${content.length},${content}`,
      )
    else
      lines.push(
        `${type === 'comment' ? 'TAG_COMMENT' : type === 'doctype' ? 'DOCTYPE' : names[type]},${content.length},${content}`,
      )
  }
  return lines.join('\n')
}

function closing(selfClosed: boolean): string {
  return selfClosed ? 'TAG_NAME_SELFCLOSE,2,/>' : 'TAG_NAME_CLOSE,1,>'
}

/** The lines of the files, decoded as their README says; which of them are found. */
function compareLines(dir: string, prefix: string, found: (value: string) => boolean): Outcome {
  const outcome: Outcome = { tried: 0, passed: 0, differing: [] }
  for (const name of readdirSync(dir).filter((file) => file.startsWith(prefix) && file.endsWith('.txt')))
    for (const line of readFileSync(join(dir, name), 'latin1').split('\n')) {
      if (line.trim() === '' || line.startsWith('#')) continue
      const value = urlDecode(name.includes('shazzer') ? line.split('|').slice(5).join('|') : line.trim())
      outcome.tried++
      if (found(value)) outcome.passed++
      else outcome.differing.push(`${name}: ${JSON.stringify(value.slice(0, 100))}`)
    }
  return outcome
}

function urlDecode(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function report(title: string, outcome: Outcome, shown: number): void {
  console.log(`${title}: ${outcome.passed} of ${outcome.tried}`)
  for (const difference of outcome.differing.slice(0, shown)) console.log(`  ${difference}`)
}

if (import.meta.main) {
  const [root, shown = '5'] = process.argv.slice(2)
  if (root === undefined) throw new Error('Name the directory others/libinjection of ModSecurity’s source.')
  const tests = join(root, 'tests')
  const lines = join(root, 'data')
  report('SQL tokens', compareCases(tests, 'test-tokens', sqlTokens), Number(shown))
  report('SQL folding', compareCases(tests, 'test-folding', foldedTokens), Number(shown))
  report(
    'SQL fingerprints',
    compareCases(tests, 'test-sqli', (input) => detectSqli(input) ?? ''),
    Number(shown),
  )
  report('HTML tokens', compareCases(tests, 'test-html', htmlTokens), Number(shown))
  report(
    'SQL attacks found',
    compareLines(lines, 'sqli-', (value) => detectSqli(value) !== null),
    Number(shown),
  )
  report(
    'SQL false alarms',
    compareLines(lines, 'false_', (value) => detectSqli(value) !== null),
    0,
  )
  report('XSS found', compareLines(lines, 'xss-', detectXss), Number(shown))
}
