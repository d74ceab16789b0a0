import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Value from 'typebox/value'
import type { Reply } from '../../../gateway/contract/reply.ts'
import cors from '../../../plugins/cors/index.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createTenant, createView, type TestView } from '../../support/view.ts'

function parse(config: Record<string, unknown>) {
  const full = Value.Default(cors.schema, structuredClone(config))
  assert.ok(Value.Check(cors.schema, full))
  return full
}

function problemsOf(config: Record<string, unknown>) {
  return (cors.check?.(parse(config)) ?? []).map((problem) => problem.pointer)
}

/** Both hooks over one view; a local reply's headers are put on the response as the core does. */
function run(config: Record<string, unknown>, view: TestView): Reply | undefined {
  const parsed = parse(config)
  assert.deepEqual(cors.check?.(parsed), [])
  const plugin = cors.create(parsed, createTestPorts())
  const verdict = plugin.onRequest?.(view) as Reply | undefined
  if (verdict !== undefined) {
    view.status = verdict.status
    for (let i = 0; i < verdict.headers.length; i += 2) {
      view.appendResponseHeader(verdict.headers[i] ?? '', verdict.headers[i + 1] ?? '')
    }
  }
  plugin.onResponse?.(view)
  return verdict
}

function headersOf(view: TestView): Record<string, string> {
  return Object.fromEntries(view.responseHeaders.map(([name, value]) => [name.toLowerCase(), value]))
}

function createPreflight(origin: string, over: Partial<TestView> = {}, more: Record<string, string> = {}) {
  const requestHeaders = { origin, 'access-control-request-method': 'PUT', ...more }
  return createView({ method: 'OPTIONS', requestHeaders, ...over })
}

const site = 'https://app.example.com'

describe('a preflight', () => {
  test('is answered with the defaults', () => {
    const view = createPreflight(site)
    const reply = run({}, view)
    assert.equal(reply?.status, 204)
    assert.equal(reply?.body, null)
    assert.deepEqual(headersOf(view), {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': 'Content-Type, Authorization',
      'access-control-max-age': '86400',
    })
  })

  test('of a listed origin names that origin, and caches are told', () => {
    const view = createPreflight(site)
    run(
      {
        origins: ['https://*.example.com'],
        credentials: true,
        methods: ['GET'],
        headers: ['X-A'],
        maxAgeSeconds: 5,
      },
      view,
    )
    assert.deepEqual(headersOf(view), {
      'access-control-allow-origin': site,
      'access-control-allow-methods': 'GET',
      'access-control-allow-headers': 'X-A',
      'access-control-max-age': '5',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
  })

  test('of an origin that is not listed is answered without permission', () => {
    for (const origin of ['https://evil.com', 'null', 'https://evil-example.com', '']) {
      const view = createPreflight(origin)
      const reply = run({ origins: [site, 'https://*.example.com'], credentials: true }, view)
      assert.equal(reply?.status, 204)
      assert.deepEqual(headersOf(view), { vary: 'Origin' }, origin)
    }
  })

  test('is an OPTIONS request with both headers; others go on', () => {
    const headers = { origin: site, 'access-control-request-method': 'PUT' }
    assert.equal(run({}, createView({ method: 'OPTIONS', requestHeaders: { origin: site } })), undefined)
    assert.equal(
      run({}, createView({ method: 'OPTIONS', requestHeaders: { 'access-control-request-method': 'PUT' } })),
      undefined,
    )
    assert.equal(run({}, createView({ method: 'GET', requestHeaders: headers })), undefined)
  })

  test('into a private network is allowed only when configured', () => {
    const asks = { 'access-control-request-private-network': 'true' }
    const name = 'access-control-allow-private-network'
    const refused = createPreflight(site, {}, asks)
    run({}, refused)
    assert.equal(headersOf(refused)[name], undefined)
    const allowed = createPreflight(site, {}, asks)
    run({ allowPrivateNetwork: true }, allowed)
    assert.equal(headersOf(allowed)[name], 'true')
    const unasked = createPreflight(site)
    run({ allowPrivateNetwork: true }, unasked)
    assert.equal(headersOf(unasked)[name], undefined)
  })
})

describe('a response', () => {
  test('carries only the gateway’s CORS headers, whatever the upstream said', () => {
    const upstream: [string, string][] = [
      ['Access-Control-Allow-Origin', 'https://evil.com'],
      ['access-control-allow-origin', '*'],
      ['ACCESS-CONTROL-ALLOW-CREDENTIALS', 'true'],
      ['Access-Control-Allow-Methods', 'TRACE'],
      ['Access-Control-Allow-Headers', '*'],
      ['Access-Control-Expose-Headers', 'set-cookie'],
      ['Access-Control-Max-Age', '1'],
      ['Access-Control-Allow-Private-Network', 'true'],
      ['Access-Control-Something-New', '1'],
      ['Content-Type', 'text/plain'],
    ]
    const all = createView({ requestHeaders: { origin: site }, responseHeaders: upstream.slice() })
    run({}, all)
    assert.deepEqual(headersOf(all), { 'content-type': 'text/plain', 'access-control-allow-origin': '*' })
    const refused = createView({
      requestHeaders: { origin: 'https://evil.com' },
      responseHeaders: upstream.slice(),
    })
    run({ origins: [site] }, refused)
    assert.deepEqual(headersOf(refused), { 'content-type': 'text/plain', vary: 'Origin' })
  })

  test('to a listed origin names it, with credentials and exposed headers', () => {
    const view = createView({ requestHeaders: { origin: site } })
    run({ origins: [site], credentials: true, exposeHeaders: ['X-Request-Id', 'ETag'] }, view)
    assert.deepEqual(headersOf(view), {
      'access-control-allow-origin': site,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Request-Id, ETag',
      vary: 'Origin',
    })
  })

  test('of the gateway’s own making carries them too', () => {
    const view = createView({ requestHeaders: { origin: site }, status: 401, responseSource: 'gateway' })
    run({ origins: [site] }, view)
    assert.equal(headersOf(view)['access-control-allow-origin'], site)
  })

  test('never reflects an origin that is not listed, and never with credentials', () => {
    for (const origin of ['https://evil.com', 'null', 'https://app.example.com.evil.com', `${site}/`]) {
      const view = createView({ requestHeaders: { origin } })
      run({ origins: [site], credentials: true }, view)
      assert.deepEqual(headersOf(view), { vary: 'Origin' }, origin)
    }
  })

  test('varies by Origin also when the request named none', () => {
    const view = createView()
    run({ origins: [site] }, view)
    assert.deepEqual(headersOf(view), { vary: 'Origin' })
  })

  test('adds Origin to the upstream’s Vary once', () => {
    const cases: [string[], string[]][] = [
      [['Accept-Encoding'], ['Accept-Encoding, Origin']],
      [['accept, ORIGIN'], ['accept, ORIGIN']],
      [['*'], ['*']],
      [['X-Origin'], ['X-Origin, Origin']],
      [
        ['Accept', 'Cookie'],
        ['Accept', 'Cookie', 'Origin'],
      ],
    ]
    for (const [sent, expected] of cases) {
      const responseHeaders = sent.map((value): [string, string] => ['Vary', value])
      const view = createView({ requestHeaders: { origin: site }, responseHeaders })
      run({ origins: [site] }, view)
      const vary = view.responseHeaders.filter(([name]) => name.toLowerCase() === 'vary')
      assert.deepEqual(
        vary.map(([, value]) => value),
        expected,
      )
    }
  })

  test('for everyone is the same for everyone', () => {
    const view = createView({ responseHeaders: [['Vary', 'Accept']] })
    run({}, view)
    assert.deepEqual(headersOf(view), { vary: 'Accept', 'access-control-allow-origin': '*' })
  })
})

describe('per tenant', () => {
  const config = {
    origins: [site],
    tenants: { acme: { origins: ['https://acme.test'], credentials: true }, open: { origins: ['*'] } },
  }
  const allowedFor = (view: TestView) => {
    run(config, view)
    return headersOf(view)['access-control-allow-origin']
  }

  test('the tenant’s origins replace the general ones', () => {
    const acme = createTenant('acme')
    const from = (origin: string, over: Partial<TestView>) =>
      createView({ requestHeaders: { origin }, ...over })
    assert.equal(allowedFor(from('https://acme.test', { hostTenant: acme })), 'https://acme.test')
    assert.equal(allowedFor(from(site, { hostTenant: acme })), undefined)
    assert.equal(allowedFor(from('https://acme.test', {})), undefined)
    assert.equal(allowedFor(from(site, { hostTenant: createTenant('other') })), site)
    assert.equal(allowedFor(from(site, { hostTenant: createTenant('constructor') })), site)
    assert.equal(allowedFor(from('https://x.test', { hostTenant: createTenant('open') })), '*')
  })

  test('the tenant fact comes before the Host’s tenant', () => {
    const view = createView({
      requestHeaders: { origin: 'https://acme.test' },
      tenant: createTenant('acme'),
      hostTenant: createTenant('open'),
    })
    assert.equal(allowedFor(view), 'https://acme.test')
  })

  test('a preflight goes by the Host’s tenant', () => {
    assert.equal(
      allowedFor(createPreflight('https://acme.test', { hostTenant: createTenant('acme') })),
      'https://acme.test',
    )
    assert.equal(allowedFor(createPreflight('https://acme.test')), undefined)
  })
})

describe('the config', () => {
  test('never joins credentials with a star or with null', () => {
    assert.deepEqual(problemsOf({ credentials: true }), ['/origins/0'])
    assert.deepEqual(problemsOf({ credentials: true, origins: [site, '*'] }), ['/origins/1'])
    assert.deepEqual(problemsOf({ credentials: true, origins: ['null'] }), ['/origins/0'])
    assert.deepEqual(problemsOf({ credentials: true, origins: [site], headers: ['*'] }), ['/headers/0'])
    assert.deepEqual(problemsOf({ credentials: true, origins: [site] }), [])
    const tenants = { a: { credentials: true }, 'b/c': { origins: ['*'] } }
    assert.deepEqual(problemsOf({ tenants }), ['/tenants/a/credentials'])
    assert.deepEqual(
      problemsOf({ origins: [site], credentials: true, tenants: { 'b/c': { origins: ['*'] } } }),
      ['/tenants/b~1c/origins/0'],
    )
  })

  test('says where a bad origin is', () => {
    assert.deepEqual(problemsOf({ origins: [site, 'x'], tenants: { a: { origins: ['https://*.com'] } } }), [
      '/origins/1',
      '/tenants/a/origins/0',
    ])
  })

  test('refuses header names that could split a header', () => {
    for (const bad of [
      { headers: ['a\r\nb'] },
      { exposeHeaders: ['a,b'] },
      { methods: ['GET POST'] },
      { unknown: 1 },
    ]) {
      assert.equal(Value.Check(cors.schema, Value.Default(cors.schema, structuredClone(bad))), false)
    }
  })
})

test('refuses a WebSocket handshake of a page that is not allowed (cross-site WebSocket hijacking)', () => {
  const handshake = (origin?: string) =>
    createView({ requestHeaders: { upgrade: 'WebSocket', ...(origin === undefined ? {} : { origin }) } })
  const config = { origins: ['https://app.example.com'] }
  assert.equal(run(config, handshake('https://evil.example'))?.status, 403)
  assert.equal(run(config, handshake('null'))?.code, 'AEGIS_ORIGIN_DENIED')
  assert.equal(run(config, handshake('https://app.example.com')), undefined)
  assert.equal(run(config, handshake()), undefined)
  assert.equal(run({}, handshake('https://evil.example')), undefined)
})

describe('a WebSocket handshake with cookies, where all origins are allowed', () => {
  const cases: [string, string, 'http' | 'https', boolean][] = [
    ['of another page', 'https://evil.example', 'https', false],
    ['of a sandboxed page', 'null', 'https', false],
    ['of a page below its host', 'https://x.acme.example.com', 'https', false],
    ['of a name that begins like it', 'https://acme.example.com.evil.test', 'https', false],
    ['of no URL at all', 'acme.example.com', 'https', false],
    ['of an endless origin', `https://acme.example.com/${'a'.repeat(600)}`, 'https', false],
    ['of its own page', 'https://acme.example.com', 'https', true],
    ['of its own page on another port', 'https://acme.example.com:8443', 'https', true],
    ['of its own page without TLS', 'http://acme.example.com', 'https', false],
    ['of its own page, all without TLS', 'http://acme.example.com', 'http', true],
  ]
  for (const [who, origin, scheme, allowed] of cases) {
    test(`${who} is ${allowed ? 'let through' : 'refused'}`, () => {
      const requestHeaders = { upgrade: 'websocket', origin, cookie: 'aegis_token=x' }
      const verdict = run({}, createView({ host: 'acme.example.com', scheme, requestHeaders }))
      assert.equal(verdict?.code, allowed ? undefined : 'AEGIS_ORIGIN_DENIED')
    })
  }
})
