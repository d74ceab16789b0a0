import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPeers } from '../../../gateway/dataplane/peers.ts'

describe('peers', () => {
  const peers = createPeers(['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '2001:db8::5'])

  const spellings: [string, string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['2001:DB8:0:0::5', '2001:db8::5'],
    ['garbage', 'garbage'],
    ['', ''],
    ['::ffff:nonsense', '::ffff:nonsense'],
  ]
  for (const [address, expected] of spellings) {
    test(`spells ${address || 'nothing'} as ${expected || 'nothing'}`, () =>
      assert.equal(peers.normalise(address), expected))
  }

  const trust: [string, boolean][] = [
    ['10.9.8.7', true],
    ['11.0.0.1', false],
    ['192.0.2.1', true],
    ['192.0.2.2', false],
    ['fd12::1', true],
    ['fe80::1', false],
    ['2001:db8::5', true],
    ['', false],
    ['10.0.0.1.evil', false],
  ]
  for (const [address, expected] of trust) {
    test(`${expected ? 'trusts' : 'does not trust'} ${address || 'an unknown address'}`, () =>
      assert.equal(peers.isTrusted(address), expected))
  }

  const clients: [string | undefined, string][] = [
    [undefined, '10.0.0.1'],
    ['203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.0.0.2, 192.0.2.1', '203.0.113.7'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['6.6.6.6, unknown, 10.0.0.2', '10.0.0.2'],
    ['6.6.6.6, ', '10.0.0.1'],
    ['', '10.0.0.1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db8::9]:4711', '2001:db8::9'],
    ['[2001:db8::9', '10.0.0.1'],
    ['2001:DB8:0::9', '2001:db8::9'],
    ['6.6.6.6,203.0.113.7,10.0.0.2:80', '203.0.113.7'],
    ['"203.0.113.7"', '10.0.0.1'],
    ['203.0.113.7; drop', '10.0.0.1'],
  ]
  for (const [header, expected] of clients) {
    test(`reads the client of X-Forwarded-For ${JSON.stringify(header) ?? 'not given'} as ${expected}`, () =>
      assert.equal(peers.clientOf('10.0.0.1', header), expected))
  }

  test('trusts nobody when nobody is listed', () => {
    assert.equal(createPeers([]).isTrusted('127.0.0.1'), false)
  })
})
