import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type HtmlSurrounding,
  HtmlTokeniser,
} from '../../../../plugins/waf/seclang/injection/html-tokeniser.ts'

function tokensOf(input: string, surrounding: HtmlSurrounding = 'data'): string {
  const html = new HtmlTokeniser(input, surrounding)
  const tokens: string[] = []
  while (html.next()) tokens.push(`${html.type}:${input.slice(html.start, html.end)}`)
  return tokens.join('|')
}

const states: Readonly<Record<string, readonly (readonly [input: string, tokens: string])[]>> = {
  'reads text and tags': [
    ['a', 'text:a'],
    ['a<b>c', 'text:a|tag:b|close:>|text:c'],
    ['</b>', 'close:b'],
    ['</b >', 'tag:b|close:>'],
    ['<b/>', 'tag:b|close:>'],
    ['<b', 'tag:b'],
    ['a < b', 'text:a |text:<|text: b'],
    ['<1', 'text:<|text:1'],
    ['</>a', 'text:>a'],
    ['<', 'text:<'],
  ],
  'reads attributes and their values': [
    ['<a b>', 'tag:a|attribute:b|close:>'],
    ['<a b=c>', 'tag:a|attribute:b|value:c|close:>'],
    ['<a b = c d>', 'tag:a|attribute:b|value:c|attribute:d|close:>'],
    ['<a b="c d">', 'tag:a|attribute:b|value:c d|close:>'],
    ["<a b='c d'e>", 'tag:a|attribute:b|value:c d|attribute:e|close:>'],
    ['<a b=`c d`>', 'tag:a|attribute:b|value:c d|close:>'],
    ['<a b="c', 'tag:a|attribute:b|value:c'],
    ['<a b=>', 'tag:a|attribute:b|value:|close:>'],
    ['<a/b/c=d>', 'tag:a|attribute:b|attribute:c|value:d|close:>'],
    ['<a =b=c>', 'tag:a|attribute:=b|value:c|close:>'],
    ['<a b=c/d>', 'tag:a|attribute:b|value:c/d|close:>'],
    ['<a b=', 'tag:a|attribute:b'],
  ],
  'reads comments and declarations': [
    ['<!--a-->b', 'comment:a|text:b'],
    ['<!--a--!>b', 'comment:a|text:b'],
    ['<!-->b', 'comment:|text:b'],
    ['<!--->b', 'comment:|text:b'],
    ['<!--a-\0->b', 'comment:a|text:b'],
    ['<!--a', 'comment:a'],
    ['<!a>b', 'comment:a|text:b'],
    ['<?a?>b', 'comment:a?|text:b'],
    ['</ a>b', 'comment: a|text:b'],
    ['<%a>b%>c', 'comment:a>b|text:c'],
    ['<!doctype x>b', 'doctype:doctype x|text:b'],
    ['<![CDATA[<a>]]>b', 'text:<a>|text:b'],
    ['<![cdata[a>b', 'comment:[cdata[a|text:b'],
  ],
}

describe('HTML tokeniser', () => {
  for (const [state, cases] of Object.entries(states))
    it(state, () => {
      assert.deepEqual(
        cases.map(([input]) => [input, tokensOf(input)]),
        cases,
      )
    })

  it('begins inside a tag', () => {
    assert.equal(tokensOf('a b=c>d', 'tag'), 'attribute:a|attribute:b|value:c|close:>|text:d')
    assert.equal(tokensOf('><b>', 'tag'), 'close:>|tag:b|close:>')
  })

  it('begins inside a value behind each quote', () => {
    for (const quote of ["'", '"', '`'] as const) {
      assert.equal(tokensOf(`a${quote}b=c>d`, quote), 'value:a|attribute:b|value:c|close:>|text:d')
      assert.equal(tokensOf(`${quote}><b>`, quote), 'value:|close:>|tag:b|close:>')
      assert.equal(tokensOf('a', quote), 'value:a')
    }
  })
})
