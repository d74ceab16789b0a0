// Rules about a route, its upstreams, policy and rewrite: each row breaks a good config in one place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AcceptedRows,
  acceptRoutes,
  buildGood,
  goodFiles,
  type Rows,
  refuseRoutes,
  route,
} from './files.ts'

// What is done to routes.json, and the only problem that comes of it (pointer and part of the sentence).
const refused: Rows = [
  [
    'an unknown key',
    route({ upstrem: 'x' }),
    '/routes/1/upstrem',
    'Route "open": Unknown key "upstrem". Did you mean "upstream"? Allowed keys: id, hosts',
  ],
  [
    'a missing key',
    (r) => delete r.routes[1].paths,
    '/routes/1/paths',
    'Route "open": The key "paths" is missing',
  ],
  ['a missing list', (r) => delete r.routes, '/routes', 'The key "routes" is missing'],
  [
    'a route without an id',
    (r) => delete r.routes[1].id,
    '/routes/1/id',
    'Route number 2: The key "id" is missing',
  ],
  [
    'a wrong word',
    route({ auth: 'non' }),
    '/routes/1/auth',
    'Route "open": "auth" must be "required", "optional" or "none"; found "non". Did you mean "none"?',
  ],
  [
    'a wrong type',
    route({ methods: 'GET' }),
    '/routes/1/methods',
    'Route "open": "methods" must be a list; found "GET".',
  ],
  ['two routes with one id', route({ id: 'items' }), '/routes/1/id', 'Two routes have the id "items".'],
  ['an id that fits no URL', route({ id: 'a/b' }), '/routes/1/id', '"id" must be 1 to 128 letters'],
  [
    'an unknown upstream',
    route({ upstream: 'apii' }),
    '/routes/1/upstream',
    'Route "open": there is no upstream "apii". Did you mean "api"? Known upstreams: "api".',
  ],
  [
    'an unknown upstream of a mirror',
    route({ mirror: { upstream: 'shadow' } }),
    '/routes/1/mirror/upstream',
    'Route "open": there is no upstream "shadow".',
  ],
  [
    'an upstream named like a member of every object',
    route({ upstream: 'toString' }),
    '/routes/1/upstream',
    'there is no upstream "toString"',
  ],
  [
    'an unknown upstream of a split',
    route({
      upstream: [
        { name: 'api', weight: 1 },
        { name: 'b', weight: 1 },
      ],
    }),
    '/routes/1/upstream/1/name',
    'there is no upstream "b"',
  ],
  [
    'an upstream twice in a split',
    route({
      upstream: [
        { name: 'api', weight: 1 },
        { name: 'api', weight: 2 },
      ],
    }),
    '/routes/1/upstream/1/name',
    'given twice in the split',
  ],
  [
    'a weight of zero',
    route({ upstream: [{ name: 'api', weight: 0 }] }),
    '/routes/1/upstream/0/weight',
    '"weight" must be a whole number from 1 to 1000000; found 0.',
  ],
  [
    'an empty split',
    route({ upstream: [] }),
    '/routes/1/upstream',
    '"upstream" must hold at least one entry.',
  ],
  [
    'an upstream that is a number',
    route({ upstream: 3 }),
    '/routes/1/upstream',
    '"upstream" must be a string or a list; found 3.',
  ],

  [
    'a method in lower case',
    route({ methods: ['get'] }),
    '/routes/1/methods/0',
    '"get" is not a method in upper case',
  ],
  [
    'a method twice',
    route({ methods: ['GET', 'GET'] }),
    '/routes/1/methods/1',
    'the method GET is given twice',
  ],
  ['TRACE', route({ methods: ['TRACE'] }), '/routes/1/methods/0', 'always answers it with 405'],
  [
    'a bad header name',
    route({ headers: { 'a b': 'c' } }),
    '/routes/1/headers/a b',
    '"a b" is not a header name',
  ],
  [
    'a header twice in different case',
    route({ headers: { a: 'c', A: 'd' } }),
    '/routes/1/headers/A',
    'given twice, in different case',
  ],
  [
    'a header value with a line break',
    route({ headers: { a: 'c\r\nd' } }),
    '/routes/1/headers/a',
    'printable ASCII',
  ],

  [
    'roles without a caller',
    route({ roles: ['admin'] }),
    '/routes/1/roles',
    '"roles" needs a known caller, but "auth" is "none"',
  ],
  [
    'a permission without a caller',
    route({ permission: { resource: 'x' } }),
    '/routes/1/permission',
    '"permission" needs a known caller',
  ],
  [
    'a resource with a colon',
    route({ auth: 'optional', permission: { resource: 'a:b' } }),
    '/routes/1/permission/resource',
    'the resource must be a name',
  ],
  [
    'an unknown brace in an action',
    route({ auth: 'optional', permission: { resource: 'a', action: '{verb}' } }),
    '/routes/1/permission/action',
    'only "{method}" is known',
  ],

  [
    'stripPrefix and path together',
    route({ rewrite: { stripPrefix: '/open', path: '/x' } }),
    '/routes/1/rewrite',
    'both "stripPrefix" and "path"',
  ],
  [
    'a stripPrefix that is no prefix',
    route({ rewrite: { stripPrefix: '/api' } }),
    '/routes/1/rewrite/stripPrefix',
    'stripPrefix "/api" is not a prefix, by whole segments, of the path "/open"',
  ],
  [
    'a stripPrefix of half a segment',
    route({ rewrite: { stripPrefix: '/op' } }),
    '/routes/1/rewrite/stripPrefix',
    'not a prefix, by whole segments',
  ],
  [
    'a stripPrefix with a final slash',
    route({ rewrite: { stripPrefix: '/open/' } }),
    '/routes/1/rewrite/stripPrefix',
    'must not end in "/"',
  ],
  [
    'a stripPrefix with a name',
    route({ paths: ['/{a}/b'], rewrite: { stripPrefix: '/{a}' } }),
    '/routes/1/rewrite/stripPrefix',
    'must be literal',
  ],
  [
    'a stripPrefix that only one path has',
    route({ paths: ['/a/b', '/c'], rewrite: { stripPrefix: '/a' } }),
    '/routes/1/rewrite/stripPrefix',
    'of the path "/c"',
  ],
  [
    'a template name that a path lacks',
    route({ paths: ['/a/{id}', '/b'], rewrite: { path: '/x/{id}' } }),
    '/routes/1/rewrite/path',
    'rewrite.path "/x/{id}" uses {id}, but the path "/b" has no names',
  ],
  [
    'a rest that a path lacks',
    route({ rewrite: { path: '/x/*' } }),
    '/routes/1/rewrite/path',
    'the path "/open" has no "/*" to take the rest from',
  ],
  [
    'a template with a query',
    route({ rewrite: { path: '/x?y' } }),
    '/routes/1/rewrite/path',
    '"?" is not part of a path',
  ],
]

refuseRoutes(refused)

const accepted: AcceptedRows = [
  ['a custom method', route({ methods: ['PROPFIND', 'M-SEARCH'] })],
  ['a stripPrefix that is the whole path', route({ rewrite: { stripPrefix: '/open' } })],
  ['a stripPrefix before a rest', route({ paths: ['/api/*', '/api/x'], rewrite: { stripPrefix: '/api' } })],
  [
    'a template with names and a rest',
    route({ paths: ['/a/{x}/{y}/*', '/b/{y}/{x}/*'], rewrite: { path: '/{y}/{x}/{y}/*' } }),
  ],
  ['a template that drops the rest', route({ paths: ['/a/*'], rewrite: { path: '/x' } })],
]

acceptRoutes(accepted)

test('a snapshot has its defaults, absent options as null, and names in lower case', () => {
  const files = goodFiles()
  files.routes.tenancy.baseDomains = ['Example.COM']
  files.routes.tenants[0].hosts = ['API.Acme.Test']
  files.routes.routes[1] = {
    id: 'x',
    hosts: ['*.A.test'],
    headers: { 'X-Y': 'Z' },
    paths: ['/x/*'],
    upstream: 'api',
    auth: 'none',
    rewrite: { path: '/y' },
  }
  files.routes.upstreams.api = { targets: [{ url: 'HTTP://A.test:80/' }], health: { passive: {} } }
  const { tenancy, tenants, routes, upstreams } = buildGood(files)
  assert.deepEqual(tenancy, { baseDomains: ['example.com'], unknownTenant: 404 })
  assert.deepEqual(tenants[0], {
    id: 'acme',
    hosts: ['api.acme.test'],
    plan: 'pro',
    status: 'active',
    metadata: {},
  })
  assert.deepEqual(routes[1], {
    id: 'x',
    hosts: ['*.a.test'],
    paths: ['/x/*'],
    methods: [],
    headers: { 'x-y': 'Z' },
    upstream: [{ name: 'api', weight: 1 }],
    sticky: null,
    mirror: null,
    rewrite: { stripPrefix: null, path: '/y' },
    auth: 'none',
    roles: [],
    permission: null,
    longLived: { onExpiry: 'close', idleMs: 0, maxMs: 0 },
    encodedSlashes: 'refuse',
  })
  assert.deepEqual(routes[0]?.permission, { resource: 'items', action: '{method}' })
  assert.deepEqual(upstreams, {
    api: {
      name: 'api',
      targets: [{ url: 'http://a.test', weight: 1 }],
      discovery: null,
      balancer: 'round-robin',
      hashKey: 'tenant',
      hedge: null,
      slowStartMs: 0,
      health: { active: null, passive: { failures: 5, ejectMs: 30_000 } },
      retry: { attempts: 2, budgetPercent: 20, on: ['connect-failure', 'reset-before-response'] },
      breaker: { maxConnections: 1024, maxPending: 1024, maxPerTenant: 0, errorPercent: 0 },
      timeouts: { connectMs: 2000, headersMs: 30_000, bodyIdleMs: 60_000 },
      transport: 'http1',
      preserveHost: false,
      tls: null,
    },
  })
})
