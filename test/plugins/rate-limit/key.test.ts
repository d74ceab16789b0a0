import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toIpNetwork } from '../../../plugins/rate-limit/ip-network.ts'
import { createKeyForm, parseKeyText } from '../../../plugins/rate-limit/key.ts'
import { createRoute, createTenant, createView } from '../../support/view.ts'
import { createIdentity } from './setup.ts'

const acme = createTenant('acme')
const view = createView({
  tenant: acme,
  identity: createIdentity('42', { claims: { org: 'o1', seats: 5, groups: ['a'], 'https://x/y': 'ns' } }),
  requestHeaders: { 'x-app': 'web', 'x-api-key': 'secret' },
  route: createRoute({ id: 'items' }),
})

describe('the text of a key', () => {
  const cases: [key: string[], text: string][] = [
    [['tenant'], 'n|tenant=acme'],
    [['user'], 'n|tenant=acme|user=42'],
    [['ip'], 'n|ip=203.0.113.7'],
    [['route'], 'n|route=items'],
    [['tenant', 'route'], 'n|tenant=acme|route=items'],
    [['header:X-App'], 'n|tenant=acme|header:x-app=web'],
    [['claim:org'], 'n|tenant=acme|claim:org=o1'],
    [['claim:seats'], 'n|tenant=acme|claim:seats=5'],
    [['claim:https://x/y'], 'n|tenant=acme|claim:https://x/y=ns'],
    [['user', 'tenant'], 'n|user=42|tenant=acme'],
    [['api-key'], 'n|tenant=acme|api-key=2bb80d537b1da3e38bd30361aa855686'],
  ]
  for (const [key, text] of cases) {
    test(`of ${key.join(' and ')} is ${text}`, () => {
      assert.equal(createKeyForm({ name: 'n', key }, 64).keyOf(view), text)
    })
  }

  test('has the client address in place of what the request does not have', () => {
    const nobody = createView()
    const ip = 'n|ip=203.0.113.7'
    for (const key of ['tenant', 'user', 'header:x-app', 'claim:org', 'api-key']) {
      assert.equal(createKeyForm({ name: 'n', key: [key] }, 64).keyOf(nobody), ip)
    }
    const list = createView({ identity: createIdentity('1', { claims: { groups: ['a'] } }) })
    assert.equal(createKeyForm({ name: 'n', key: ['claim:groups'] }, 64).keyOf(list), ip)
    assert.equal(createKeyForm({ name: 'n', key: ['claim:constructor'] }, 64).keyOf(list), ip)
    assert.equal(
      createKeyForm({ name: 'n', key: ['user'] }, 64).keyOf(createView({ tenant: acme })),
      'n|tenant=acme|ip=203.0.113.7',
    )
  })

  test('takes the tenant from the fact, else from the host, else from the credential', () => {
    const form = createKeyForm({ name: 'n', key: ['tenant'] }, 64)
    const hostTenant = createTenant('of-host')
    const identity = createIdentity('1', { tenantId: 'of-token' })
    assert.equal(form.keyOf(createView({ tenant: acme, hostTenant, identity })), 'n|tenant=acme')
    assert.equal(form.keyOf(createView({ hostTenant, identity })), 'n|tenant=of-host')
    assert.equal(form.keyOf(createView({ identity })), 'n|tenant=of-token')
  })

  test('counts an IPv6 client by its network', () => {
    const clientIp = '2001:db8:0:7:1:2:3:4'
    assert.equal(
      createKeyForm({ name: 'n', key: ['ip'] }, 64).keyOf(createView({ clientIp })),
      'n|ip=2001:db8:0:7::/64',
    )
    assert.equal(
      createKeyForm({ name: 'n', key: ['ip'] }, 48).keyOf(createView({ clientIp })),
      'n|ip=2001:db8:0::/48',
    )
  })
})

test('no two different owners ever have one key', () => {
  const values = [
    'a',
    '|',
    '=',
    '%',
    '%7C',
    'a|user=a',
    'a|header:b=a',
    'a|header:b=a|header:b=a',
    'ip=203.0.113.7',
  ]
  const forms = [['user'], ['tenant', 'user'], ['user', 'header:b'], ['header:b', 'user']].map((key) =>
    createKeyForm({ name: 'n', key }, 64),
  )
  const owners = forms.map(() => new Map<string, string>())
  for (const tenant of ['', ...values]) {
    for (const user of values) {
      for (const b of values) {
        const source = createView({
          tenant: tenant === '' ? null : createTenant(tenant),
          identity: createIdentity(user),
          requestHeaders: { b },
        })
        forms.forEach((form, i) => {
          const owner = JSON.stringify(form.template.includes('header') ? [tenant, user, b] : [tenant, user])
          const text = form.keyOf(source)
          assert.equal(owners[i]?.get(text) ?? owner, owner, text)
          owners[i]?.set(text, owner)
        })
      }
    }
  }
})

test('what an operator types from a key finds the same key', () => {
  for (const key of [
    ['user'],
    ['tenant'],
    ['ip'],
    ['claim:org', 'ip'],
    ['api-key'],
    ['header:x-app', 'route'],
  ]) {
    for (const source of [
      view,
      createView(),
      createView({ tenant: createTenant('a|b=c%'), clientIp: '2001:db8::1' }),
    ]) {
      const form = createKeyForm({ name: 'n', key }, 64)
      const text = form.keyOf(source)
      const parsed = parseKeyText(text)
      assert.ok(!(parsed instanceof Error))
      assert.equal(form.keyFrom(parsed.parts), text)
    }
  }
})

test('a key with a part that the limit does not have, or without one that it has, is explained', () => {
  const form = createKeyForm({ name: 'per-user', key: ['user'] }, 64)
  assert.match(
    String(form.keyFrom(new Map([['tenant', 'a']]))),
    /part is missing; the form is per-user\|tenant=\.\.\.\|user=\.\.\./,
  )
  assert.match(String(form.keyFrom(new Map([['route', 'a']]))), /no part route/)
  assert.match(String(parseKeyText('per-user|acme')), /"acme" is no key part; write kind=value/)
})

describe('the network of an address', () => {
  const cases: [ip: string, bits: number, network: string][] = [
    ['198.51.100.1', 64, '198.51.100.1'],
    ['::1', 64, '0:0:0:0::/64'],
    ['2001:DB8::', 64, '2001:db8:0:0::/64'],
    ['2001:db8::1%eth0', 64, '2001:db8:0:0::/64'],
    ['2001:db8:1:2::/64', 64, '2001:db8:1:2::/64'],
    ['2001:db8:1:2ff:3:4:5:6', 56, '2001:db8:1:200::/56'],
    ['2001:db8:1:2:3:4:5:6', 128, '2001:db8:1:2:3:4:5:6/128'],
    ['64:ff9b::192.0.2.1', 128, '64:ff9b:0:0:0:0:c000:201/128'],
    ['not:an:address', 64, 'not:an:address'],
    ['1:2:3:4:5:6:7:8:9', 64, '1:2:3:4:5:6:7:8:9'],
    ['1::2::3', 64, '1::2::3'],
    ['::192.0.2.999', 64, '::192.0.2.999'],
  ]
  for (const [ip, bits, network] of cases) {
    test(`of ${ip} with ${bits} bits is ${network}`, () => assert.equal(toIpNetwork(ip, bits), network))
  }
})
