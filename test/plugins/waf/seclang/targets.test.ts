import assert from 'node:assert/strict'
import { test } from 'node:test'
import { form, idsOf, json, type TestRequest, wafOf } from './engine.ts'

interface Case {
  readonly title: string
  readonly rules: string
  readonly request?: TestRequest
  readonly ids: readonly number[]
}

const multipart = ['Content-Type', 'multipart/form-data; boundary=b'] as const
const upload =
  '--b\r\nContent-Disposition: form-data; name="f"; filename="a.php"\r\nContent-Type: text/x\r\n\r\nabc\r\n' +
  '--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nv1\r\n--b--\r\n'

const targets: readonly Case[] = [
  {
    title: 'ARGS of the query',
    rules: 'SecRule ARGS "@streq b" "id:1"',
    request: { uri: '/?a=b' },
    ids: [1],
  },
  {
    title: 'ARGS:key without case',
    rules: 'SecRule ARGS:Q "@streq b" "id:1"',
    request: { uri: '/?q=b&x=c' },
    ids: [1],
  },
  {
    title: 'ARGS:key only',
    rules: 'SecRule ARGS:q "@streq c" "id:1"',
    request: { uri: '/?q=b&x=c' },
    ids: [],
  },
  {
    title: 'ARGS:/pattern/',
    rules: 'SecRule ARGS:/^q|z/ "@streq c" "id:1"',
    request: { uri: '/?Qx=c' },
    ids: [1],
  },
  {
    title: 'a pattern with a bar in quotes',
    rules: `SecRule "ARGS:'/a|b/'|ARGS:z" "@streq c" "id:1"`,
    request: { uri: '/?b=c' },
    ids: [1],
  },
  {
    title: 'an exclusion',
    rules: 'SecRule ARGS|!ARGS:q "@streq b" "id:1"',
    request: { uri: '/?q=b' },
    ids: [],
  },
  {
    title: 'an exclusion of others',
    rules: 'SecRule ARGS|!ARGS:q "@streq b" "id:1"',
    request: { uri: '/?q=b&r=b' },
    ids: [1],
  },
  {
    title: 'an exclusion by pattern',
    rules: 'SecRule ARGS|!ARGS:/^q/ "@streq b" "id:1"',
    request: { uri: '/?q1=b' },
    ids: [],
  },
  { title: 'a count', rules: 'SecRule &ARGS "@eq 3" "id:1"', request: { uri: '/?a=1&a=2&b=3' }, ids: [1] },
  {
    title: 'a count of members',
    rules: 'SecRule &ARGS:a "@eq 2" "id:1"',
    request: { uri: '/?a=1&a=2&b=3' },
    ids: [1],
  },
  {
    title: 'a count of nothing',
    rules: 'SecRule &ARGS:z "@eq 0" "id:1"',
    request: { uri: '/?a=1' },
    ids: [1],
  },
  { title: 'nothing where a variable is not there', rules: 'SecRule ARGS:z "!@streq x" "id:1"', ids: [] },
  { title: 'ARGS_NAMES', rules: 'SecRule ARGS_NAMES "@streq a" "id:1"', request: { uri: '/?a=1' }, ids: [1] },
  {
    title: 'ARGS_GET and not ARGS_POST',
    rules: 'SecRule ARGS_POST "@streq 1" "id:1"\nSecRule ARGS_GET "@streq 1" "id:2"',
    request: { uri: '/?a=1' },
    ids: [2],
  },
  {
    title: 'ARGS_COMBINED_SIZE',
    rules: 'SecRule ARGS_COMBINED_SIZE "@eq 6" "id:1"',
    request: { uri: '/?ab=cd&e=f' },
    ids: [1],
  },
  {
    title: 'REQUEST_HEADERS:name',
    rules: 'SecRule REQUEST_HEADERS:host "@streq a.example" "id:1"',
    ids: [1],
  },
  { title: 'REQUEST_HEADERS_NAMES', rules: 'SecRule REQUEST_HEADERS_NAMES "@streq Host" "id:1"', ids: [1] },
  {
    title: 'cookies',
    rules: 'SecRule REQUEST_COOKIES:b "@streq 2" "id:1"',
    request: { headers: [['Cookie', 'a=1; b=2']] },
    ids: [1],
  },
  {
    title: 'REQUEST_LINE',
    rules: 'SecRule REQUEST_LINE "@streq GET /?x=%41 HTTP/1.1" "id:1"',
    request: { uri: '/?x=%41' },
    ids: [1],
  },
  {
    title: 'REQUEST_URI without the host',
    rules: 'SecRule REQUEST_URI "@streq /a?b" "id:1"',
    request: { uri: 'http://h/a?b' },
    ids: [1],
  },
  {
    title: 'REQUEST_URI_RAW',
    rules: 'SecRule REQUEST_URI_RAW "@streq http://h/a?b" "id:1"',
    request: { uri: 'http://h/a?b' },
    ids: [1],
  },
  {
    title: 'REQUEST_FILENAME decoded',
    rules: 'SecRule REQUEST_FILENAME "@streq /a b+c" "id:1"',
    request: { uri: '/a%20b+c?d' },
    ids: [1],
  },
  {
    title: 'REQUEST_BASENAME',
    rules: 'SecRule REQUEST_BASENAME "@streq c.php" "id:1"',
    request: { uri: '/a/b%2Fc.php?d=/e' },
    ids: [1],
  },
  {
    title: 'QUERY_STRING',
    rules: 'SecRule QUERY_STRING "@streq d=%41" "id:1"',
    request: { uri: '/a?d=%41' },
    ids: [1],
  },
  { title: 'REMOTE_ADDR', rules: 'SecRule REMOTE_ADDR "@ipMatch 192.0.2.0/24" "id:1"', ids: [1] },
  {
    title: 'a form',
    rules: 'SecRule ARGS_POST:a "@streq b c" "id:1"',
    request: { method: 'POST', headers: [form], body: 'a=b+c' },
    ids: [1],
  },
  {
    title: 'REQUEST_BODY of a form',
    rules: 'SecRule REQUEST_BODY "@streq a=b" "id:1"',
    request: { method: 'POST', headers: [form], body: 'a=b' },
    ids: [1],
  },
  {
    title: 'a JSON body by ctl',
    rules:
      'SecAction "id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON"\nSecRule ARGS:json.a.0 "@streq x" "id:1"',
    request: { headers: [json], body: '{"a":["x"]}' },
    ids: [1],
  },
  {
    title: 'the error of a body',
    rules:
      'SecAction "id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON"\nSecRule REQBODY_ERROR "@eq 1" "id:1"',
    request: { headers: [json], body: '{' },
    ids: [1],
  },
  {
    title: 'no REQUEST_BODY of JSON',
    rules:
      'SecAction "id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON"\nSecRule REQUEST_BODY "@rx ." "id:1"',
    request: { headers: [json], body: '{}' },
    ids: [],
  },
  {
    title: 'REQUEST_BODY by ctl',
    rules:
      'SecAction "id:9,phase:1,nolog,ctl:forceRequestBodyVariable=On"\nSecRule REQUEST_BODY "@streq xyz" "id:1"',
    request: { headers: [['Content-Type', 'text/plain']], body: 'xyz' },
    ids: [1],
  },
  {
    title: 'XML',
    rules:
      'SecAction "id:9,phase:1,nolog,ctl:requestBodyProcessor=XML"\nSecRule XML:/* "@contains t" "id:1"\nSecRule XML://@* "@streq v" "id:2"',
    request: { headers: [['Content-Type', 'text/xml']], body: '<a b="v">t</a>' },
    ids: [1, 2],
  },
  {
    title: 'files of a multipart body',
    rules:
      'SecRule FILES:f "@endsWith .php" "id:1"\nSecRule FILES_NAMES "@streq f" "id:2"\nSecRule FILES_COMBINED_SIZE "@eq 3" "id:3"\nSecRule ARGS:t "@streq v1" "id:4"\nSecRule MULTIPART_PART_HEADERS:f "@rx ^Content-Type: text/x$" "id:5"',
    request: { method: 'POST', headers: [multipart], body: upload },
    ids: [1, 2, 3, 4, 5],
  },
  {
    title: 'the response',
    rules:
      'SecResponseBodyAccess On\nSecRule RESPONSE_STATUS "@eq 201" "id:1,phase:3"\nSecRule RESPONSE_HEADERS:x-a "@streq b" "id:2,phase:3"\nSecRule RESPONSE_BODY "@streq hello" "id:3,phase:4"',
    request: {
      status: 201,
      responseHeaders: [
        ['X-A', 'b'],
        ['Content-Type', 'text/plain; charset=x'],
      ],
      responseBody: 'hello',
    },
    ids: [1, 2, 3],
  },
  {
    title: 'no body of a type that is not listed',
    rules: 'SecResponseBodyAccess On\nSecRule RESPONSE_BODY "@streq hello" "id:3,phase:4"',
    request: { responseHeaders: [['Content-Type', 'image/png']], responseBody: 'hello' },
    ids: [],
  },
]

for (const { title, rules, request, ids } of targets) {
  test(`sees ${title}`, () => assert.deepEqual(idsOf(wafOf(rules), request ?? {}), ids))
}
