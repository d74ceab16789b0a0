import assert from 'node:assert/strict'
import { test } from 'node:test'
import Value from 'typebox/value'
import type { Reply } from '../../../gateway/contract/reply.ts'
import requestSize from '../../../plugins/request-size/index.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createView } from '../../support/view.ts'

function ask(headers: Record<string, string>, config: Record<string, unknown> = {}, method = 'POST') {
  const full = Value.Default(requestSize.schema, { limitBytes: 100, ...config })
  assert.ok(Value.Check(requestSize.schema, full))
  const view = createView({ method, requestHeaders: headers })
  const verdict = requestSize.create(full, createTestPorts()).onRequest?.(view) as Reply | undefined
  return { status: verdict?.status, code: verdict?.code, bodyLimit: view.bodyLimit }
}

test('refuses a told length above the limit at once', () => {
  for (const length of ['101', '1000000', '9'.repeat(30), 'abc', '-', '1e9']) {
    assert.deepEqual(ask({ 'content-length': length }), {
      status: 413,
      code: 'AEGIS_BODY_TOO_LARGE',
      bodyLimit: null,
    })
  }
})

test('lets a told length up to the limit pass', () => {
  for (const length of ['0', '1', '100']) {
    assert.equal(ask({ 'content-length': length }).status, undefined)
  }
  assert.equal(ask({ 'content-length': '0' }, { limitBytes: 0 }).status, undefined)
  assert.equal(ask({ 'content-length': '1' }, { limitBytes: 0 }).status, 413)
})

test('has the core count a body of untold length', () => {
  const { status, bodyLimit } = ask({ 'transfer-encoding': 'chunked' })
  assert.equal(status, undefined)
  assert.equal(bodyLimit, 100)
})

test('asks for a length when configured to', () => {
  const config = { requireContentLength: true }
  const expected = { status: 411, code: 'AEGIS_LENGTH_REQUIRED', bodyLimit: null }
  assert.deepEqual(ask({ 'transfer-encoding': 'chunked' }, config), expected)
  assert.deepEqual(ask({ 'transfer-encoding': 'chunked' }, config, 'GET'), expected)
  assert.deepEqual(ask({}, config), expected)
  assert.equal(ask({}, config, 'GET').status, undefined)
  assert.equal(ask({ 'content-length': '5' }, config).status, undefined)
})

test('refuses a config without a limit, or with one that is no whole number of bytes', () => {
  for (const config of [
    {},
    { limitBytes: -1 },
    { limitBytes: 1.5 },
    { limitBytes: '1' },
    { limitBytes: 1, x: 1 },
  ]) {
    assert.equal(Value.Check(requestSize.schema, Value.Default(requestSize.schema, { ...config })), false)
  }
})
