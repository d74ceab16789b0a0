// X-Forwarded-For: the client is the rightmost address that no trusted proxy has, by a second reader of addresses.
import assert from 'node:assert/strict'
import { createPeers } from '../../../gateway/dataplane/peers.ts'
import type { Random } from '../../support/random.ts'
import type { Target } from '../target.ts'

const addresses = [
  ...[
    '10.0.0.1',
    '10.255.255.255',
    '11.0.0.0',
    '192.0.2.1',
    '127.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '172.16.0.9',
  ],
  ...[
    '::1',
    '::',
    '2001:db8::1',
    '2001:DB8:0:0:0:0:0:1',
    '2001:db8::',
    '2001:db9::1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::7',
  ],
  ...[
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '0:0:0:0:0:ffff:0a00:0001',
    '::ffff:192.0.2.1',
    '::10.0.0.1',
    '64:ff9b::a00:1',
  ],
]
const oddities = [
  ...[
    '',
    'unknown',
    '_hidden',
    '10.0.0.01',
    '010.0.0.1',
    '10.1',
    '0x0a.0.0.1',
    '167772161',
    '10.0.0.1/8',
    '10.0.0.256',
  ],
  ...[
    '[::1',
    '[::1]',
    '::1]',
    '1:2:3:4:5:6:7:8:9',
    ':::',
    'for=10.0.0.1',
    '"10.0.0.1"',
    '10.0.0.1.',
    '\xa010.0.0.1',
    '10.0.0.1\0',
  ],
  ...['localhost', '%', '::1%', '::ffff:10.0.0.256', '2001:db8::g', 'null'],
]
const trusted = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', 'fd00::/8', '::1'] as const

interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** By hand, part by part. null: no address. */
function readAddress(text: string): Address | null {
  const v4 = readV4(text)
  if (v4 !== null) return { bits: 32, value: v4 }
  const value = readV6(text.includes('%') ? text.slice(0, text.indexOf('%')) : text)
  if (value === null) return null
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value }
}

function readV4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256))
    return null
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n)
}

function readV6(text: string): bigint | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [left, right] = halves.map((half) => (half === '' ? [] : readGroups(half.split(':'))))
  if (left === null || right === null || left === undefined) return null
  if (right === undefined) return left.length === 8 ? join(left) : null
  // "::" stands for one group of zeros at least.
  const missing = 8 - left.length - right.length
  return missing < 1 ? null : join([...left, ...Array<bigint>(missing).fill(0n), ...right])
}

function readGroups(parts: readonly string[]): bigint[] | null {
  const groups: bigint[] = []
  for (const [at, part] of parts.entries()) {
    const v4 = at === parts.length - 1 ? readV4(part) : null
    if (v4 !== null) groups.push(v4 >> 16n, v4 & 0xffffn)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`))
    else return null
  }
  return groups
}

function join(groups: readonly bigint[]): bigint {
  return groups.reduce((value, group) => value * 65_536n + group, 0n)
}

function isWithin(address: Address, entry: string): boolean {
  const [base = '', length] = entry.split('/')
  const network = readAddress(base)
  if (network === null || network.bits !== address.bits) return false
  const shift = BigInt(address.bits - Number(length ?? address.bits))
  return address.value >> shift === network.value >> shift
}

function expectClient(peer: string, header: string): Address | null {
  let client = readAddress(peer)
  for (const hop of header.split(',').reverse()) {
    const bare = hop.trim()
    const bracketed = /^\[([^\]]*)\]/.exec(bare)?.[1]
    const withPort = /^([^:]+):[^:]*$/.exec(bare)?.[1]
    const address = readAddress(bracketed ?? withPort ?? bare)
    if (address === null) return client
    client = address
    if (!trusted.some((entry) => isWithin(address, entry))) return client
  }
  return client
}

function createHeader(random: Random): string {
  const hops = Array.from({ length: 1 + random.int(5) }, () => {
    const address = random.pick(random.chance(0.8) ? addresses : oddities)
    if (random.chance(0.1)) return address.includes(':') ? `[${address}]:80` : `${address}:80`
    return random.chance(0.1) ? ` ${address}\t` : address
  })
  return hops.join(random.pick([',', ', ', ' , ', ',,']))
}

const forwardedFor: Target = {
  name: 'X-Forwarded-For',
  share: 100,
  create: createHeader,
  check(header, random) {
    const peers = createPeers(trusted)
    const peer = random.pick(['10.0.0.1', '2001:db8::1'])
    const client = peers.clientOf(peer, header)
    assert.deepEqual(readAddress(client), expectClient(peer, header))
    assert.equal(peers.normalise(client), client, 'one client has two spellings')
    for (const hop of header.split(',')) {
      const address = readAddress(hop.trim())
      if (address === null) continue
      const spelled = peers.normalise(hop.trim())
      assert.deepEqual(readAddress(spelled), address)
      assert.equal(peers.normalise(spelled), spelled)
      assert.equal(
        peers.isTrusted(spelled),
        trusted.some((entry) => isWithin(address, entry)),
      )
    }
  },
}

export const forwardedTargets: readonly Target[] = [forwardedFor]
