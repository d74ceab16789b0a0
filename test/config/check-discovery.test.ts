import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Type from 'typebox'
import { definePlugin, type PluginDefinition } from '../../gateway/contract/plugin.ts'
import {
  acceptRoutes,
  buildGood,
  definitions,
  goodFiles,
  problemsOf,
  type Rows,
  refuseRoutes,
} from './files.ts'

const dns = { name: 'api.internal', port: 80 }

function upstream(over: object): Rows[number][1] {
  return (routes) => {
    routes.upstreams.api = over
  }
}

describe('discovered upstreams', () => {
  refuseRoutes([
    ['an upstream without any source', upstream({}), '/upstreams/api', 'none of them is given'],
    [
      'an upstream with two sources',
      upstream({ targets: [{ url: 'http://a.test' }], dns }),
      '/upstreams/api',
      '2 of them are given',
    ],
    [
      'Consul where gateway.json names none',
      upstream({ consul: { service: 'api' } }),
      '/upstreams/api/consul',
      'gateway.json names no Consul',
    ],
    [
      'braces that stand for nothing',
      upstream({ dns: { ...dns, name: '{user}.internal' } }),
      '/upstreams/api/dns/name',
      'only "{tenant}" is known',
    ],
    [
      'a name that is an address',
      upstream({ dns: { ...dns, name: '10.0.0.1' } }),
      '/upstreams/api/dns/name',
      'is an address',
    ],
    [
      'a name with a path',
      upstream({ dns: { ...dns, name: 'a/b' } }),
      '/upstreams/api/dns/name',
      'is not a DNS name',
    ],
    [
      'addresses without a port',
      upstream({ dns: { name: 'a.test' } }),
      '/upstreams/api/dns',
      '"port" is needed with A records',
    ],
    [
      'SRV records with a port',
      upstream({ dns: { ...dns, type: 'SRV' } }),
      '/upstreams/api/dns/port',
      'name the ports themselves',
    ],
    [
      'a resolver that is a name',
      upstream({ dns: { ...dns, resolvers: ['10.0.0.1', 'ns.test'] } }),
      '/upstreams/api/dns/resolvers/1',
      '"ns.test" is not an address',
    ],
    [
      'bounds that cross',
      upstream({ dns: { ...dns, minRefreshMs: 9000, maxRefreshMs: 5000 } }),
      '/upstreams/api/dns/minRefreshMs',
      'not be greater than maxRefreshMs',
    ],
    [
      'tenants of one name in two cases, who would share endpoints',
      (routes) => {
        routes.tenancy = {}
        routes.tenants = [{ id: 'acme' }, { id: 'ACME' }]
        routes.upstreams.unused = { dns: { ...dns, name: '{tenant}.internal' } }
      },
      '/tenants/1/id',
      'differ in case only',
    ],
  ])
  acceptRoutes([
    ['a name of a SRV record', upstream({ dns: { name: '_http._tcp.api.internal', type: 'SRV' } })],
    [
      'resolvers with ports',
      upstream({ dns: { ...dns, resolvers: ['10.0.0.1:53', '[fd00::1]:53', 'fd00::1'] } }),
    ],
    [
      'tenants that differ in case where no upstream is per tenant',
      (routes) => {
        routes.tenancy = {}
        routes.tenants = [{ id: 'acme' }, { id: 'ACME' }]
      },
    ],
  ])

  test('are told apart by their source, with what was left out filled in', () => {
    const files = goodFiles()
    files.gateway.consul = { url: 'http://127.0.0.1:8500/' }
    files.routes.upstreams.own = { consul: { service: 'api-service-{tenant}', tag: 'v1' } }
    files.routes.upstreams.named = { dns }
    const { gateway, upstreams } = buildGood(files)
    assert.deepEqual(gateway.consul, { url: 'http://127.0.0.1:8500', token: '' })
    assert.deepEqual(upstreams.own?.discovery, {
      kind: 'consul',
      service: 'api-service-{tenant}',
      tags: ['v1'],
      datacenter: null,
      scheme: 'http',
      passingOnly: true,
      stale: true,
      onEmpty: 'keep',
    })
    assert.deepEqual(upstreams.own?.targets, [])
    assert.deepEqual(upstreams.named?.discovery, {
      kind: 'dns',
      ...dns,
      type: 'A',
      scheme: 'http',
      resolvers: [],
      timeoutMs: 2000,
      minRefreshMs: 1000,
      maxRefreshMs: 30_000,
      onEmpty: 'keep',
    })
    assert.equal(upstreams.api?.discovery, null)
  })
})

describe('a route to an upstream of which each tenant has its own part', () => {
  const withTenants = (upstream: unknown) => {
    const files = goodFiles()
    files.routes.upstreams.own = { dns: { ...dns, name: '{tenant}.internal' } }
    files.routes.routes[1].upstream = upstream
    return files
  }
  for (const upstream of [
    'own',
    [
      { name: 'api', weight: 1 },
      { name: 'own', weight: 1 },
    ],
  ]) {
    test(`is refused where no plugin says whose its requests are: ${JSON.stringify(upstream)}`, () => {
      const problems = problemsOf(withTenants(upstream))
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(
        problems[0] ?? '',
        /^routes\.json#\/routes\/1\/upstream Route "open": its upstream is another one for every tenant/,
      )
    })
  }

  test('is accepted where one does, for that route', () => {
    const tenant = definePlugin({
      name: 'tenant',
      schema: Type.Object({}, { additionalProperties: false }),
      provides: ['tenant'],
      onFailure: 'deny',
      create: () => ({}),
    })
    const over = { definitions: new Map([...definitions, ['tenant', tenant as PluginDefinition]]) }
    const files = withTenants('own')
    files.plugins.plugins.push({ id: 'tenant', plugin: 'tenant', scope: { routes: ['items'] } })
    assert.match(problemsOf(files, over).join(), /Enable "tenant" for it/)
    files.plugins.plugins[3].scope = { routes: ['open'] }
    assert.deepEqual(problemsOf(files, over), [])
  })
})

describe('Consul in gateway.json', () => {
  test('CONSUL_URL stands in for it, and wins over it', () => {
    const overrides = { consulUrl: 'http://10.0.0.9:8500' }
    const files = goodFiles()
    files.gateway.configSource = { consulKv: 'aegis/config' }
    files.routes.upstreams.own = { consul: { service: 'api' } }
    assert.equal(buildGood(files, { overrides }).gateway.consul?.url, overrides.consulUrl)
    files.gateway.consul = { url: 'http://127.0.0.1:1', token: 't' }
    assert.deepEqual(buildGood(files, { overrides }).gateway.consul, { url: overrides.consulUrl, token: 't' })
  })

  const refused: readonly (readonly [string, object, string])[] = [
    [
      'an empty url is none',
      { consul: { url: '' }, configSource: { consulKv: 'a' } },
      'gateway.json#/configSource ',
    ],
    [
      'a path in its url',
      { consul: { url: 'http://127.0.0.1:8500/v1' } },
      'gateway.json#/consul/url Consul: the url must be an origin only',
    ],
    [
      'a token that no header can hold',
      { consul: { url: 'http://a:1', token: 'a\nb' } },
      'gateway.json#/consul/token ',
    ],
    [
      'a key that ends in a slash',
      { consul: { url: 'http://a:1' }, configSource: { consulKv: 'a/' } },
      'gateway.json#/configSource/consulKv ',
    ],
  ]
  for (const [title, over, sentence] of refused) {
    test(`refuses: ${title}`, () => {
      const files = goodFiles()
      Object.assign(files.gateway, over)
      const problems = problemsOf(files)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.ok(problems[0]?.startsWith(sentence) === true, problems.join())
    })
  }
})
