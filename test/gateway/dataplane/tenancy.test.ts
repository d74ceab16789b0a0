import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTenantDirectory } from '../../../gateway/dataplane/tenancy.ts'
import { createTenant } from '../../support/view.ts'
import { createSnapshot } from './snapshot.ts'

describe('tenant directory', () => {
  const acme = createTenant('acme')
  const globex = createTenant('globex', { hosts: ['api.globex.test', 'other.example.com'] })
  const directory = createTenantDirectory(
    createSnapshot({
      tenants: [acme, globex],
      tenancy: { baseDomains: ['example.com', 'eu.example.com'], unknownTenant: 404 },
    }),
  )
  const cases: [string, string | null, unknown][] = [
    ['acme.example.com', 'acme', acme],
    ['acme.eu.example.com', 'acme', acme],
    ['api.globex.test', 'globex', globex],
    ['other.example.com', 'globex', globex],
    ['nosuch.example.com', 'nosuch', null],
    ['example.com', null, undefined],
    ['a.acme.example.com', null, undefined],
    ['.example.com', null, undefined],
    ['acme.example.org', null, undefined],
    ['localhost', null, undefined],
    ['', null, undefined],
    ['constructor.example.com', 'constructor', null],
  ]
  for (const [host, id, tenant] of cases) {
    test(`reads ${host || 'no host'} as ${id ?? 'nobody'}`, () => {
      const named = directory.byHost(host)
      assert.equal(named?.id ?? null, id)
      if (named !== null) assert.equal(named.tenant, tenant)
    })
  }
  test('finds a tenant by id only if it is there', () => {
    assert.equal(directory.byId('acme'), acme)
    assert.equal(directory.byId('__proto__'), undefined)
  })
})
