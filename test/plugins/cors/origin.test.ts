import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkOrigin, createOriginSet } from '../../../plugins/cors/origin.ts'

describe('an origin set', () => {
  const cases: [string, string[], string[]][] = [
    [
      'https://app.example.com',
      ['https://app.example.com'],
      [
        'http://app.example.com',
        'https://app.example.com:8443',
        'https://app.example.com.evil.com',
        'https://evil-app.example.com',
        'https://app.example.com/',
        'https://APP.example.com',
        'https://app.example.com, https://app.example.com',
        ' https://app.example.com',
        'null',
        '',
      ],
    ],
    [
      'https://*.example.com',
      [
        'https://a.example.com',
        'https://a.b.example.com',
        'https://xn--bcher-kva.example.com',
        'https://a_b-1.example.com',
      ],
      [
        'https://example.com',
        'https://.example.com',
        'https://a..example.com',
        'https://.a.example.com',
        'https://evil-example.com',
        'https://evilexample.com',
        'https://example.com.evil.com',
        'https://a.example.com.evil.com',
        'https://evil.com/.example.com',
        'https://evil.com/a.example.com',
        'https://evil.com#.example.com',
        'https://evil.com?.example.com',
        'https://evil.com:443.example.com',
        'https://user@a.example.com',
        'https://evil.com\\.example.com',
        'https://a b.example.com',
        'https://*.example.com',
        'https://a.example.com:8443',
        'http://a.example.com',
        'http://ab.example.com',
        'httpz://a.example.com',
        'https://A.example.com',
        'https://\u0430.example.com',
        'null',
        '',
        `https://${'a.'.repeat(400)}example.com`,
      ],
    ],
    [
      'https://*.example.com:8443',
      ['https://a.example.com:8443'],
      ['https://a.example.com', 'https://a.example.com:443'],
    ],
    ['http://*.localhost', ['http://a.localhost'], ['http://localhost']],
    ['null', ['null'], ['https://null', 'NULL', '']],
    ['capacitor://localhost', ['capacitor://localhost'], ['http://localhost']],
    ['*', ['https://a.example.com', 'null', 'anything'], []],
  ]
  for (const [written, inside, outside] of cases) {
    test(`of ${written} holds what is meant and nothing like it`, () => {
      assert.equal(checkOrigin(written), null)
      const set = createOriginSet([written])
      for (const origin of inside) assert.ok(set.has(origin), origin)
      for (const origin of outside) assert.ok(!set.has(origin), JSON.stringify(origin))
    })
  }

  test('answers a hostile Origin of 100 kB in no time', () => {
    const set = createOriginSet(['https://*.example.com', 'https://*.a.b.c.d.example.org'])
    const started = performance.now()
    for (let i = 0; i < 1000; i++) set.has(`https://${'a.'.repeat(50_000)}!.example.com`)
    assert.ok(performance.now() - started < 1000)
  })
})

describe('what an operator writes as origin', () => {
  test('is refused with a remedy when no browser would send it', () => {
    const bad: [string, RegExp][] = [
      ['https://app.example.com/', /write https:\/\/app\.example\.com$/],
      ['https://app.example.com/path', /write https:\/\/app\.example\.com$/],
      ['https://app.example.com:443', /write https:\/\/app\.example\.com$/],
      ['http://app.example.com:80', /write http:\/\/app\.example\.com$/],
      ['https://bücher.example', /write https:\/\/xn--/],
      ['HTTPS://App.Example.com', /lower-case/],
      ['app.example.com', /scheme/],
      ['https://', /write https:/],
      ['https://*', /only form/],
      ['https://*.com', /top-level/],
      ['https://a.*.example.com', /only form/],
      ['https://*example.com', /only form/],
      ['*.example.com', /only form/],
      ['https://*.*.example.com', /only form/],
      ['https://*.example.com/', /only form/],
      ['https://*.example.com:443', /leave out/],
      ['https://*.example.com:99999', /leave out/],
      ['ftp://a/b', /without a path/],
    ]
    for (const [text, message] of bad) assert.match(checkOrigin(text) ?? 'accepted', message, text)
  })
})
