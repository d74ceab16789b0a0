import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWaf } from '../../../../plugins/waf/seclang/waf.ts'
import type { WireRequest } from './ftw-case.ts'
import { inspect } from './ftw-run.ts'
import { crs3, fileEnv } from './rule-files.ts'

const waf = createWaf(crs3('SecRuleEngine On\nSecResponseBodyAccess On'), fileEnv)

function get(uri: string): WireRequest {
  const headers = [
    ['Host', 'localhost'],
    ['User-Agent', 'Mozilla/5.0'],
    ['Accept', '*/*'],
  ] as const
  return { method: 'GET', uri, protocol: 'HTTP/1.1', headers, body: '' }
}

const attacks: readonly (readonly [name: string, uri: string, rule: number])[] = [
  ['SQL injection', '/?q=1%27%20or%201%3D1--%20-', 942100],
  ['cross-site scripting', '/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E', 941100],
  ['path traversal', '/?q=..%2F..%2F..%2Fetc%2Fpasswd', 930120],
  ['a shell command', '/?q=%3Bcat%20%2Fetc%2Fpasswd', 932160],
]

for (const [name, uri, rule] of attacks) {
  test(`CRS 3.3 finds ${name} and its sum of scores ends the request`, () => {
    const ids = inspect(waf, get(uri)).map((match) => match.id)
    assert(ids.includes(rule), `${ids}`)
    assert(ids.includes(949110), `${ids}`)
  })
}

test('CRS 3.3 lets an ordinary request pass', () => {
  assert.deepEqual(inspect(waf, get('/catalogue?page=2&sort=price')), [])
})

test('the notes name what CRS 3.3 asks for and does not get', () => {
  const notes = waf.notes.map((note) => note.message).join('\n')
  for (const expected of [
    /@geolookup never matches/,
    /@rbl never matches/,
    /IP is kept for one transaction/,
  ]) {
    assert.match(notes, expected)
  }
})
