import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Reply } from '../../../gateway/contract/reply.ts'
import rbac from '../../../plugins/rbac/index.ts'
import { createRoute, createTenant, createView } from '../../support/view.ts'
import { type Caller, createIdentity, createRequest, createStage, parseConfig } from './setup.ts'

const roles = {
  member: { permissions: ['items:read'] },
  manager: { inherits: ['member'], permissions: ['items:*'] },
  auditor: { permissions: ['*:read'] },
  owner: { inherits: ['manager', 'auditor'] },
  root: { permissions: ['*'] },
}
/** Nothing but roles and token decide. */
const alone = { roles, subrequest: { enabled: false } }

function statusWith(config: Record<string, unknown>, caller: Caller) {
  return createStage(config).status(createRequest(caller))
}

describe('a route that asks for nothing', () => {
  test('is passed, with or without identity', () => {
    const { plugin } = createStage()
    assert.equal(plugin.onRequest?.(createView()), undefined)
    assert.equal(plugin.onRequest?.(createView({ identity: createIdentity() })), undefined)
  })
})

describe('a route that asks for somebody', () => {
  for (const auth of ['required', 'optional', 'none'] as const) {
    test(`answers 401 to nobody, with auth ${auth}`, () => {
      for (const over of [{ roles: ['member'] }, { permission: { resource: 'items', action: 'read' } }]) {
        const { plugin, asked } = createStage({ roles, onUnavailable: 'allow' })
        const verdict = plugin.onRequest?.(createView({ route: createRoute({ auth, ...over }) })) as Reply
        assert.equal(verdict.status, 401)
        assert.deepEqual(verdict.headers, ['www-authenticate', 'Bearer'])
        assert.equal(asked.length, 0)
      }
    })
  }

  test('refuses a token of another tenant', () => {
    const { plugin, asked } = createStage(alone)
    const identity = createIdentity({ tenantId: 'beta', roles: ['root'], permissions: ['*'] })
    const route = createRoute({ permission: { resource: 'items', action: 'read' } })
    for (const place of [{ tenant: createTenant('acme') }, { hostTenant: createTenant('acme') }]) {
      const verdict = plugin.onRequest?.(createView({ identity, route, ...place })) as Reply
      assert.equal(verdict.code, 'AEGIS_TENANT_MISMATCH')
      assert.equal(verdict.status, 403)
    }
    assert.equal(asked.length, 0)
    assert.equal(plugin.onRequest?.(createView({ identity, route, tenant: createTenant('beta') })), undefined)
  })
})

describe('roles of a route', () => {
  const cases: [string[], string[], number][] = [
    [['member'], ['member'], 200],
    [['member'], ['other', 'member'], 200],
    [['member', 'admin'], ['admin'], 200],
    [['member'], [], 403],
    [['member'], ['Member'], 403],
    [['member'], ['guest'], 403],
    [['member'], ['manager'], 200],
    [['member'], ['owner'], 200],
    [['manager'], ['member'], 403],
    [['power_user', 'admin'], ['power_user'], 200],
    [['toString'], ['constructor'], 403],
    [['__proto__'], ['constructor'], 403],
  ]
  for (const [wanted, held, status] of cases) {
    test(`${wanted} with token roles [${held}] is ${status}`, () => {
      const { plugin } = createStage(alone)
      const view = createView({
        identity: createIdentity({ roles: held }),
        route: createRoute({ roles: wanted }),
      })
      const verdict = plugin.onRequest?.(view) as Reply | undefined
      assert.equal(verdict?.status ?? 200, status)
      if (verdict !== undefined) assert.equal(verdict.code, 'AEGIS_ROLE_REQUIRED')
    })
  }

  test('are asked for before and beside the permission', () => {
    const { plugin, asked } = createStage(alone)
    const route = createRoute({ roles: ['admin'], permission: { resource: 'items', action: 'read' } })
    const ask = (held: string[]) => {
      const verdict = plugin.onRequest?.(createView({ route, identity: createIdentity({ roles: held }) }))
      return (verdict as Reply | undefined)?.code
    }
    assert.equal(ask(['member']), 'AEGIS_ROLE_REQUIRED')
    assert.equal(ask(['admin']), 'AEGIS_PERMISSION_DENIED')
    assert.equal(ask(['admin', 'member']), undefined)
    assert.equal(asked.length, 0)
  })
})

describe('a permission', () => {
  const cases: [string, Caller, number][] = [
    ['is granted by a role', { roles: ['member'] }, 200],
    ['is granted by an inherited role', { roles: ['owner'], action: 'read' }, 200],
    ['is granted by a wildcard of actions', { roles: ['manager'], action: 'export' }, 200],
    ['is granted by a wildcard of resources', { roles: ['auditor'], resource: 'orders' }, 200],
    ['is granted by the star', { roles: ['root'], resource: 'x:y', action: 'z' }, 200],
    ['is not granted for another action', { roles: ['member'], method: 'POST' }, 403],
    ['is not granted for another resource', { roles: ['manager'], resource: 'orders' }, 403],
    ['is not granted for a resource that starts alike', { roles: ['manager'], resource: 'items2' }, 403],
    ['is not granted for a resource that ends alike', { roles: ['manager'], resource: 'my-items' }, 403],
    ['is not granted for an action that starts alike', { roles: ['member'], action: 'readall' }, 403],
    ['is not granted without a role', {}, 403],
    ['is not granted by a role that nobody defined', { roles: ['constructor', 'admin'] }, 403],
    ['is granted by the token', { permissions: ['orders:read', 'items:read'] }, 200],
    ['is granted by a wildcard in the token', { permissions: ['*:read'] }, 200],
    ['is not granted by another one in the token', { permissions: ['items:create', 'orders:*'] }, 403],
  ]
  for (const [title, caller, status] of cases) {
    test(title, () => assert.equal(statusWith(alone, caller), status))
  }

  test('is not granted by the token when its permissions are not trusted', () => {
    const config = { ...alone, trustTokenPermissions: false }
    assert.equal(statusWith(config, { permissions: ['*', 'items:read'] }), 403)
    assert.equal(statusWith(config, { roles: ['member'] }), 200)
  })

  test('is not granted by malformed strings', () => {
    const malformed = [
      '',
      ':',
      'items',
      'items:',
      ':read',
      ':*',
      '*:',
      '**',
      'item*:read',
      'items:re*',
      '*tems:read',
      'items:*ead',
      'items:read ',
      'items::read',
      'x:items:read',
    ]
    assert.equal(statusWith(alone, { permissions: malformed }), 403)
  })

  test('without a name is granted by the star only', () => {
    const permissions = [':', ':read', 'items:']
    assert.equal(statusWith(alone, { permissions, resource: '' }), 403)
    assert.equal(statusWith(alone, { permissions, action: '' }), 403)
  })

  test('separates resource and action in one way only', () => {
    const permissions = ['a:b:c']
    assert.equal(statusWith(alone, { permissions, resource: 'a:b', action: 'c' }), 200)
    assert.equal(statusWith(alone, { permissions, resource: 'a', action: 'b:c' }), 403)
  })

  const methods: [string, string][] = [
    ['GET', 'read'],
    ['HEAD', 'read'],
    ['OPTIONS', 'read'],
    ['POST', 'create'],
    ['PUT', 'update'],
    ['PATCH', 'update'],
    ['DELETE', 'delete'],
    ['PROPFIND', 'propfind'],
  ]
  for (const [method, action] of methods) {
    test(`is ${action} for ${method} by default`, () => {
      for (const other of new Set(methods.map(([, name]) => name))) {
        const expected = other === action ? 200 : 403
        assert.equal(statusWith(alone, { method, permissions: [`items:${other}`] }), expected)
        assert.equal(
          statusWith(alone, { method, action: 'bulk-{method}', permissions: [`items:bulk-${other}`] }),
          expected,
        )
      }
    })
  }
})

describe('roles of a tenant', () => {
  const config = {
    ...alone,
    tenants: {
      acme: { roles: { member: { permissions: ['orders:read'] }, clerk: { inherits: ['member'] } } },
      beta: { roles: {} },
    },
  }
  const cases: [Caller, number][] = [
    [{ tenant: 'acme', roles: ['member'] }, 403],
    [{ tenant: 'acme', roles: ['member'], resource: 'orders' }, 200],
    [{ tenant: 'acme', roles: ['clerk'], resource: 'orders' }, 200],
    [{ tenant: 'acme', roles: ['owner'], resource: 'orders', action: 'read' }, 200],
    [{ tenant: 'beta', roles: ['member'] }, 200],
    [{ tenant: 'beta', roles: ['member'], resource: 'orders' }, 403],
    [{ tenant: 'beta', roles: ['clerk'], resource: 'orders' }, 403],
    [{ tenant: 'other', roles: ['member'] }, 200],
    [{ tenant: null, roles: ['member'] }, 200],
    [{ tenant: 'constructor', roles: ['clerk'], resource: 'orders' }, 403],
  ]
  for (const [caller, status] of cases) {
    test(`replace and add to the general ones only there: ${JSON.stringify(caller)} is ${status}`, () => {
      assert.equal(statusWith(config, caller), status)
    })
  }
})

describe('decisions', () => {
  test('are counted by result', () => {
    const { status, ports } = createStage(alone)
    status(createRequest({ roles: ['member'] }))
    status(createRequest())
    status(createRequest())
    status(createView({ route: createRoute({ roles: ['x'] }) }))
    assert.equal(ports.recorded.get('aegis_rbac_decisions_total{allow}'), 1)
    assert.equal(ports.recorded.get('aegis_rbac_decisions_total{deny}'), 2)
    assert.equal(ports.recorded.get('aegis_rbac_decisions_total{unauthenticated}'), 1)
  })
})

describe('the config', () => {
  const problemsOf = (config: Record<string, unknown>) => rbac.check?.(parseConfig(config)) ?? []

  test('with a circle of inheritance is refused at every role in it', () => {
    const circle = {
      a: { inherits: ['b'] },
      b: { inherits: ['c'] },
      c: { inherits: ['a'] },
      d: { inherits: ['a'] },
    }
    const problems = problemsOf({ roles: circle })
    assert.deepEqual(
      problems.map((one) => one.pointer),
      ['/roles/a/inherits', '/roles/b/inherits', '/roles/c/inherits'],
    )
    assert.match(problems[0]?.message ?? '', /a -> b -> c -> a/)
    assert.equal(problemsOf({ roles: { self: { inherits: ['self'] } } }).length, 1)
  })

  test('with a circle that only a tenant closes is refused there', () => {
    const tenants = {
      acme: { roles: { member: { inherits: ['manager'] } } },
      beta: { roles: { x: { inherits: ['owner'] } } },
    }
    assert.deepEqual(
      problemsOf({ roles, tenants }).map((one) => one.pointer),
      ['/tenants/acme/roles/member/inherits'],
    )
  })

  test('that inherits a role nobody defined is refused', () => {
    const pointers = problemsOf({
      roles: { 'a/b': { inherits: ['member', 'toString'] }, member: {} },
      tenants: { 't~1': { roles: { x: { inherits: ['member', 'nobody'] } } } },
    }).map((one) => one.pointer)
    assert.deepEqual(pointers, ['/roles/a~1b/inherits/1', '/tenants/t~01/roles/x/inherits/1'])
  })

  test('with a malformed permission is refused', () => {
    for (const permission of [
      'items',
      'items:',
      ':read',
      'it*:read',
      'items:re*',
      '**',
      'items: read',
      ' ',
    ]) {
      const problems = problemsOf({ roles: { a: { permissions: ['ok:ok', permission] } } })
      assert.deepEqual(
        problems.map((one) => one.pointer),
        ['/roles/a/permissions/1'],
        permission,
      )
    }
  })

  test('without fault has no problems, defaults included', () => {
    assert.deepEqual(problemsOf({}), [])
    assert.deepEqual(problemsOf({ roles }), [])
  })

  test('does not hang on many roles that inherit from all before them', () => {
    const many: Record<string, { inherits: string[] }> = {}
    for (let i = 0; i < 60; i++) many[`r${i}`] = { inherits: Object.keys(many) }
    assert.deepEqual(problemsOf({ roles: many }), [])
    assert.equal(
      createStage({ roles: many }).status(
        createView({
          identity: createIdentity({ roles: ['r59'] }),
          route: createRoute({ roles: ['r0'] }),
        }),
      ),
      200,
    )
  })
})
