import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Dialect } from '../../../../plugins/waf/seclang/injection/sql-scan.ts'
import { SqlTokeniser, type Surrounding } from '../../../../plugins/waf/seclang/injection/sql-tokeniser.ts'

/** `type content` of every token, one blank between them. */
function tokensOf(input: string, surrounding: Surrounding = '', dialect: Dialect = 'ansi'): string {
  const tokeniser = new SqlTokeniser(input, surrounding, dialect)
  const tokens: string[] = []
  for (let token = tokeniser.next(); token !== null; token = tokeniser.next())
    tokens.push(`${token.type}${token.open}<${input.slice(token.start, token.end)}>${token.close}`)
  return tokens.join(' ')
}

type Case = readonly [input: string, tokens: string]

function table(
  name: string,
  cases: readonly Case[],
  surrounding: Surrounding = '',
  dialect: Dialect = 'ansi',
): void {
  it(name, () => {
    const read = cases.map(([input]) => [input, tokensOf(input, surrounding, dialect)])
    assert.deepEqual(read, cases)
  })
}

describe('SQL tokeniser', () => {
  table('reads words by kind', [
    ['select', 'E<select>'],
    ['SeLeCt', 'E<SeLeCt>'],
    ['union', 'U<union>'],
    ['from', 'k<from>'],
    ['varchar', 't<varchar>'],
    ['sleep', 'f<sleep>'],
    ['colour', 'n<colour>'],
    ['null', 'v<null>'],
    ['true', '1<true>'],
    ['or', '&<or>'],
    ['like', 'o<like>'],
    ['having', 'B<having>'],
    ['declare', 'T<declare>'],
    ['collate', 'A<collate>'],
    ['caf\xe9', 'n<caf\xe9>'],
    ['selects', 'n<selects>'],
    ['utl_http.request', 'f<utl_http.request>'],
  ])

  table('lets a keyword stand for itself before a dot or a backquote', [
    ['select.1', 'E<select> 1<.1>'],
    ['select`a`', 'E<select> n`<a>`'],
    ['a.select', 'n<a.select>'],
    ['a.b', 'n<a.b>'],
  ])

  table('reads numbers of all dialects', [
    ['12', '1<12>'],
    ['1.5', '1<1.5>'],
    ['.5', '1<.5>'],
    ['5.', '1<5.>'],
    ['.', '.<.>'],
    ['1e5', '1<1e5>'],
    ['1E-5', '1<1E-5>'],
    ['1e', 'n<1e>'],
    ['1.e.a', 'n<1.e> .<.> n<a>'],
    ['0x1F', '1<0x1F>'],
    ['0x', 'n<0x>'],
    ['0b10', '1<0b10>'],
    ["x'1f'", "1<x'1f'>"],
    ["b'01'", "1<b'01'>"],
    ["x'1g'", "n<x> s'<1g>'"],
    ['1f', '1<1f>'],
    ['1d;', '1<1d> ;<;>'],
    ['1from', '1<1> k<from>'],
    ['1union', '1<1> U<union>'],
    ['1funion', '1<1f> U<union>'],
    ['$1,000.5', '1<$1,000.5>'],
    ['\\N', '1<\\N>'],
    ['\\n', '\\<\\> n<n>'],
  ])

  table('reads strings with their escapes', [
    ["'a'", "s'<a>'"],
    ["'a", "s'<a>"],
    ["'a''b'", "s'<a''b>'"],
    ["'a\\'b'", "s'<a\\'b>'"],
    ["'a\\\\' b", "s'<a\\\\>' n<b>"],
    ['"a"', 's"<a>"'],
    ["n'a'", "s'<a>'"],
    ["e'a'", "s'<a>'"],
    ["u&'a'", 'su<a>u'],
    ["u&'a", 'su<a>'],
    ["q'[a]'", 'sq<a>q'],
    ["q'!a!'", 'sq<a>q'],
    ["nq'(a)'", 'sq<a>q'],
    ["q'(a", 'sq<a>'],
    ['$$a$$', 's$<a>$'],
    ['$t$a$t$ b', 's$<a>$ n<b>'],
    ['$t$a', 's$<a>'],
    ['$t', 'n<$> n<t>'],
    ['`a`', 'n`<a>`'],
    ['`version`', 'f`<version>`'],
    ['[a b]', 'n<[a b]>'],
    ['[a', 'n<[a>'],
  ])

  table('reads variables', [
    ['@a', 'v<@a>'],
    ['@@a', 'v<@@a>'],
    ['@', 'v<@>'],
    ['@`a`', 'v`<a>`'],
    ["@'a'", "v'<a>'"],
    ['@a=1', 'v<@a> o<=> 1<1>'],
  ])

  table('reads operators, the longest first', [
    ['<=>', 'o<<=>>'],
    ['<>', 'o<<>>'],
    ['||', '&<||>'],
    ['&&', '&<&&>'],
    ['::', 'o<::>'],
    [':', ':<:>'],
    ['!=', 'o<!=>'],
    ['!', 'o<!>'],
    ['(),;{}', '(<(> )<)> ,<,> ;<;> {<{> }<}>'],
    ['?]', '?<?> ?<]>'],
  ])

  table('reads comments as ANSI SQL does', [
    ['1--', '1<1> c<-->'],
    ['1-- a', '1<1> c<-- a>'],
    ['1--a', '1<1> c<--a>'],
    ['1--a\n2', '1<1> c<--a> 1<2>'],
    ['1-2', '1<1> o<-> 1<2>'],
    ['1#2', '1<1> o<#> 1<2>'],
    ['/**/1', 'c</**/> 1<1>'],
    ['/*/1', 'c</*/1>'],
    ['1/2', '1<1> o</> 1<2>'],
    ['/*!1*/', 'X</*!1*/>'],
    ['/*a/*b*/', 'X</*a/*b*/>'],
    ['/*a*/ /*b*/', 'c</*a*/> c</*b*/>'],
  ])

  table(
    'reads comments as MySQL does',
    [
      ['1--', '1<1> c<-->'],
      ['1-- a', '1<1> c<-- a>'],
      ['1--a', '1<1> o<-> o<-> n<a>'],
      ['1#2\n3', '1<1> c<#2> 1<3>'],
    ],
    '',
    'mysql',
  )

  table('takes control characters and the no-break space for blanks', [
    ['1\x01\xa0\x1f or\x0b2', '1<1> &<or> 1<2>'],
  ])

  table(
    'begins inside a single quote',
    [
      ["a' or", "s<a>' &<or>"],
      ["'", "s<>'"],
      ["''", "s<''>"],
    ],
    "'",
  )

  table(
    'begins inside a double quote',
    [
      ['a" or', 's<a>" &<or>'],
      ['a', 's<a>'],
    ],
    '"',
  )
})
