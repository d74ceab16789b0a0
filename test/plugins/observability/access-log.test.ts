import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogBatch } from '../../../gateway/dataplane/log-batch.ts'
import { type AccessLogConfig, createAccessLog } from '../../../plugins/observability/access-log.ts'
import { createTestClock } from '../../support/clock.ts'
import { createRoute, createTenant, createView, type TestView } from '../../support/view.ts'

const shipped: AccessLogConfig = {
  sample: 1,
  redactQuery: ['token', 'access_token', 'aegis_token', 'api_key'],
  headers: [],
}

function linesOf(views: readonly TestView[], over: Partial<AccessLogConfig> = {}): string[] {
  const lines: string[] = []
  const write = createAccessLog({ ...shipped, ...over }, (line) => void lines.push(line))
  for (const view of views) write(view)
  return lines
}

function recordOf(view: Partial<TestView>, over: Partial<AccessLogConfig> = {}): Record<string, unknown> {
  return JSON.parse(linesOf([createView(view)], over)[0] ?? '')
}

test('writes one line that tells the whole exchange', () => {
  const record = recordOf({
    requestId: 'r-1',
    tenant: createTenant('acme'),
    identity: { userId: 'u1', tenantId: 'acme', roles: [], permissions: [], claims: {}, expiresAt: 1 },
    method: 'POST',
    path: '/items/7',
    query: 'page=1',
    status: 502,
    responseSource: 'gateway',
    code: 'AEGIS_UPSTREAM_RESET',
    failure: 'other side closed',
    upstream: 'api',
    target: 'http://127.0.0.1:4000',
    attempts: 2,
    durationMs: 12.34567,
    upstreamMs: 10,
    requestBytes: 5,
    responseBytes: 7,
    startedAtMs: 1_700_000_000_000,
    requestHeaders: { 'user-agent': 'curl/8', referer: 'https://a.example/?x=1' },
  })
  assert.deepEqual(record, {
    level: 50,
    time: '2023-11-14T22:13:20.012Z',
    msg: 'request',
    request_id: 'r-1',
    tenant: 'acme',
    user: 'u1',
    route: 'items',
    method: 'POST',
    http_version: '1.1',
    scheme: 'http',
    host: 'acme.example.com',
    path: '/items/7',
    query: 'page=1',
    status: 502,
    source: 'gateway',
    code: 'AEGIS_UPSTREAM_RESET',
    failure: 'other side closed',
    upstream: 'api',
    target: 'http://127.0.0.1:4000',
    attempts: 2,
    duration_ms: 12.346,
    gateway_ms: 2.346,
    upstream_ms: 10,
    request_bytes: 5,
    response_bytes: 7,
    client_ip: '203.0.113.7',
    user_agent: 'curl/8',
    referer: 'https://a.example/?x=1',
  })
})

test('a request without route, tenant and user says so', () => {
  const record = recordOf({
    route: null as unknown as TestView['route'],
    status: 404,
    responseSource: 'gateway',
  })
  assert.equal(record.route, null)
  assert.equal(record.tenant, null)
  assert.equal(record.user, null)
  assert.equal(record.level, 30)
})

test('times are those of Date, whatever the second before', () => {
  const times = [0, 1, 999, 1000, 1001, 1_700_000_000_123, 5, 1_700_000_000_999]
  const lines = linesOf(times.map((startedAtMs) => createView({ startedAtMs, durationMs: 0 })))
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).time),
    times.map((ms) => new Date(ms).toISOString()),
  )
})

const hostileTexts = [
  '"\n{"level":30,"msg":"forged"}',
  'a\r\nb\u0000\u0007\u001b[31m\u007f',
  '\u0080\u0085\u009b31m\u00a0\u00ff',
  '\u2028\u2029\u202e\ufeff',
  '\ud800 alone, \udc00 alone, 😀 together',
  '\\","tenant":"other-tenant","x":"',
  String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)),
]

for (const [index, hostile] of hostileTexts.entries()) {
  test(`no field can end its line or begin another field (${index})`, () => {
    const clock = createTestClock()
    let posted = ''
    const post = (_: string, lines: Uint8Array) => {
      posted += Buffer.from(lines).toString()
    }
    const batch = createLogBatch({ post, level: 'info', clock })
    const write = createAccessLog({ ...shipped, headers: ['x-any'] }, batch.access)
    const view = createView({
      requestId: hostile,
      tenant: createTenant(hostile),
      identity: { userId: hostile, tenantId: null, roles: [], permissions: [], claims: {}, expiresAt: 1 },
      route: createRoute({ id: hostile }),
      method: hostile,
      host: hostile,
      path: hostile,
      query: hostile,
      failure: hostile,
      code: hostile,
      upstream: hostile,
      target: hostile,
      clientIp: hostile,
      requestHeaders: { 'user-agent': hostile, referer: hostile, 'x-any': hostile },
    })
    write(view)
    write(createView())
    batch.flush()
    assert.match(posted, /^([\x20-\x7e]+\n){2}$/)
    const record = JSON.parse(posted.split('\n')[0] ?? '')
    const { tenant, user, path, user_agent, headers } = record
    assert.deepEqual(
      { tenant, user, path, user_agent, headers },
      {
        tenant: hostile,
        user: hostile,
        path: hostile,
        user_agent: hostile,
        headers: { 'x-any': hostile },
      },
    )
    assert.deepEqual(Object.keys(record).length, 29)
  })
}

for (const [query, logged] of [
  ['a=1&token=s3cret&b=2', 'a=1&token=[redacted]&b=2'],
  ['TOKEN=s3cret', 'TOKEN=[redacted]'],
  ['%74oken=s3cret', '%74oken=[redacted]'],
  ['token%5B%5D=s3cret&token[0]=s3cret', 'token%5B%5D=[redacted]&token[0]=[redacted]'],
  ['a=1;api_key=s3cret', 'a=1;api_key=[redacted]'],
  ['+token=s3cret', '+token=[redacted]'],
  ['token=s3cret=more', 'token=[redacted]'],
  ['%zz=s3cret', '%zz=[redacted]'],
  ['token&tokens=1&x=token', 'token&tokens=1&x=token'],
  ['&&=&a', '&&=&a'],
] as const) {
  test(`logs the query ${query} as ${logged}`, () => {
    assert.equal(recordOf({ query }).query, logged)
    const referer = recordOf({ requestHeaders: { referer: `https://a.example/p?${query}` } }).referer
    assert.equal(referer, `https://a.example/p?${logged}`)
  })
}

test('a query is logged as it is when nothing is to be redacted', () => {
  assert.equal(recordOf({ query: 'token=1' }, { redactQuery: [] }).query, 'token=1')
})

test('logs the extra headers that are asked for and sent', () => {
  const requestHeaders = { 'x-a': '1', 'x-b': '2' }
  assert.deepEqual(recordOf({ requestHeaders }, { headers: ['X-A', 'x-missing'] }).headers, { 'x-a': '1' })
})

test('a sample of 0 logs none and one in between logs its share', () => {
  const views = Array.from({ length: 4000 }, () => createView())
  assert.equal(linesOf(views, { sample: 0 }).length, 0)
  const some = linesOf(views, { sample: 0.5 }).length
  assert.ok(some > 1700 && some < 2300, `${some} of 4000`)
})
