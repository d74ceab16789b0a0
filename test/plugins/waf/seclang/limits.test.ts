import assert from 'node:assert/strict'
import { test } from 'node:test'
import { form, idsOf, send, wafOf } from './engine.ts'

const tells = 'SecArgumentsLimit 3\nSecRule REQBODY_ERROR "@eq 1" "id:1"'

test('arguments of the query past the limit are told, since no rule sees them', () => {
  assert.deepEqual(idsOf(wafOf(tells), { uri: '/?a=1&b=2&c=3' }), [])
  assert.deepEqual(idsOf(wafOf(tells), { uri: '/?a=1&b=2&c=3&d=attack' }), [1])
})

test('an ordinary body does not hide that the query had too many arguments', () => {
  const request = { method: 'POST', uri: '/?a=1&b=2&c=3&d=4', headers: [form], body: 'x=1' }
  assert.deepEqual(idsOf(wafOf(tells), request), [1])
})

test('a body longer than SecRequestBodyNoFilesLimit is refused', () => {
  const waf = wafOf('SecRequestBodyNoFilesLimit 5')
  const post = (body: string) => send(waf, { method: 'POST', headers: [form], body }).interruption?.status
  assert.deepEqual([post('a=123'), post('a=1234')], [undefined, 413])
})

const upload = ['x', 'y']
  .map(
    (name) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${name}.txt"\r\n\r\n0123456789\r\n`,
  )
  .join('')
const multipart = {
  method: 'POST',
  headers: [['Content-Type', 'multipart/form-data; boundary=b']] as const,
  body: `${upload}--b--\r\n`,
}

test('files do not count for SecRequestBodyNoFilesLimit', () => {
  const limit = multipart.body.length - 20
  assert.equal(send(wafOf(`SecRequestBodyNoFilesLimit ${limit}`), multipart).interruption, null)
  assert.equal(send(wafOf(`SecRequestBodyNoFilesLimit ${limit - 1}`), multipart).interruption?.status, 413)
})

test('more files than SecUploadFileLimit are a strict error', () => {
  const rule =
    'SecRule MULTIPART_STRICT_ERROR "@eq 1" "id:1"\nSecRule MULTIPART_FILE_LIMIT_EXCEEDED "@eq 1" "id:2"'
  assert.deepEqual(idsOf(wafOf(`SecUploadFileLimit 2\n${rule}`), multipart), [])
  assert.deepEqual(idsOf(wafOf(`SecUploadFileLimit 1\n${rule}`), multipart), [1, 2])
})
