import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RequestHead } from '../../../../gateway/dataplane/downstream.ts'
import {
  isAgreement,
  isWebSocketHandshake,
  toAccept,
} from '../../../../gateway/dataplane/upstream/handshake.ts'
import { createFields } from '../snapshot.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const valid = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': key,
}

function createHead(headers: Record<string, string>, over: Partial<RequestHead> = {}): RequestHead {
  return {
    ...{ method: 'GET', target: '/', version: '1.1', fields: createFields(Object.entries(headers).flat()) },
    ...{ scheme: null, host: 'a', expect: '', body: 'none', length: -1, keepAlive: true, fault: null },
    ...over,
  }
}

describe('a handshake', () => {
  const good: [string, Record<string, string>][] = [
    ['as the RFC writes it', {}],
    ['with other options beside Upgrade', { connection: 'keep-alive,  UPGRADE' }],
    ['with capitals in the protocol', { upgrade: 'WebSocket' }],
  ]
  for (const [what, headers] of good) {
    test(`is one ${what}`, () =>
      assert.equal(isWebSocketHandshake(createHead({ ...valid, ...headers })), true))
  }

  const bad: [string, Record<string, string>, Partial<RequestHead>?][] = [
    ['without Upgrade', { upgrade: '' }],
    ['to another protocol', { upgrade: 'h2c' }],
    ['to a list of protocols', { upgrade: 'websocket, h2c' }],
    ['that Connection does not name', { connection: 'keep-alive' }],
    ['with an option that only begins so', { connection: 'Upgrade-Insecure' }],
    ['of version 12', { 'sec-websocket-version': '12' }],
    ['of two versions', { 'sec-websocket-version': '13, 13' }],
    ['with a key that is too short', { 'sec-websocket-key': 'c2hvcnQ=' }],
    ['with two keys', { 'sec-websocket-key': `${key}, ${key}` }],
    ['with an empty key', { 'sec-websocket-key': '' }],
    ['by POST', {}, { method: 'POST' }],
    ['by HEAD', {}, { method: 'HEAD' }],
    ['in HTTP/1.0', {}, { version: '1.0' }],
    ['with a body', {}, { body: 'fixed', length: 5 }],
    ['with a chunked body', {}, { body: 'chunked' }],
    ['whose head is at fault', {}, { fault: { status: 400, code: 'AEGIS_BAD_REQUEST', detail: '' } }],
  ]
  for (const [what, headers, over] of bad) {
    test(`is none ${what}`, () =>
      assert.equal(isWebSocketHandshake(createHead({ ...valid, ...headers }, over)), false))
  }
})

describe('an answer of 101', () => {
  const asked = createFields(Object.entries(valid).flat())
  const yes = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  }
  const answered = (over: Record<string, string>) => createFields(Object.entries({ ...yes, ...over }).flat())

  test('has the proof of the example in RFC 6455', () =>
    assert.equal(toAccept(key), yes['sec-websocket-accept']))
  test('agrees to the handshake that it proves to have read', () =>
    assert.equal(isAgreement(asked, answered({})), true))

  const lies: [string, Record<string, string>][] = [
    ['with the proof of another key', { 'sec-websocket-accept': toAccept('AAAAAAAAAAAAAAAAAAAAAA==') }],
    ['without a proof', { 'sec-websocket-accept': '' }],
    ['with two proofs', { 'sec-websocket-accept': `${toAccept(key)}, ${toAccept(key)}` }],
    ['to another protocol', { upgrade: 'h2c' }],
    ['that Connection does not name', { connection: 'close' }],
  ]
  for (const [what, over] of lies) {
    test(`agrees to nothing ${what}`, () => assert.equal(isAgreement(asked, answered(over)), false))
  }
})
