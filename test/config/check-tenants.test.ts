// Rules about tenants, plans and upstreams.
import { type AcceptedRows, acceptRoutes, type Rows, refuseRoutes } from './files.ts'

// What is done to routes.json, and the only problem that comes of it (pointer and part of the sentence).
const refused: Rows = [
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
    'a balancer that there is not',
    (r) => {
      r.upstreams.api.balancer = 'random'
    },
    '/upstreams/api/balancer',
    '"balancer" must be "round-robin", "least-request", "ewma" or "hash"; found "random".',
  ],
  [
    'a hash key of an unknown kind',
    (r) => {
      r.upstreams.api.hashKey = 'query:q'
    },
    '/upstreams/api/hashKey',
    'must be "tenant", "user", "ip", "header:name" or "cookie:name"',
  ],
  [
    'a split that is sticky by what a request need not have',
    (r) => {
      r.routes[0].sticky = 'ip'
    },
    '/routes/0/sticky',
    '"sticky" must be "tenant" or "user"',
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
      r.upstreams.api.kubernetes = {}
    },
    '/upstreams/api/kubernetes',
    'Upstream "api": Unknown key "kubernetes". Allowed keys: targets, consul, dns, balancer, hashKey, slowStartMs, health',
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

refuseRoutes(refused)

const accepted: AcceptedRows = [
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

acceptRoutes(accepted)
