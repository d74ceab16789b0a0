// Transformations against what ModSecurity 3 makes of the same bytes, and against bytes that mean nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { transformationTriggers } from '../../../../plugins/waf/seclang/transformation-triggers.ts'
import { transformations } from '../../../../plugins/waf/seclang/transformations/table.ts'
import { createRandom, readSeed } from '../../../support/random.ts'

function transform(name: string, value: string): string {
  const transformation = transformations.get(name.toLowerCase())
  assert(transformation !== undefined, `there is no transformation ${name}`)
  return transformation(value)
}

const cases: Readonly<Record<string, readonly (readonly [input: string, output: string])[]>> = {
  base64Decode: [
    ['VGVzdENhc2U=', 'TestCase'],
    ['VGVzdENhc2U', 'TestCase'],
    ['VGVz\r\ndENhc2U=', 'TestCase'],
    ['VGVz%dENhc2U=', 'Tes'],
    ['/+8=', '\xff\xef'],
  ],
  base64DecodeExt: [
    ['V.G_Vzd CBDYXNl', 'Test Case'],
    ['!!!', ''],
  ],
  base64Encode: [['Test\0\xff', 'VGVzdAD/']],
  cmdLine: [
    ['C^OMMAND /C DIR', 'command/c dir'],
    ['"c""md"  ,; /x', 'cmd/x'],
    ['ls\t\t-la;id', 'ls -la id'],
    ["e'c'h\\o (a", 'echo(a'],
    ['É', 'É'],
  ],
  compressWhitespace: [
    ['a \t\r\n b', 'a b'],
    ['\v', ' '],
    ['a\xa0b', 'a\xa0b'],
  ],
  cssDecode: [
    ['ja\\vascript', 'javascript'],
    ['\\6a\\61 v', 'jav'],
    ['\\00006A', 'j'],
    ['\\ff21\\FF5e', 'A~'],
    ['\\12ff21', '!'],
    ['\\a9 \\b4', '\xa9\xb4'],
    ['a\\\nb\\', 'ab'],
  ],
  escapeSeqDecode: [
    ['\\a\\b\\f\\n\\r\\t\\v\\?\\\'\\"', '\x07\b\f\n\r\t\v?\'"'],
    ['\\0\\12\\123\\x41\\X42', '\0\nSAB'],
    ['\\666\\8\\xg1\\', '\xb68xg1\\'],
  ],
  hexDecode: [
    ['546573740043617365', 'Test\0Case'],
    ['414', 'A'],
  ],
  hexEncode: [['Test\xff', '54657374ff']],
  htmlEntityDecode: [
    ['&#x3c;&#60&LT;&gt&amp;&quot;&nbsp;', '<<<>&"\xa0'],
    ['&#x10000003c;&#99999999999999999999999;', '<\xff'],
    ['&colon;&#;&#x;&#xg;&', '&colon;&#;&#x;&#xg;&'],
    ['&ampquot;', '&ampquot;'],
  ],
  jsDecode: [
    ['\\u0041\\uff1c\\x42\\103\\n', 'A<BC\n'],
    ['\\400\\8\\q\\x4\\u12', ' 08qx4u12'],
    ['\\', '\\'],
  ],
  length: [
    ['', '0'],
    ['0123456789', '10'],
  ],
  lowercase: [['ABCxyzÀÉ', 'abcxyzÀÉ']],
  md5: [['', '\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e']],
  none: [[' X\0', ' X\0']],
  normalizePath: [
    ['/a/./b//c/../d', '/a/b/d'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['../../a', '../../a'],
    ['a/../../b', '../b'],
    ['/a/b/..', '/a'],
    ['/a/b/../', '/a/'],
    ['./a', 'a'],
    ['/.', '/'],
    ['/a...b/.c', '/a...b/.c'],
  ],
  normalisePath: [['//a', '/a']],
  normalizePathWin: [['\\a\\..\\b\\.\\c', '/b/c']],
  normalisePathWin: [['c:\\\\d', 'c:/d']],
  parityEven7bit: [['abcd', '\xe1\xe2c\xe4']],
  parityOdd7bit: [['abcd', 'ab\xe3d']],
  parityZero7bit: [['\xe1\xe2c', 'abc']],
  removeComments: [
    ['a/*b*/c', 'ac'],
    ['a<!-- b --> c', 'a c'],
    ['a-- b', 'a'],
    ['a#b', 'a'],
    ['a/*b', 'a '],
  ],
  removeCommentsChar: [
    ['a/**/b--c#d<!--e-->', 'abcde'],
    ['-- -', ' -'],
  ],
  removeNulls: [['\0a\0', 'a']],
  removeWhitespace: [[' a\t\v\xa0\xc2b\n', 'ab']],
  replaceComments: [
    ['a/*b*/c/**/d', 'a c d'],
    ['a/*b', 'a '],
    ['a/*/b', 'a '],
    ['*/a', '*/a'],
  ],
  replaceNulls: [['\0a\0', ' a ']],
  sha1: [['', '\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09']],
  sqlHexDecode: [
    ['select 0x414243, 0X4', 'select ABC, 0X4'],
    ['0x41424', 'AB4'],
  ],
  trim: [['\v a b \n', 'a b']],
  trimLeft: [[' a ', 'a ']],
  trimRight: [[' a ', ' a']],
  uppercase: [['abcXYZé', 'ABCXYZé']],
  urlDecode: [
    ['+%41%zz%4', ' A%zz%4'],
    ['%00%u0041', '\0%u0041'],
  ],
  urlDecodeUni: [
    ['%u0041%UFF1C%41+%u12', 'A<A %u12'],
    ['%u00e9%', '\xe9%'],
  ],
  urlEncode: [[' a*/\xff', '+a*%2f%ff']],
  utf8toUnicode: [
    ['a\xc3\xa9', 'a%u00e9'],
    ['\xe2\x82\xac\xf0\x9f\x98\x80', '%u20ac%u1f600'],
    ['\xc0\xaf', '%u002f\xc0'],
    ['\xc3(\x80', '\xc3(\x80'],
  ],
}

describe('a transformation', () => {
  for (const [name, pairs] of Object.entries(cases)) {
    it(`${name} does what its name says`, () => {
      for (const [input, output] of pairs) assert.equal(transform(name, input), output, JSON.stringify(input))
    })
  }

  it('is tested, every one of them', () => {
    const tested = Object.keys(cases).map((name) => name.toLowerCase())
    assert.deepEqual(tested.toSorted(), [...transformations.keys()].toSorted())
  })

  it('leaves the empty value and plain words alone, those that always change it aside', () => {
    const always = /^(base64|hex|length|md5|parity|sha1|uppercase)/
    for (const [name, transformation] of transformations) {
      if (always.test(name)) continue
      assert.equal(transformation(''), '', name)
      assert.equal(transformation('word'), 'word', name)
    }
  })

  it('takes any bytes and gives bytes', () => {
    const seed = readSeed()
    const random = createRandom(seed)
    const alphabet = [
      '\\',
      '%',
      '&',
      '#',
      'x',
      'u',
      ';',
      '/',
      '.',
      '*',
      '-',
      '<',
      '!',
      '0',
      '9',
      'f',
      ' ',
      '+',
      '=',
    ]
    for (let count = 0; count < 3000; count++) {
      const char = () => (random.chance(0.6) ? random.pick(alphabet) : String.fromCharCode(random.int(256)))
      const value = Array.from({ length: random.int(40) }, char).join('')
      for (const [name, transformation] of transformations) {
        const result = transformation(value)
        assert(!/[^\0-\xff]/.test(result), `${name} of ${JSON.stringify(value)}, seed ${seed}`)
      }
    }
  })

  it('changes nothing in values without the characters that are named as its triggers', () => {
    const random = createRandom(1)
    for (const [name, triggers] of transformationTriggers) {
      const others = [...triggers.keys()].filter((byte) => triggers[byte] === 0)
      for (let count = 0; count < 300; count++) {
        const bytes = Array.from({ length: 1 + random.int(30) }, () => random.pick(others))
        const value = String.fromCharCode(...bytes)
        assert.equal(transform(name, value), value, name)
      }
    }
  })

  it('stays linear on long runs of what it looks for', () => {
    const units = ['/*', '<!--', '-->', '&#', '\\', '%u', '../', ' ', '&a', '/./', '\xc3', '0x', '--', '"']
    for (const unit of units) {
      const value = unit.repeat(500_000 / unit.length)
      for (const transformation of transformations.values())
        assert.equal(typeof transformation(value), 'string')
    }
  })
})
