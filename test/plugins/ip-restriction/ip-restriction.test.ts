import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Value from 'typebox/value'
import type { Reply } from '../../../gateway/contract/reply.ts'
import ipRestriction from '../../../plugins/ip-restriction/index.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createTenant, createView } from '../../support/view.ts'

type Config = Parameters<typeof ipRestriction.create>[0]

function parse(config: Record<string, unknown>): Config {
  const full = Value.Default(ipRestriction.schema, structuredClone(config))
  assert.ok(Value.Check(ipRestriction.schema, full))
  return full
}

function statusFor(
  config: Record<string, unknown>,
  clientIp: string,
  tenant: string | null = null,
  fact = false,
) {
  const named = tenant === null ? null : createTenant(tenant)
  const view = createView({
    clientIp,
    hostTenant: fact ? createTenant('other') : named,
    tenant: fact ? named : null,
  })
  const verdict = ipRestriction.create(parse(config), createTestPorts()).onRequest?.(view) as
    | Reply
    | undefined
  if (verdict !== undefined) assert.equal(verdict.code, 'AEGIS_IP_DENIED')
  return verdict?.status
}

describe('ip-restriction', () => {
  test('is asked again about what is open, and denies it as it would a request', () => {
    const view = createView({ clientIp: '203.0.113.7' })
    const recheck = (config: Record<string, unknown>) =>
      (ipRestriction.create(parse(config), createTestPorts()).onRecheck?.(view) as Reply | undefined)?.code
    assert.equal(recheck({ deny: ['198.51.100.0/24'] }), undefined)
    assert.equal(recheck({ deny: ['203.0.113.0/24'] }), 'AEGIS_IP_DENIED')
  })

  test('lets everyone in when no list is given', () => {
    assert.equal(statusFor({}, '203.0.113.7'), undefined)
    assert.equal(statusFor({}, ''), undefined)
  })

  test('lets in only who is allowed', () => {
    const config = { allow: ['203.0.113.0/24', '2001:db8::/32'] }
    assert.equal(statusFor(config, '203.0.113.7'), undefined)
    assert.equal(statusFor(config, '::ffff:203.0.113.7'), undefined)
    assert.equal(statusFor(config, '2001:db8::7'), undefined)
    assert.equal(statusFor(config, '203.0.114.7'), 403)
    assert.equal(statusFor(config, '2001:db9::7'), 403)
  })

  test('keeps out who is denied, allowed or not', () => {
    const config = { allow: ['203.0.113.0/24'], deny: ['203.0.113.7'] }
    assert.equal(statusFor(config, '203.0.113.7'), 403)
    assert.equal(statusFor(config, '::ffff:203.0.113.7'), 403)
    assert.equal(statusFor(config, '203.0.113.8'), undefined)
    assert.equal(statusFor({ deny: ['203.0.113.7'] }, '198.51.100.1'), undefined)
  })

  test('keeps out an address that cannot be read, as soon as there is any list', () => {
    assert.equal(statusFor({ deny: ['203.0.113.7'] }, 'unknown'), 403)
    assert.equal(statusFor({ allow: ['0.0.0.0/0', '::/0'] }, ''), 403)
  })

  test('asks a tenant’s lists as well as the general ones', () => {
    const config = {
      deny: ['198.51.100.66'],
      tenants: { acme: { allow: ['198.51.100.0/24'] }, beta: { deny: ['198.51.100.1'] }, empty: {} },
    }
    assert.equal(statusFor(config, '198.51.100.1', 'acme'), undefined)
    assert.equal(statusFor(config, '203.0.113.7', 'acme'), 403)
    assert.equal(statusFor(config, '198.51.100.66', 'acme'), 403)
    assert.equal(statusFor(config, '198.51.100.1', 'beta'), 403)
    assert.equal(statusFor(config, '203.0.113.7', 'beta'), undefined)
    assert.equal(statusFor(config, '203.0.113.7', 'empty'), undefined)
    assert.equal(statusFor(config, '203.0.113.7', 'constructor'), undefined)
    assert.equal(statusFor(config, '203.0.113.7'), undefined)
  })

  test('goes by the tenant fact before the Host’s tenant', () => {
    const config = { tenants: { acme: { deny: ['203.0.113.7'] }, other: {} } }
    assert.equal(statusFor(config, '203.0.113.7', 'acme', true), 403)
  })

  test('refuses malformed networks at load and says where they are', () => {
    const config = parse({
      allow: ['10.0.0.0/8', '10.0.0.0/33'],
      deny: ['nonsense'],
      tenants: { 'a/b~c': { deny: ['::1', '::/200'] }, d: { allow: ['1.2.3'] } },
    })
    const problems = ipRestriction.check?.(config) ?? []
    assert.deepEqual(
      problems.map((problem) => problem.pointer),
      ['/allow/1', '/deny/0', '/tenants/a~1b~0c/deny/1', '/tenants/d/allow/0'],
    )
    for (const problem of problems) assert.match(problem.message, /is no IP address|prefix length/)
    assert.deepEqual(ipRestriction.check?.(parse({ allow: ['::1', '10.0.0.0/8'] })), [])
  })
})
