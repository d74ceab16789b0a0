// Rules about routes, tenants and upstreams: each row breaks a good config in one place and names the one sentence.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildGood, goodFiles, type MutableFiles, problemsOf } from './files.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows write wrong configs
type Routes = any

const route = (over: object) => (routes: Routes) => Object.assign(routes.routes[1], over)
const paths = (...list: string[]) => route({ paths: list })

/** What is done to routes.json, and the only problem that comes of it (pointer and part of the sentence). */
const refused: [title: string, change: (routes: Routes) => void, pointer: string, sentence: string][] = [
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

  ['no path', route({ paths: [] }), '/routes/1/paths', '"paths" must hold at least one entry.'],
  [
    'a path without a slash',
    paths('open'),
    '/routes/1/paths/0',
    'Route "open": the path "open" cannot be used: it must start with "/".',
  ],
  ['a double slash', paths('/a//b'), '/routes/1/paths/0', 'it must not hold "//"'],
  ['a dot segment', paths('/a/../b'), '/routes/1/paths/0', 'dot segments'],
  ['a query', paths('/a?b=c'), '/routes/1/paths/0', '"?" is not part of a path'],
  ['a fragment', paths('/a#b'), '/routes/1/paths/0', '"#" is not part of a path'],
  ['a star within a path', paths('/a/*/b'), '/routes/1/paths/0', '"*" can only be its last segment'],
  ['a star within a segment', paths('/a*'), '/routes/1/paths/0', '"*" can only be its whole last segment'],
  ['a name within a segment', paths('/a-{b}'), '/routes/1/paths/0', '"{name}" must be a whole segment'],
  ['a name that is none', paths('/{a-b}'), '/routes/1/paths/0', '"{a-b}" is not a segment'],
  ['an empty name', paths('/{}'), '/routes/1/paths/0', '"{}" is not a segment'],
  ['a name twice', paths('/{a}/{a}'), '/routes/1/paths/0', 'the name "{a}" is used twice'],
  ['a percent-encoded letter', paths('/%61'), '/routes/1/paths/0', '"%61" must be written as "a"'],
  ['a lower-case escape', paths('/%e2'), '/routes/1/paths/0', '"%e2" must be in upper case: "%E2"'],
  ['a broken escape', paths('/%zz'), '/routes/1/paths/0', 'two hexadecimal digits'],
  ['an encoded slash', paths('/a%2Fb'), '/routes/1/paths/0', '"%2F" is refused in every request'],
  ['a space', paths('/a b'), '/routes/1/paths/0', 'the character " " must be percent-encoded'],
  ['a letter outside ASCII', paths('/é'), '/routes/1/paths/0', 'must be percent-encoded'],
  ['a backslash', paths('/a\\b'), '/routes/1/paths/0', 'must be percent-encoded'],

  [
    'a host with a port',
    route({ hosts: ['a.test:80'] }),
    '/routes/1/hosts/0',
    'the host "a.test:80" cannot be used: give the host without a port.',
  ],
  [
    'a host with a scheme',
    route({ hosts: ['http://a.test'] }),
    '/routes/1/hosts/0',
    'without scheme or path',
  ],
  [
    'a star inside a host',
    route({ hosts: ['a.*.test'] }),
    '/routes/1/hosts/0',
    '"*" can only be the whole first label',
  ],
  ['two stars', route({ hosts: ['*.*.test'] }), '/routes/1/hosts/0', '"*" can only be the whole first label'],
  ['a star alone', route({ hosts: ['*'] }), '/routes/1/hosts/0', '"*" can only be the whole first label'],
  [
    'subdomains of an address',
    route({ hosts: ['*.127.0.0.1'] }),
    '/routes/1/hosts/0',
    'an address has no subdomains',
  ],
  ['a final dot', route({ hosts: ['a.test.'] }), '/routes/1/hosts/0', 'leave out the final dot'],
  ['an empty label', route({ hosts: ['a..test'] }), '/routes/1/hosts/0', '"" is not a label'],
  ['a host outside ASCII', route({ hosts: ['é.test'] }), '/routes/1/hosts/0', '"xn--" form'],
  ['a bare IPv6 address', route({ hosts: ['::1'] }), '/routes/1/hosts/0', 'must stand in brackets'],
  [
    'a host twice',
    route({ hosts: ['a.test', 'A.test'] }),
    '/routes/1/hosts/1',
    'the host "A.test" is given twice',
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

  [
    'the same path twice',
    paths('/a/{x}', '/a/{y}'),
    '/routes/1/paths/1',
    'matches the same requests as an earlier path of it',
  ],
  [
    'a twin',
    route({ paths: ['/items/*'] }),
    '/routes/1/paths/0',
    'Routes "items" and "open" match the same requests at "/items/*"',
  ],
  [
    'a twin with other names',
    (r) => {
      r.routes[0].paths = ['/a/{x}/b']
      r.routes[1].paths = ['/a/{y}/b']
    },
    '/routes/1/paths/0',
    'Routes "items" and "open" match the same requests at "/a/{y}/b"',
  ],
  [
    'a twin on one host of several',
    (r) => {
      Object.assign(r.routes[0], { hosts: ['a.test', 'b.test'], paths: ['/x'] })
      Object.assign(r.routes[1], { hosts: ['c.test', 'B.TEST'], paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],
  [
    'a twin in one method of several',
    (r) => {
      Object.assign(r.routes[0], { methods: ['GET', 'POST'], paths: ['/x'] })
      Object.assign(r.routes[1], { methods: ['PUT', 'POST'], paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],
  [
    'a twin with the same headers in other order and case',
    (r) => {
      Object.assign(r.routes[0], { headers: { a: '1', b: '2' }, paths: ['/x'] })
      Object.assign(r.routes[1], { headers: { B: '2', A: '1' }, paths: ['/x'] })
    },
    '/routes/1/paths/0',
    'neither is more specific',
  ],

  [
    'two tenants with one id',
    (r) => {
      r.tenants[1].id = 'acme'
    },
    '/tenants/1/id',
    'Two tenants have the id "acme".',
  ],
  [
    'a tenant id that is no label',
    (r) => {
      r.tenants[1].id = 'Glo_bex'
    },
    '/tenants/1/id',
    'Tenant "Glo_bex": with base domains, the id is a subdomain',
  ],
  [
    'a host of two tenants',
    (r) => {
      r.tenants[1].hosts = ['API.acme.test']
    },
    '/tenants/1/hosts/0',
    'Tenant "globex": the host "api.acme.test" already belongs to the tenant "acme".',
  ],
  [
    'a tenant host twice',
    (r) => {
      r.tenants[1].hosts = ['a.test', 'a.test']
    },
    '/tenants/1/hosts/1',
    'the host "a.test" is given twice',
  ],
  [
    "another tenant's subdomain",
    (r) => {
      r.tenants[1].hosts = ['acme.example.com']
    },
    '/tenants/1/hosts/0',
    'is below the base domain "example.com", where only "globex.example.com"',
  ],
  [
    'a deep subdomain of a base domain',
    (r) => {
      r.tenants[1].hosts = ['x.globex.example.com']
    },
    '/tenants/1/hosts/0',
    'is below the base domain "example.com"',
  ],
  [
    'a wildcard as tenant host',
    (r) => {
      r.tenants[1].hosts = ['*.a.test']
    },
    '/tenants/1/hosts/0',
    '"*" is not allowed here',
  ],
  [
    'an unknown plan',
    (r) => {
      r.tenants[1].plan = 'fre'
    },
    '/tenants/1/plan',
    'Tenant "globex": there is no plan "fre". Did you mean "free"? Known plans: free, pro.',
  ],
  [
    'an unknown status',
    (r) => {
      r.tenants[1].status = 'gone'
    },
    '/tenants/1/status',
    'Tenant "globex": "status" must be "active" or "suspended"; found "gone".',
  ],
  [
    'a base domain twice',
    (r) => {
      r.tenancy.baseDomains = ['example.com', 'EXAMPLE.com']
    },
    '/tenancy/baseDomains/1',
    'Base domain "EXAMPLE.com" is given twice.',
  ],
  [
    'a base domain with a star',
    (r) => {
      r.tenancy.baseDomains = ['*.example.com']
    },
    '/tenancy/baseDomains/0',
    'Base domain "*.example.com": "*" is not allowed here.',
  ],
  [
    'an unknown status for unknown tenants',
    (r) => {
      r.tenancy.unknownTenant = 200
    },
    '/tenancy/unknownTenant',
    '"unknownTenant" must be 404, 403 or 400; found 200.',
  ],

  [
    'a target with a path',
    (r) => {
      r.upstreams.api.targets[0].url = 'http://a:1/b'
    },
    '/upstreams/api/targets/0/url',
    'Upstream "api": the target must be an origin only (http://a:1)',
  ],
  [
    'a target with a query',
    (r) => {
      r.upstreams.api.targets[0].url = 'http://a:1?b'
    },
    '/upstreams/api/targets/0/url',
    'an origin only',
  ],
  [
    'a target with a password',
    (r) => {
      r.upstreams.api.targets[0].url = 'http://u:hunter2@a:1'
    },
    '/upstreams/api/targets/0/url',
    'the target must not hold a user name or password.',
  ],
  [
    'a target of another scheme',
    (r) => {
      r.upstreams.api.targets[0].url = 'ftp://a'
    },
    '/upstreams/api/targets/0/url',
    'the target must be an origin such as',
  ],
  [
    'a target without a scheme',
    (r) => {
      r.upstreams.api.targets[0].url = 'a:4000'
    },
    '/upstreams/api/targets/0/url',
    'the target must be an origin such as',
  ],
  [
    'a target twice',
    (r) => {
      r.upstreams.api.targets.push({ url: 'http://127.0.0.1:4000/' })
    },
    '/upstreams/api/targets/1/url',
    'the target http://127.0.0.1:4000 is given twice',
  ],
  [
    'no targets',
    (r) => {
      r.upstreams.api.targets = []
    },
    '/upstreams/api/targets',
    'Upstream "api": "targets" must hold at least one entry.',
  ],
  [
    'a target weight below one',
    (r) => {
      r.upstreams.api.targets[0].weight = -1
    },
    '/upstreams/api/targets/0/weight',
    'a whole number from 1 to 1000000; found -1',
  ],
  [
    'an upstream name that fits no label',
    (r) => {
      r.upstreams['a b\n'] = r.upstreams.api
    },
    '/upstreams/a b\n',
    'The upstream name "a b\\n" must be 1 to 128 letters',
  ],
  [
    'a plan name that fits no label',
    (r) => {
      r.plans['a/b'] = {}
    },
    '/plans/a~1b',
    'The plan name "a/b" must be',
  ],
  [
    'a balancer of a later version',
    (r) => {
      r.upstreams.api.balancer = 'ewma'
    },
    '/upstreams/api/balancer',
    '"balancer" must be "round-robin" or "least-request"; found "ewma".',
  ],
  [
    'a health check path without a slash',
    (r) => {
      r.upstreams.api.health = { active: { path: 'x' } }
    },
    '/upstreams/api/health/active/path',
    'must be a path that starts with "/"',
  ],
  [
    'a key of a later version',
    (r) => {
      r.upstreams.api.consul = {}
    },
    '/upstreams/api/consul',
    'Upstream "api": Unknown key "consul". Allowed keys: targets, balancer, health',
  ],
  [
    'a key that could change prototypes',
    (r) => {
      r.tenants[0].metadata = JSON.parse('{"x": {"__proto__": {"admin": true}}}')
    },
    '/tenants/0/metadata/x/__proto__',
    'The key "__proto__" is refused',
  ],
  [
    'an upstream called constructor',
    (r) => {
      r.upstreams.constructor = r.upstreams.api
    },
    '/upstreams/constructor',
    'The key "constructor" is refused',
  ],
]

for (const [title, change, pointer, sentence] of refused) {
  test(`refuses ${title}`, () => {
    const files = goodFiles()
    change(files.routes)
    const problems = problemsOf(files)
    assert.equal(problems.length, 1, problems.join('\n'))
    const [problem = ''] = problems
    assert.ok(problem.startsWith(`routes.json#${pointer} `), problem)
    assert.ok(problem.includes(sentence), problem)
    assert.ok(!problem.includes('hunter2'), problem)
  })
}

const accepted: [title: string, change: (routes: Routes) => void][] = [
  [
    'methods given beside methods not given',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].methods = ['GET']
    },
  ],
  [
    'different methods at one path',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].methods = ['GET']
      r.routes[1].methods = ['POST']
    },
  ],
  [
    'headers given beside headers not given',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].headers = { a: 'b' }
    },
  ],
  [
    'different values of one header',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].headers = { a: 'b' }
      r.routes[1].headers = { a: 'c' }
    },
  ],
  ['a literal beside a name beside a rest', route({ paths: ['/a/b', '/a/{x}', '/a/*', '/*', '/'] })],
  [
    'an exact host beside a wildcard beside none',
    (r) => {
      r.routes[0].paths = ['/open']
      r.routes[0].hosts = ['*.a.test', 'b.a.test']
    },
  ],
  ['escapes of reserved characters, and sub-delimiters', paths("/caf%C3%A9/a%3Fb/!$&'()+,;=:@-._~/{_a1}/")],
  [
    'addresses and single labels as hosts',
    route({ hosts: ['127.0.0.1', '[::1]', 'localhost', 'my_service', '*.localhost'] }),
  ],
  ['a stripPrefix that is the whole path', route({ rewrite: { stripPrefix: '/open' } })],
  ['a stripPrefix before a rest', route({ paths: ['/api/*', '/api/x'], rewrite: { stripPrefix: '/api' } })],
  [
    'a template with names and a rest',
    route({ paths: ['/a/{x}/{y}/*', '/b/{y}/{x}/*'], rewrite: { path: '/{y}/{x}/{y}/*' } }),
  ],
  ['a template that drops the rest', route({ paths: ['/a/*'], rewrite: { path: '/x' } })],
  ['a custom method', route({ methods: ['PROPFIND', 'M-SEARCH'] })],
  [
    "a tenant's own subdomain as host",
    (r) => {
      r.tenants[1].hosts = ['globex.example.com']
    },
  ],
  [
    'any id where there are no base domains',
    (r) => {
      r.tenancy = {}
      r.tenants[1].id = 'Glo_bex.1'
    },
  ],
  [
    'the base domain itself as host',
    (r) => {
      r.tenants[1].hosts = ['example.com']
    },
  ],
]

for (const [title, change] of accepted) {
  test(`accepts ${title}`, () => {
    const files: MutableFiles = goodFiles()
    change(files.routes)
    assert.deepEqual(problemsOf(files), [])
  })
}

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
    rewrite: { stripPrefix: null, path: '/y' },
    auth: 'none',
    roles: [],
    permission: null,
  })
  assert.deepEqual(routes[0]?.permission, { resource: 'items', action: '{method}' })
  assert.deepEqual(upstreams, {
    api: {
      name: 'api',
      targets: [{ url: 'http://a.test', weight: 1 }],
      balancer: 'round-robin',
      health: { active: null, passive: { failures: 5, ejectMs: 30_000 } },
      retry: { attempts: 2, budgetPercent: 20, on: ['connect-failure', 'reset-before-response'] },
      breaker: { maxConnections: 1024, maxPending: 1024, errorPercent: 0 },
      timeouts: { connectMs: 2000, headersMs: 30_000, bodyIdleMs: 60_000 },
      preserveHost: false,
    },
  })
})
