// Whose request it is: sources, states, and places that do not agree.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Check, Default } from 'typebox/value'
import type { Identity } from '../../../gateway/contract/exchange.ts'
import type { Reply } from '../../../gateway/contract/reply.ts'
import type { Tenant } from '../../../gateway/contract/snapshot.ts'
import { tenant } from '../../../plugins/tenant/index.ts'
import { type TenantConfig, tenantSchema } from '../../../plugins/tenant/schema.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createTenant, createView, type TestView } from '../../support/view.ts'

const acme = createTenant('acme')
const globex = createTenant('globex')
const gone = createTenant('gone', { status: 'suspended' })
const tenants = [acme, globex, gone]

function user(tenantId: string | null): Identity {
  return {
    userId: 'u',
    tenantId,
    roles: [],
    permissions: [],
    claims: {},
    expiresAt: Number.POSITIVE_INFINITY,
  }
}

function send(
  written: Record<string, unknown>,
  over: Partial<TestView>,
): [number, string, string | undefined] {
  const config = Default(tenantSchema, structuredClone(written)) as TenantConfig
  assert.ok(Check(tenantSchema, config))
  const view = createView({ tenants, ...over })
  const verdict = tenant.create(config, createTestPorts()).onRequest?.(view) as Reply | undefined
  assert.ok(!(verdict instanceof Promise))
  return [verdict?.status ?? 200, verdict?.code ?? '', view.tenant?.id]
}

/** A request on the host of that tenant, as routing presents it. */
const on = (id: string): Partial<TestView> => ({
  hostTenantId: id,
  hostTenant: tenants.find((one) => one.id === id) ?? null,
})
const header = (id: string, peerTrusted = true): Partial<TestView> => ({
  peerTrusted,
  requestHeaders: { 'x-tenant-id': id },
})
const all = { sources: ['host', 'claim', { header: 'X-Tenant-Id' }] }

const passed = (id?: string) => [200, '', id]
const mismatch = [403, 'AEGIS_TENANT_MISMATCH', undefined]
const unknown = (status = 404) => [status, 'AEGIS_TENANT_UNKNOWN', undefined]
const suspended = [403, 'AEGIS_TENANT_SUSPENDED', undefined]

describe('the tenant', () => {
  const cases: [string, Record<string, unknown>, Partial<TestView>, unknown[]][] = [
    ['is that of the host', {}, on('acme'), passed('acme')],
    ['is that of the credential on a host of no tenant', {}, { identity: user('acme') }, passed('acme')],
    ['is that of host and credential alike', {}, { ...on('acme'), identity: user('acme') }, passed('acme')],
    [
      'is that of the host for a credential of none',
      {},
      { ...on('acme'), identity: user(null) },
      passed('acme'),
    ],
    ['is refused when host and credential differ', {}, { ...on('acme'), identity: user('globex') }, mismatch],
    ['is refused when they differ in case', {}, { ...on('acme'), identity: user('Acme') }, mismatch],
    [
      'is refused when they differ and only the host is a source',
      { sources: ['host'] },
      { ...on('acme'), identity: user('globex') },
      mismatch,
    ],
    [
      'is refused when they differ and only the claim is a source',
      { sources: ['claim'] },
      { ...on('acme'), identity: user('globex') },
      mismatch,
    ],
    [
      'is refused when they differ and tenants are not required',
      { required: false },
      { ...on('acme'), identity: user('globex') },
      mismatch,
    ],
    [
      'is refused when an unknown one of the credential meets a host',
      { sources: ['claim'], required: false },
      { ...on('acme'), identity: user('ghost') },
      mismatch,
    ],

    ['is unknown when nothing names one', {}, {}, unknown()],
    ['is unknown when the host spells one that is not listed', {}, on('nosuch'), unknown()],
    [
      'is unknown on such a host for every credential',
      {},
      { ...on('nosuch'), identity: user('acme') },
      unknown(),
    ],
    [
      'is unknown when the credential names one that is not listed',
      {},
      { identity: user('ghost') },
      unknown(),
    ],
    ['is unknown with the status of routes.json', {}, { unknownTenantStatus: 400 }, unknown(400)],
    [
      'is unknown with the status of its own config first',
      { unknownStatus: 403 },
      { unknownTenantStatus: 400 },
      unknown(403),
    ],
    ['may be missing when none is required', { required: false }, {}, passed()],
    [
      'may be unknown when none is required, and is not set then',
      { required: false },
      on('nosuch'),
      passed(),
    ],

    ['is refused when suspended, by host', {}, on('gone'), suspended],
    ['is refused when suspended, by claim', {}, { identity: user('gone') }, suspended],
    ['is refused when suspended, also when none is required', { required: false }, on('gone'), suspended],
    ['is refused when suspended, by header', all, header('gone'), suspended],

    ['is that of a header from a trusted peer', all, header('acme'), passed('acme')],
    ['is not that of a header from anybody else', all, header('acme', false), unknown()],
    ['is not that of a header that is no source', {}, header('acme'), unknown()],
    [
      'is not overruled by a header from anybody else',
      all,
      { ...on('acme'), ...header('globex', false) },
      passed('acme'),
    ],
    [
      'is refused when a trusted header differs from the host',
      all,
      { ...on('acme'), ...header('globex') },
      mismatch,
    ],
    [
      'is refused when a trusted header differs from the credential',
      all,
      { identity: user('acme'), ...header('globex') },
      mismatch,
    ],
    [
      'is refused when the header goes first and differs from the host',
      { sources: [{ header: 'x-tenant-id' }] },
      { ...on('acme'), ...header('globex') },
      mismatch,
    ],
    ['is not that of an empty header', all, { ...on('acme'), ...header(' ') }, passed('acme')],
    ['is none of two that a header lists', all, header('acme, globex'), unknown()],
    [
      'is refused when only a header names it for a credential of none',
      all,
      { ...header('acme'), identity: user(null) },
      mismatch,
    ],
    [
      'may be named by a header for a credential of none where allowed',
      { ...all, allowUnboundCredentials: true },
      { ...header('acme'), identity: user(null) },
      passed('acme'),
    ],

    [
      'is not looked for in a shared host',
      { sharedHosts: ['API.example.com'] },
      { ...on('api'), host: 'api.example.com', identity: user('acme') },
      passed('acme'),
    ],
    [
      'still guards a shared host that is a tenant',
      { sharedHosts: ['acme.example.com'] },
      { ...on('acme'), host: 'acme.example.com', identity: user('globex') },
      mismatch,
    ],
  ]
  for (const [name, config, over, expected] of cases) {
    it(name, () => assert.deepEqual(send(config, over), expected))
  }

  it('is not named in refusals', () => {
    const view = createView({ tenants, ...on('nosuch-secret') })
    const config = Default(tenantSchema, {}) as TenantConfig
    const verdict = tenant.create(config, createTestPorts()).onRequest?.(view)
    assert.doesNotMatch(JSON.stringify(verdict), /nosuch-secret/)
  })
})

describe('what a tenant opened', () => {
  function recheck(written: Record<string, unknown>, now: readonly Tenant[], over: Partial<TestView> = {}) {
    const config = Default(tenantSchema, structuredClone(written)) as TenantConfig
    const view = createView({ tenant: acme, tenants: [...now], ...over })
    const verdict = tenant.create(config, createTestPorts()).onRecheck?.(view) as Reply | undefined
    return [verdict?.status ?? 200, verdict?.code ?? '']
  }

  it('goes on while the tenant is active, and ends when it is suspended', () => {
    assert.deepEqual(recheck({}, [acme]), [200, ''])
    assert.deepEqual(recheck({}, [createTenant('acme', { status: 'suspended' })]), [
      403,
      'AEGIS_TENANT_SUSPENDED',
    ])
  })

  it('ends when the tenant is removed, unless requests need none', () => {
    assert.deepEqual(recheck({}, [globex]), [404, 'AEGIS_TENANT_UNKNOWN'])
    assert.deepEqual(recheck({ required: false }, [globex]), [200, ''])
  })

  it('is not looked at where no tenant opened it', () => {
    assert.deepEqual(recheck({}, [], { tenant: null }), [200, ''])
  })
})
