import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseMultipart } from '../../../../plugins/waf/seclang/body/multipart.ts'
import type { MultipartFlags } from '../../../../plugins/waf/seclang/types.ts'
import { limits } from './limits.ts'

const form = 'multipart/form-data; boundary=b'

function field(name: string, value: string): string {
  return `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
}

function parse(text: string, contentType = form) {
  return parseMultipart(text, contentType, limits)
}

function raised(flags: MultipartFlags): string[] {
  return Object.entries(flags).flatMap(([name, on]) => (on ? [name] : []))
}

/** One part whose Content-Disposition parameters are as given. */
function disposed(parameters: string) {
  return parse(`--b\r\nContent-Disposition: form-data${parameters}\r\n\r\nx\r\n--b--\r\n`)
}

describe('multipart bodies', () => {
  it('reads fields and files in order', () => {
    const file =
      '--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n1\r\n2\n\r\n'
    const body = parse(`${field('a', '1')}${field('a', '')}${file}--b--\r\n`)
    assert.deepEqual(body.args, [
      ['a', '1'],
      ['a', ''],
    ])
    assert.deepEqual(body.files, [{ field: 'f', fileName: 'a.txt', size: 5, content: '1\r\n2\n' }])
    assert.deepEqual(body.partHeaders, [
      ['a', 'Content-Disposition: form-data; name="a"'],
      ['a', 'Content-Disposition: form-data; name="a"'],
      ['f', 'Content-Disposition: form-data; name="f"; filename="a.txt"'],
      ['f', 'Content-Type: text/plain'],
    ])
    assert.deepEqual(raised(body.flags), [])
    assert.equal(body.error, null)
  })

  it('takes a body that is only the final boundary, with or without a line break', () => {
    assert.equal(parse('--b--\r\n').error, null)
    assert.equal(parse(`${field('a', '1')}--b--`).error, null)
  })

  const oddBodies: readonly [title: string, text: string, flags: string[], error: RegExp | null][] = [
    ['line feeds alone', `${field('a', '1').replaceAll('\r', '')}--b--\n`, ['lfLine'], null],
    ['line feeds among CRLF', `${field('a', '1')}--b--\n`, ['lfLine', 'crlfLfLines'], null],
    ['data before the first boundary', `x\r\n${field('a', '1')}--b--\r\n`, ['dataBefore'], null],
    ['data behind the final boundary', `${field('a', '1')}--b--\r\nx`, ['dataAfter'], null],
    [
      'a boundary behind the final one',
      `--b--\r\n${field('a', '1')}--b--\r\n`,
      ['dataAfter'],
      /follows the final one/,
    ],
    [
      'a line that looks like a boundary',
      `${field('a', '1\r\n--c\r\n2')}--b--\r\n`,
      ['unmatchedBoundary'],
      null,
    ],
    [
      'a folded header',
      '--b\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n--b--\r\n',
      ['headerFolding'],
      null,
    ],
    [
      'a part that begins with a folded header',
      '--b\r\n x: y\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
      ['invalidHeaderFolding'],
      /continued header/,
    ],
    ['no boundary', 'a=1&b=2', [], /not in the body/],
    ['an empty body', '', [], /not in the body/],
    ['no final boundary', field('a', '1'), [], /final boundary is missing/],
    [
      'something behind a boundary',
      `--bx\r\n${field('a', '1')}--b--\r\n`,
      ['dataBefore', 'unmatchedBoundary'],
      /follows a boundary/,
    ],
    [
      'a blank behind a boundary',
      `${field('a', '1')}--b \r\nContent-Disposition: form-data; name="h"\r\n\r\n2\r\n--b--\r\n`,
      [],
      /blanks follow/,
    ],
    [
      'a blank before a boundary',
      `${field('a', '1')}-- b\r\n\r\n--b--\r\n`,
      ['unmatchedBoundary'],
      /blanks or quotes before/,
    ],
    [
      'a part without Content-Disposition',
      '--b\r\nContent-Type: a/b\r\n\r\n1\r\n--b--\r\n',
      ['invalidPart'],
      /Content-Disposition/,
    ],
    [
      'a part that ends within its head',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n--b--\r\n',
      [],
      /within its head/,
    ],
    [
      'a header without a colon',
      '--b\r\nContent-Disposition: form-data; name="a"\r\nx\r\n\r\n1\r\n--b--\r\n',
      [],
      /no colon/,
    ],
    [
      'a header without a name',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n: x\r\n\r\n1\r\n--b--\r\n',
      [],
      /no name/,
    ],
    [
      'a header twice',
      '--b\r\nContent-Disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="c"\r\n\r\n1\r\n--b--\r\n',
      [],
      /header twice/,
    ],
    [
      'a long header',
      `--b\r\nContent-Disposition: form-data; name="a"\r\nx: ${'y'.repeat(5_000)}\r\n\r\n1\r\n--b--\r\n`,
      [],
      /too long/,
    ],
    [
      'many headers',
      `--b\r\nContent-Disposition: form-data; name="a"\r\n${Array.from({ length: 80 }, (_, i) => `x${i}: y\r\n`).join('')}\r\n1\r\n--b--\r\n`,
      [],
      /too many headers/,
    ],
  ]
  for (const [title, text, flags, error] of oddBodies) {
    it(`marks ${title}`, () => {
      const body = parse(text)
      assert.deepEqual(raised(body.flags), flags)
      if (error === null) assert.equal(body.error, null)
      else assert.match(body.error ?? '', error)
    })
  }

  const oddTypes: readonly [contentType: string, flags: string[], error: RegExp | null][] = [
    ['multipart/form-data; boundary="b"', ['boundaryQuoted'], null],
    ['multipart/form-data; boundary = b', ['boundaryWhitespace'], null],
    ['multipart/form-data boundary=b', ['missingSemicolon'], null],
    ['Multipart/Form-Data;BOUNDARY=b', [], null],
    ['multipart/form-data; boundary=b; charset=utf-8', [], /characters/],
    ['multipart/form-data; charset=utf-8; boundary=b', [], /before the boundary/],
    ['multipart/form-data; boundary=b; boundary=c', [], /twice/],
    ['multipart/form-data; boundary="b', [], /characters/],
    ['multipart/form-data; boundary=', [], /characters/],
    ['multipart/form-data', [], /no boundary/],
    ['multipart/form-database; boundary=b', [], /no boundary/],
    [`multipart/form-data; boundary=b${'x'.repeat(2_000)}`, [], /too long/],
  ]
  for (const [contentType, flags, error] of oddTypes) {
    it(`judges the header ${contentType.slice(0, 60)}`, () => {
      const body = parse(`${field('a', '1')}--b--\r\n`, contentType)
      assert.deepEqual(raised(body.flags), flags)
      if (error === null) {
        assert.equal(body.error, null)
        assert.deepEqual(body.args, [['a', '1']])
      } else assert.match(body.error ?? '', error)
    })
  }

  const dispositions: readonly [
    parameters: string,
    names: readonly string[],
    flags: string[],
    error: boolean,
  ][] = [
    ['; name="a;b=\\"c\\""', ['a;b="c"'], [], false],
    ['; name="a"; filename="C:\\dir\\..\\x.php"', ['a', 'C:\\dir\\..\\x.php'], [], false],
    ['; name="a"; filename="x\\\\y"', ['a', 'x\\y'], [], false],
    ['; name=a; filename=b.txt', ['a', 'b.txt'], [], false],
    ['; name="a"; filename=""', ['a', ''], [], false],
    ['; NAME="a"', ['a'], [], false],
    ['; name="a"; filename="x"; filename*=UTF-8\'\'e%76il.php', ['a', 'x', 'evil.php'], [], false],
    ['; name="a"; filename*=UTF-8\'\'evil.php', ['a', 'evil.php'], [], false],
    ["; name='a'", ["'a'"], ['invalidQuoting'], false],
    ['; name=a"b', ['a"b'], ['invalidQuoting'], false],
    ['; name="a', ['"a'], ['invalidQuoting'], false],
    ['; name="a"; name="c"', ['a'], ['invalidPart'], true],
    ['; filename="x"', ['', 'x'], ['invalidPart'], true],
    ['; name="a" filename="x"', ['a'], ['invalidPart'], true],
    ['', [''], ['invalidPart'], true],
  ]
  for (const [parameters, names, flags, error] of dispositions) {
    it(`reads the names of form-data${parameters}`, () => {
      const body = disposed(parameters)
      const fields = [...body.args.map(([name]) => name), ...body.files.map((file) => file.field)]
      assert.deepEqual([...new Set(fields), ...body.files.map((file) => file.fileName)], names)
      assert.deepEqual(raised(body.flags), flags)
      assert.equal(body.error !== null, error)
    })
  }

  it('counts the content of a file with two names once', () => {
    const body = disposed('; name="a"; filename="x"; filename*=UTF-8\'\'y')
    assert.deepEqual(
      body.files.map((file) => [file.fileName, file.size]),
      [
        ['x', 1],
        ['y', 0],
      ],
    )
  })

  it('takes so many parts and no more', () => {
    const body = parse(field('a', '1').repeat(2_000))
    assert.match(body.error ?? '', /more than 1000/)
    assert.ok(body.args.length <= limits.args)
  })
})
