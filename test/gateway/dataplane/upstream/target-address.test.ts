import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTargetAddress } from '../../../../gateway/dataplane/upstream/target-address.ts'

const tls = { ca: null, cert: null, key: null, serverName: null, verify: true }

const names: [
  origin: string,
  serverName: string | null,
  knownAs: string | null,
  asked: string | undefined,
][] = [
  ['https://api.internal:8443', null, null, 'api.internal'],
  ['https://10.0.0.5:8443', null, null, undefined],
  ['https://[::1]:8443', null, null, undefined],
  ['https://10.0.0.5:8443', null, 'api.internal:8443', 'api.internal'],
  ['https://10.0.0.5:8443', null, '10.0.0.5:8443', undefined],
  ['https://10.0.0.5:8443', 'named.internal', 'api.internal:8443', 'named.internal'],
  ['https://api.internal', 'named.internal', null, 'named.internal'],
]
for (const [origin, serverName, knownAs, asked] of names) {
  test(`${origin}, called ${serverName} by the config and ${knownAs} by discovery, has to be ${asked}`, () => {
    assert.equal(toTargetAddress(origin, { ...tls, serverName }, knownAs).tls?.servername, asked)
  })
}

test('where a target is', () => {
  assert.deepEqual(toTargetAddress('http://[::1]:8', null, null), { host: '::1', port: 8, tls: null })
  assert.deepEqual(toTargetAddress('http://a', null, null), { host: 'a', port: 80, tls: null })
  const { host, port } = toTargetAddress('https://a', null, null)
  assert.deepEqual([host, port], ['a', 443])
})
