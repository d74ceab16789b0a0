import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseXml } from '../../../../plugins/waf/seclang/body/xml.ts'
import { limits } from './limits.ts'

const read: readonly [text: string, texts: readonly string[], attributes?: readonly string[]][] = [
  ['<a/>', []],
  ['<?xml version="1.0" encoding="UTF-8"?>\n<a>x</a>\n', ['x']],
  ['\xef\xbb\xbf<a>x</a>', ['x']],
  ['<!DOCTYPE a><a>x</a>', ['x']],
  ['<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x.dtd"><a>x</a>', ['x']],
  ['<a b="1" c=\'2\'><d e = "&lt;3"/></a>', [], ['1', '2', '<3']],
  ['<a>1<b>2</b>3</a>', ['13', '2']],
  ['<s:a xmlns:s="u"><s:b>x</s:b></s:a>', ['x'], ['u']],
  ['<a>&lt;script&gt;&#97;&#x62;&amp;&quot;&apos;</a>', ['<script>ab&"\'']],
  ['<a>&#233;&#x20ac;</a>', ['\xc3\xa9\xe2\x82\xac']],
  ['<t\xc3\xa4g>\xc3\xa4</t\xc3\xa4g>', ['\xc3\xa4']],
  // Split by what an application does not see.
  ['<a>un<!-- x -->ion <![CDATA[sel]]>ect<?p x?> 1</a>', ['union select 1']],
  ['<a><![CDATA[<script>&lt;]]></a>', ['<script>&lt;']],
]

const refused = [
  '',
  ' ',
  'x',
  '<a>',
  '</a>',
  '<a></b>',
  '<a><b></a></b>',
  '<a/><b/>',
  '<a/>x',
  'x<a/>',
  '<a b></a>',
  '<a b=1/>',
  '<a b="1/>',
  '<a b="<"/>',
  '<a>&x;</a>',
  '<a>&</a>',
  '<a>&#0;</a>',
  '<a>&#x110000;</a>',
  '<a>&#xg;</a>',
  '<a><!-- </a>',
  '<a><![CDATA[ </a>',
  '<a><?p </a>',
  '<1/>',
  '<a',
  '<a/',
  '< a/>',
  '<!ELEMENT a><a/>',
  '<a><!DOCTYPE a></a>',
  '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
  '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a/>',
  '<?xml version="1.0" encoding="UTF-7"?><a/>',
  '<?xml version="1.0" encoding="utf-16"?><a/>',
  '\xfe\xff\0<\0a\0/\0>',
  '\xff\xfe<\0a\0/\0>\0',
]

describe('XML bodies', () => {
  for (const [text, texts, attributes = []] of read) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.deepEqual(parseXml(text, limits), { texts, attributes, error: null }))
  }

  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.match(parseXml(text, limits).error ?? '', /^XML: /))
  }

  it('refuses an attribute that is there twice, and shows both values', () => {
    const body = parseXml('<a x="safe" x="evil"/>', limits)
    assert.deepEqual(body.attributes, ['safe', 'evil'])
    assert.match(body.error ?? '', /twice/)
  })

  it('takes the depth and the number of values that are allowed and no more', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
    assert.equal(parseXml(nested(limits.depth), limits).error, null)
    assert.match(parseXml(nested(limits.depth + 1), limits).error ?? '', /deeper than 64/)
    assert.match(parseXml(`<a>${'<b/>'.repeat(2_000)}</a>`, limits).error ?? '', /more than 1000/)
  })
})
