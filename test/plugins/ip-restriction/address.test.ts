import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { BlockList, SocketAddress } from 'node:net'
import { describe, test } from 'node:test'
import { createAddressSet, parseNetwork, toAddress } from '../../../plugins/ip-restriction/address.ts'

describe('addresses', () => {
  test('compare equal however they are written', () => {
    const same: [string, string][] = [
      ['::ffff:203.0.113.7', '203.0.113.7'],
      ['::ffff:cb00:7107', '203.0.113.7'],
      ['0:0:0:0:0:FFFF:203.0.113.7', '203.0.113.7'],
      ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1'],
      ['::', '0:0:0:0:0:0:0:0'],
      ['::1', '0:0:0:0:0:0:0:1'],
      ['1::', '1:0:0:0:0:0:0:0'],
      ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
      ['fe80::1%eth0', 'fe80::1'],
    ]
    for (const [a, b] of same) assert.equal(toAddress(a), toAddress(b), a)
    assert.notEqual(
      toAddress('::203.0.113.7'),
      toAddress('203.0.113.7'),
      'IPv4-compatible is not IPv4-mapped',
    )
  })

  test('are none when they are something else', () => {
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.4 ',
      '1.2.3.4:80',
      '[::1]',
      ':::',
      '1.2.3.4%a',
    ]) {
      assert.equal(toAddress(text), null, text)
    }
  })
})

describe('networks', () => {
  test('that are malformed are refused with a reason', () => {
    const bad = [
      '',
      'x',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8/8',
      '10.0.0/8',
      '::/129',
      '10.0.0.0/255.0.0.0',
      ' 10.0.0.0/8',
      '10.0.0.0/8 ',
      'fe80::1%eth0',
      '::ffff:10.0.0.0/90',
      '::1/1e1',
    ]
    for (const text of bad) assert.equal(typeof parseNetwork(text), 'string', text)
  })

  test('hold their first and last address and not the neighbours', () => {
    const cases: [string, string[], string[]][] = [
      ['10.1.2.3', ['10.1.2.3', '::ffff:10.1.2.3'], ['10.1.2.2', '10.1.2.4', '::10.1.2.3']],
      ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
      ['10.9.9.9/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
      ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'], ['::', '::1', '2001:db8::']],
      ['255.255.255.255/32', ['255.255.255.255'], ['255.255.255.254']],
      ['::ffff:10.0.0.0/104', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
      ['::/0', ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], ['0.0.0.0', '255.255.255.255']],
      [
        '2001:db8::/33',
        ['2001:db8::', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
        ['2001:db8:8000::', '2001:db7:ffff::'],
      ],
      ['2001:db8::1/128', ['2001:db8::1'], ['2001:db8::', '2001:db8::2']],
      ['fe80::/10', ['fe80::', 'febf:ffff::1'], ['fec0::', 'fe7f::']],
    ]
    for (const [network, inside, outside] of cases) {
      const set = createAddressSet([network])
      for (const text of inside) assert.ok(set.has(toAddress(text) ?? ''), `${text} in ${network}`)
      for (const text of outside) assert.ok(!set.has(toAddress(text) ?? ''), `${text} not in ${network}`)
    }
  })

  test('that overlap, nest or touch are one set', () => {
    const set = createAddressSet([
      '10.0.0.0/8',
      '10.1.0.0/16',
      '11.0.0.0/8',
      '9.0.0.0/8',
      '10.0.0.1',
      '12.0.0.1',
    ])
    for (const text of ['9.0.0.0', '10.0.0.0', '10.1.2.3', '10.255.255.255', '11.255.255.255', '12.0.0.1']) {
      assert.ok(set.has(toAddress(text) ?? ''), text)
    }
    for (const text of ['8.255.255.255', '12.0.0.0', '12.0.0.2'])
      assert.ok(!set.has(toAddress(text) ?? ''), text)
  })

  test('agree with node:net BlockList on random networks and addresses', () => {
    const four = () => Array.from({ length: 4 }, () => [0, 1, 10, 127, 128, 255][randomInt(6)]).join('.')
    // Never IPv4-mapped, which is IPv4 for us and another address for BlockList: the first group is not 0.
    const six = () =>
      Array.from({ length: 8 }, (_, i) =>
        [1, 0x8000, 0xffff, 0xfe80, 0][randomInt(i === 0 ? 4 : 5)]?.toString(16),
      ).join(':')
    for (let round = 0; round < 60; round++) {
      // One per family: BlockList also holds IPv4 addresses against wide IPv6 networks, and we do not.
      const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
      const networks: string[] = []
      for (let i = 0; i < 12; i++) {
        const family = randomInt(2) === 0 ? 'ipv4' : 'ipv6'
        const network = family === 'ipv4' ? four() : six()
        const prefix = randomInt(family === 'ipv4' ? 33 : 129)
        lists[family].addSubnet(new SocketAddress({ address: network, family }), prefix)
        networks.push(`${network}/${prefix}`)
      }
      const set = createAddressSet(networks)
      for (let i = 0; i < 100; i++) {
        const family = randomInt(2) === 0 ? 'ipv4' : 'ipv6'
        const address = family === 'ipv4' ? four() : six()
        const expected = lists[family].check(address, family)
        assert.equal(set.has(toAddress(address) ?? ''), expected, `${address} in ${networks.join(' ')}`)
      }
    }
  })
})
