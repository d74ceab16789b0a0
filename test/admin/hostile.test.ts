import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { findJsonFault } from '../../admin/json-fault.ts'
import { mergePatch } from '../../admin/merge-patch.ts'
import { startAdmin, tokenOf } from './fixture.ts'

const path = '/admin/tenants/acme'

test('JSON that is none is refused with line and column', async (t) => {
  const { ask, control } = await startAdmin(t)
  for (const [raw, line, column] of [
    ['{"a": 1,}', 1, 9],
    ['{\n  "a": x\n}', 2, 8],
    ['{"a": 1', 1, 8],
    ['{"a": 1} x', 1, 10],
    ["{'a': 1}", 1, 2],
    ['{"a": 01}', 1, 8],
    ['{"a": "\n"}', 1, 8],
    ['{"a": NaN}', 1, 7],
    ['﻿{"a": 1', 1, 8],
  ] as const) {
    const refused = await ask('PUT', path, { raw })
    assert.equal(refused.status, 400, raw)
    assert.equal(refused.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual(
      [refused.body.line, refused.body.column],
      [line, column],
      `${raw}: ${refused.body.detail}`,
    )
  }
  assert.equal((await ask('PUT', path, { raw: new Uint8Array([0x22, 0xff, 0x22]) })).status, 400)
  assert.equal(control.writes, 0)
})

test('the fault finder agrees with JSON.parse about what is JSON', () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  const good = '{"a":[1,-2.5e+3,0.1,"x\\u00e9\\n\\"",true,false,null,{}],"":{"b":[[],{}]}}'
  const alphabet = '{}[]",:\\ \n0129-+.eEtrufalsnx\u0001'
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  let refused = 0
  for (let round = 0; round < 20_000; round += 1) {
    const at = random(good.length)
    const text = good.slice(0, at) + alphabet.charAt(random(alphabet.length)) + good.slice(at + random(3))
    const fault = findJsonFault(text)
    // The finder is only asked about bad text; for good text it says that the text ends where it may.
    const finds = !fault.expected.startsWith('nothing more, but the text ends')
    assert.equal(finds, !isJson(text), JSON.stringify(text))
    if (finds) refused += 1
  }
  assert.ok(refused > 1000)
})

test('names of the prototype chain are refused anywhere in a body', async (t) => {
  const { ask, control } = await startAdmin(t)
  for (const [raw, pointer] of [
    ['{"__proto__": {"x": 1}}', '/__proto__'],
    ['{"metadata": {"a/b": [{"constructor": 1}]}}', '/metadata/a~1b/0/constructor'],
    ['{"prototype": null}', '/prototype'],
    ['{"\\u005f_proto__": 1}', '/__proto__'],
  ] as const) {
    for (const method of ['PUT', 'PATCH']) {
      const refused = await ask(method, path, { raw })
      assert.equal(refused.status, 422, raw)
      assert.equal(refused.body.errors[0].pointer, pointer)
    }
  }
  assert.equal(({} as { x?: number }).x, undefined)
  assert.equal(control.writes, 0)
})

test('bodies that are nested without end, huge, or of another kind are refused', async (t) => {
  const { ask, control, logged } = await startAdmin(t)
  const deep = `{"metadata":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`
  assert.equal((await ask('PATCH', path, { raw: deep })).status, 422)
  const huge = await ask('PATCH', path, { raw: `"${'x'.repeat(16 * 1024 * 1024)}"` })
  assert.equal(huge.status, 413)
  assert.equal(huge.headers.get('content-type'), 'application/problem+json')
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
  ]) {
    const refused = await ask('PATCH', path, { raw: '{}', headers: { 'content-type': type } })
    assert.equal(refused.status, 415, type)
    assert.match(refused.headers.get('accept-patch') ?? '', /merge-patch/)
  }
  const merge = { 'content-type': 'application/merge-patch+json' }
  assert.equal((await ask('PUT', path, { raw: '{}', headers: merge })).status, 415)
  for (const raw of ['[]', '"x"', 'null', '1', '']) {
    assert.equal((await ask('PATCH', path, { raw })).status, 422, raw)
  }
  assert.equal((await ask('PUT', path)).status, 422, 'no body at all')
  assert.equal(control.writes, 0)
  assert.deepEqual(
    logged.filter(({ level }) => level === 'error'),
    [],
  )
})

test('a body may name its charset, and a request without a need for one may still say its type', async (t) => {
  const { ask } = await startAdmin(t)
  const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
  assert.equal((await ask('PATCH', path, { raw: '{"plan":"free"}', headers })).status, 200)
  assert.equal((await ask('POST', `${path}/suspend`, { raw: '', headers })).status, 200)
})

/** Bytes as they are: fetch would tidy the path up. */
function sendRaw(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    const authorization = `Authorization: Bearer ${tokenOf('admin')}`
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\nConnection: close\r\n\r\n`)
  })
}

test('tricks with paths lead nowhere', async (t) => {
  const { port, control } = await startAdmin(t)
  control.disk = {
    ...control.files(),
    routes: { ...control.files().routes, tenants: [{ id: 'a/b' }, { id: '../config' }, { id: '%2e' }] },
  }
  await control.reload('test')
  for (const [target, status, id] of [
    ['/admin/tenants/a%2Fb', 200, 'a/b'],
    ['/admin/tenants/..%2Fconfig', 200, '../config'],
    ['/admin/tenants/%252e', 200, '%2e'],
    ['/admin/tenants/a/b', 404, null],
    ['/admin/tenants/../config', 404, null],
    ['/admin//tenants', 404, null],
    ['/admin/tenants/', 404, null],
    ['/ADMIN/tenants', 404, null],
    ['/admin/tenants/%00', 404, null],
    ['/admin/tenants/%c3%28', 400, null],
    ['/admin/tenants/%zz', 400, null],
    [`/admin/tenants/${'x'.repeat(501)}`, 414, null],
    ['/docs/static/..%2f..%2fpackage.json', 404, null],
    ['/docs/static/%2e%2e/package.json', 403, null],
    ['http://evil.example/admin/tenants', 400, null],
  ] as const) {
    const answer = await sendRaw(port, target)
    assert.equal(Number(answer.split(' ')[1]), status, `${target}: ${answer}`)
    if (id !== null) assert.ok(answer.endsWith(JSON.stringify({ id })), answer)
    else assert.match(answer, /content-type: application\/problem\+json/i)
    assert.doesNotMatch(answer, /node_modules| at .*:\d+/)
  }
})

test('an unknown method of a known path is 405 with what is allowed, an unknown path 404', async (t) => {
  const { ask } = await startAdmin(t)
  for (const [method, where, allow] of [
    ['DELETE', '/admin/plugins', 'GET, HEAD, POST'],
    ['POST', '/admin/plugins/jwt', 'DELETE, GET, HEAD, PATCH, PUT'],
    ['OPTIONS', '/admin/plugins', 'GET, HEAD, POST'],
    ['GET', '/admin/reload', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
  ] as const) {
    const refused = await ask(method, where)
    assert.equal(refused.status, 405, `${method} ${where}`)
    assert.equal(refused.headers.get('allow'), allow)
    assert.equal(refused.headers.get('content-type'), 'application/problem+json')
  }
  for (const where of ['/', '/admin', '/admin/nope', '/metrics/x']) {
    const refused = await ask('GET', where)
    assert.equal(refused.status, 404)
    assert.equal(refused.body.code, 'AEGIS_ADMIN_NOT_FOUND')
  }
})

test('what is not HTTP is answered by closing', async (t) => {
  const { port } = await startAdmin(t)
  assert.match(await sendRaw(port, '/x HTTP/9.9 \r\n\r\n\u0000'), /^HTTP\/1\.1 400 /)
})

test('a misspelt name in the query of a write is refused instead of ignored', async (t) => {
  const { ask, control } = await startAdmin(t)
  for (const query of [
    'dryrun=true',
    'dry_run',
    'dry_run=1',
    'dry_run=yes',
    'dry_run=true&dry_run=false',
    '__proto__=1',
  ]) {
    const refused = await ask('DELETE', `${path}?${query}`)
    assert.equal(refused.status, 400, query)
  }
  assert.equal(control.writes, 0)
  assert.equal((await ask('DELETE', `${path}?dry_run=false`)).status, 200)
})

test('merge patches do what the examples of RFC 7396 appendix A say', () => {
  for (const [target, patch, result] of [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]) {
    assert.deepEqual(mergePatch(target as never, patch as never), result)
  }
})
