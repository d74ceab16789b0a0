import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDirectives } from '../../../../plugins/waf/seclang/lexer.ts'
import type { SecLangProblem } from '../../../../plugins/waf/seclang/problem.ts'

function read(text: string): { words: string[][]; lines: number[]; problems: SecLangProblem[] } {
  const problems: SecLangProblem[] = []
  const directives = readDirectives(text, 'a.conf', problems)
  return {
    words: directives.map((d) => [d.name, ...d.words]),
    lines: directives.map((d) => d.line),
    problems,
  }
}

const cases: readonly { title: string; text: string; words: string[][] }[] = [
  { title: 'bare words', text: 'SecRuleEngine On', words: [['SecRuleEngine', 'On']] },
  {
    title: 'quoted words keep blanks',
    text: 'SecRule ARGS "@rx a b" "id:1"',
    words: [['SecRule', 'ARGS', '@rx a b', 'id:1']],
  },
  { title: 'an escaped quote inside quotes', text: 'A "x\\"y"', words: [['A', 'x"y']] },
  { title: 'other escapes stay', text: 'A "\\d\\\\"', words: [['A', '\\d\\\\']] },
  { title: 'single quotes', text: "A 'b c' d", words: [['A', 'b c', 'd']] },
  {
    title: 'continued lines',
    text: 'SecAction \\\n  "id:1,\\\n  pass"',
    words: [['SecAction', 'id:1,  pass']],
  },
  { title: 'comments and empty lines', text: '# x\n\n  # y\nA b\n', words: [['A', 'b']] },
  { title: 'a hash inside a line is text', text: 'A b#c "#d"', words: [['A', 'b#c', '#d']] },
  {
    title: 'carriage returns at the end of lines',
    text: 'A b\r\nC \\\r\nd\r\n',
    words: [
      ['A', 'b'],
      ['C', 'd'],
    ],
  },
  { title: 'a continuation at the end of the file', text: 'A b \\', words: [['A', 'b']] },
]

for (const { title, text, words } of cases) {
  test(`reads ${title}`, () => {
    assert.deepEqual(read(text), { ...read(text), words, problems: [] })
  })
}

test('counts lines from the first of a continued directive', () => {
  assert.deepEqual(read('# c\nA \\\nb\n\nC d').lines, [2, 5])
})

test('reports a quote that is not closed, with its line, and reads on', () => {
  const { words, problems } = read('A "b\nC d')
  assert.deepEqual(words, [['C', 'd']])
  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [['a.conf', 1]],
  )
})
