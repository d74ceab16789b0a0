// Rules about plugins.json: names, configs, scopes, order, and that routes get what they ask for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { createValidatorCache } from '../../config/validate.ts'
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import { build, buildGood, definitions, goodFiles, problemsOf } from './files.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows write wrong configs
type Any = any
const scoped = (scope: object) => (plugins: Any[]) => Object.assign(plugins[2], { scope })
const config = (value: unknown) => (plugins: Any[]) => Object.assign(plugins[2], { config: value })

/** What is done to the list of plugins (and to routes.json), and the only problem that comes of it. */
const refused: [
  title: string,
  change: (plugins: Any[], routes: Any) => void,
  pointer: string,
  sentence: string,
][] = [
  [
    'an unknown plugin',
    (p) => {
      p[2].plugin = 'limt'
    },
    '/plugins/2/plugin',
    'Plugin "limit": there is no plugin "limt". Did you mean "limit"? Known plugins: login, roles, limit;',
  ],
  [
    'a module that was not loaded',
    (p) => {
      p[2].plugin = './x.ts'
    },
    '/plugins/2/plugin',
    'the module "./x.ts" has not been loaded',
  ],
  [
    'two entries of one id',
    (p) => {
      p[2].id = 'login'
    },
    '/plugins/2/id',
    'Two entries have the id "login".',
  ],
  [
    'an unknown key',
    (p) => {
      p[2].enable = true
    },
    '/plugins/2/enable',
    'Plugin "limit": Unknown key "enable". Did you mean "enabled"? Allowed keys: id, plugin, enabled, scope, config.',
  ],
  [
    'an unknown key of a plugin',
    config({ limit: 1, lmit: 2 }),
    '/plugins/2/config/lmit',
    'Plugin "limit": Unknown key "lmit". Did you mean "limit"? Allowed keys: limit, windowMs, on, key, steps.',
  ],
  [
    'a missing key of a plugin',
    config({}),
    '/plugins/2/config/limit',
    'Plugin "limit": The key "limit" is missing',
  ],
  [
    'a wrong value of a plugin',
    config({ limit: 0 }),
    '/plugins/2/config/limit',
    'Plugin "limit": "limit" must be a whole number of at least 1; found 0.',
  ],
  [
    "what a plugin's own check refuses",
    config({ limit: 13 }),
    '/plugins/2/config/limit',
    'Plugin "limit": 13 brings bad luck.',
  ],
  [
    'a disabled entry with a wrong config',
    (p) => Object.assign(p[2], { enabled: false, config: { limit: 0 } }),
    '/plugins/2/config/limit',
    'of at least 1',
  ],
  [
    'a choice within a union',
    config({ limit: 1, steps: [{ kind: 'wat' }] }),
    '/plugins/2/config/steps/0/kind',
    '"kind" must be "wait" or "stop"; found "wat".',
  ],
  [
    'a key of the other branch of a union',
    config({ limit: 1, steps: [{ kind: 'wait', status: 1 }] }),
    '/plugins/2/config/steps/0/status',
    'Unknown key "status". Allowed keys: kind, ms.',
  ],
  ['a config that is a list', config([]), '/plugins/2/config', '"config" must be an object; found a list.'],
  [
    'a scope with an unknown route',
    scoped({ routes: ['items', 'opne'] }),
    '/plugins/2/scope/routes/1',
    'Plugin "limit": its scope names the route "opne", which does not exist. Did you mean "open"?',
  ],
  [
    'a scope with an unknown tenant',
    scoped({ tenants: ['acm'] }),
    '/plugins/2/scope/tenants/0',
    'the tenant "acm", which does not exist. Did you mean "acme"?',
  ],
  [
    'a scope with an unknown plan',
    scoped({ plans: ['gold'] }),
    '/plugins/2/scope/plans/0',
    'the plan "gold", which does not exist.',
  ],
  [
    'a scope with tenants and plans',
    scoped({ tenants: ['acme'], plans: ['pro'] }),
    '/plugins/2/scope',
    'its scope names tenants and plans. Name one of both',
  ],
  [
    'an order that is wrong on one route only',
    (p, r) => {
      r.routes[1].auth = 'optional'
      p[0].scope = { routes: ['items'] }
      p.push({ id: 'login-late', plugin: 'login', scope: { routes: ['open'] } })
    },
    '/plugins/1',
    'Plugin "roles" needs "identity", which plugin "login-late" provides: put "login-late" before it',
  ],
  [
    'a scope with a route twice',
    scoped({ routes: ['items', 'items'] }),
    '/plugins/2/scope/routes/1',
    'holds the same entry twice',
  ],
  [
    'two global instances',
    (p) => {
      p.push({ ...p[2], id: 'b' })
    },
    '/plugins/3',
    'Plugin "b" and plugin "limit" are both "limit" and equally specific',
  ],
  [
    'two instances for one route',
    (p) => {
      scoped({ routes: ['items', 'open'] })(p)
      p.push({ ...p[2], id: 'b', scope: { routes: ['open'] } })
    },
    '/plugins/3',
    'equally specific',
  ],
  [
    'two instances for one tenant and route',
    (p) => {
      scoped({ tenants: ['acme'], routes: ['open'] })(p)
      p.push({ ...p[2], id: 'b', scope: { tenants: ['globex', 'acme'], routes: ['items', 'open'] } })
    },
    '/plugins/3',
    'equally specific',
  ],

  [
    'a wrong order',
    (p) => {
      p.unshift(p.splice(1, 1)[0])
    },
    '/plugins/0',
    'Plugin "roles" needs "identity", which plugin "login" provides: put "login" before it in the list.',
  ],
  [
    'a need that nobody meets',
    (p, r) => {
      p[0].enabled = false
      r.routes[0].auth = 'optional'
    },
    '/plugins/1',
    'Plugin "roles" needs "identity", which no enabled plugin before it provides',
  ],
  [
    'a need that is met only elsewhere',
    (p, r) => {
      p[0].scope = { routes: ['open'] }
      p[1].scope = { routes: ['items'] }
      r.routes[0].auth = 'optional'
    },
    '/plugins/1',
    'needs "identity"',
  ],
]

for (const [title, change, pointer, sentence] of refused) {
  test(`refuses ${title}`, () => {
    const files = goodFiles()
    change(files.plugins.plugins, files.routes)
    const problems = problemsOf(files)
    assert.equal(problems.length, 1, problems.join('\n'))
    const [problem = ''] = problems
    assert.ok(problem.startsWith(`plugins.json#${pointer} `), problem)
    assert.ok(problem.includes(sentence), problem)
  })
}

const acceptedOrders: [title: string, late: object, first: object][] = [
  ['the first instance covers every route', { tenants: ['acme'] }, {}],
  [
    'the first instance covers the same route',
    { tenants: ['acme'], routes: ['items'] },
    { routes: ['items'] },
  ],
]
for (const [title, late, first] of acceptedOrders) {
  test(`accepts an instance after the plugin that needs its fact, where ${title}`, () => {
    const files = goodFiles()
    files.plugins.plugins[0].scope = first
    files.plugins.plugins.push({ id: 'login-late', plugin: 'login', scope: late })
    assert.deepEqual(problemsOf(files), [])
  })
}

const accepted: [title: string, change: (plugins: Any[], routes: Any) => void][] = [
  [
    'auth covered for just the routes that ask for it',
    (p) => {
      p[0].scope = { routes: ['items'] }
    },
  ],
  [
    'auth covered by instances that together list all routes',
    (p, r) => {
      r.routes[1].auth = 'required'
      p[0].scope = { routes: ['items'] }
      p.splice(1, 0, { id: 'login-2', plugin: 'login', scope: { routes: ['open'] } })
    },
  ],
  [
    'a narrower instance beside a global one',
    (p) => {
      p.push(
        { ...p[2], id: 'b', scope: { tenants: ['acme'] } },
        { ...p[2], id: 'c', scope: { tenants: ['acme'], routes: ['open'] } },
        { ...p[2], id: 'd', scope: { plans: ['pro'] } },
      )
    },
  ],
  [
    'instances for different routes',
    (p) => {
      scoped({ routes: ['items'] })(p)
      p.push({ ...p[2], id: 'b', scope: { routes: ['open'] } })
    },
  ],
  [
    'two instances of which one is disabled',
    (p) => {
      p.push({ ...p[2], id: 'b', enabled: false })
    },
  ],
  [
    'a disabled plugin in the wrong place',
    (p, r) => {
      p.unshift(p.splice(1, 1)[0])
      p[0].enabled = false
      delete r.routes[0].roles
      delete r.routes[0].permission
    },
  ],
]

for (const [title, change] of accepted) {
  test(`accepts ${title}`, () => {
    const files = goodFiles()
    change(files.plugins.plugins, files.routes)
    assert.deepEqual(problemsOf(files), [])
  })
}

test('disabled entries stay in the snapshot, in order, with their defaults', () => {
  const files = goodFiles()
  files.plugins.plugins[2].enabled = false
  const { plugins } = buildGood(files)
  assert.deepEqual(
    plugins.map((one) => [one.id, one.enabled]),
    [
      ['login', true],
      ['roles', true],
      ['limit', false],
    ],
  )
  assert.deepEqual(plugins[2]?.scope, { routes: [], tenants: [], plans: [] })
  assert.deepEqual(plugins[2]?.config, { limit: 5, windowMs: 1000, on: true, key: ['user'], steps: [] })
})

test('snapshots are frozen, and the defaults of a schema are not frozen with them', () => {
  const snapshot = buildGood(goodFiles())
  const key = snapshot.plugins[2]?.config.key as string[]
  assert.throws(() => key.push('x'), TypeError)
  assert.throws(() => Object.assign(snapshot.routes[0] as object, { auth: 'none' }), TypeError)
  const schema = definitions.get('limit')?.schema as unknown as { properties: { key: { default: object } } }
  assert.equal(Object.isFrozen(schema.properties.key.default), false)
  assert.deepEqual(structuredClone(snapshot), snapshot)
})

test('a plugin whose check throws, or whose schema cannot be compiled, is a problem and no crash', () => {
  const broken = (over: Partial<PluginDefinition>): ReadonlyMap<string, PluginDefinition> =>
    new Map([...definitions, ['limit', { ...(definitions.get('limit') as PluginDefinition), ...over }]])
  const throwing = broken({
    check: () => {
      throw new Error('oops')
    },
  })
  assert.match(
    problemsOf(goodFiles(), { definitions: throwing }).join('\n'),
    /plugins\/2\/config Plugin "limit": its config cannot be checked, because the plugin itself failed: oops/,
  )
  const uncompilable = broken({
    schema: { type: 'object', properties: { limit: { type: 'nonsense' } } } as never,
  })
  assert.match(problemsOf(goodFiles(), { definitions: uncompilable }).join('\n'), /the plugin itself failed/)
})

test('with one validator cache a schema is compiled once, however often the config is built', () => {
  let looks = 0
  const schema = Type.Object({ limit: Type.Integer() }, { additionalProperties: false })
  Object.defineProperty(schema.properties.limit, 'description', {
    enumerable: true,
    get: () => {
      looks += 1
      return 'counted'
    },
  })
  const limit = { ...(definitions.get('limit') as PluginDefinition), schema, check: () => [] }
  const withSpy = new Map([...definitions, ['limit', limit as PluginDefinition]])
  const context = { definitions: withSpy, validators: createValidatorCache() }
  assert.ok(build(goodFiles(), context).ok)
  const after = looks
  for (let i = 0; i < 5; i++) assert.ok(build(goodFiles(), context).ok)
  assert.equal(looks, after)
})
