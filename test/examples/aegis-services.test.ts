// The example config in front of recording upstreams: every row of its route table, through the real gateway.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request as send } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SignJWT } from 'jose'
import { startGateway } from '../support/gateway.ts'
import { type Received, type RecordingUpstream, startRecordingUpstream } from './recording-upstream.ts'

const secret = 'a secret of the example, 32 bytes and more'
const services = {
  ORCHESTRATION_URL: 'orchestration',
  KNOWLEDGE_GRAPH_URL: 'knowledge-graph',
  APPROVAL_URL: 'approval',
  INGESTION_URL: 'ingestion',
  COMPLIANCE_URL: 'compliance',
  FLARING_URL: 'flaring',
  AUTH_URL: 'auth',
} as const

type Service = (typeof services)[keyof typeof services]

interface Row {
  /** Below /api/v1. A last `/*` is tried as the path itself and at two depths below. */
  readonly path: string
  readonly service: Service
  readonly internal: string
  readonly method?: string
  readonly roles?: readonly string[]
  readonly open?: true
}

const row = (path: string, service: Service, internal = `/${path}`, more: Partial<Row> = {}): Row => ({
  path,
  service,
  internal,
  ...more,
})

const rows: readonly Row[] = [
  row('conversations/*', 'orchestration'),
  row('agents/a7/execute', 'orchestration', '/execute', { method: 'POST' }),
  row('agents/a7/stream/c%C3%A9', 'orchestration', '/conversations/c%C3%A9/stream'),
  row('approvals/*', 'approval'),
  row('graph/context/managed/m1', 'knowledge-graph', '/context/assemble/managed/m1'),
  row('graph/context/42-123-45678', 'knowledge-graph', '/context/assemble/42-123-45678'),
  row('graph/context/managed', 'knowledge-graph', '/context/assemble/managed'),
  row('graph/entities/*', 'knowledge-graph', '/entities/*'),
  row('graph/impact/*', 'knowledge-graph', '/impact/*'),
  row('impact/*', 'knowledge-graph', '/impact/*'),
  row('admin/*', 'knowledge-graph', '/admin/*', { roles: ['admin'] }),
  ...['entity-types', 'relationship-types', 'relationship-rules'].map((name) =>
    row(`${name}/*`, 'knowledge-graph', `/${name}/*`, { open: true }),
  ),
  row('detection-rules/*', 'knowledge-graph', '/event-detection-rules/*', { roles: ['power_user', 'admin'] }),
  row('entities/*', 'knowledge-graph', '/managed-entities/*'),
  row('ingest/csv', 'ingestion', '/ingest/operator/csv', { method: 'POST' }),
  row('ingest/csv/below', 'ingestion'),
  row('ingest/*', 'ingestion'),
  row('compliance/summary', 'orchestration'),
  row('compliance/matrix', 'orchestration'),
  row('compliance/charts/*', 'orchestration'),
  row('compliance/assess/*', 'orchestration'),
  row('compliance/summaries', 'compliance'),
  row('compliance/summary/below', 'compliance'),
  row('compliance/*', 'compliance'),
  ...['checklists', 'rules', 'workspaces'].map((name) => row(`${name}/*`, 'orchestration')),
  ...['events', 'flare-events', 'repair-obligations', 'authorizations', 'alerts', 'flaring'].map((name) =>
    row(`${name}/*`, 'flaring'),
  ),
  row('auth/token', 'auth', '/auth/token', { method: 'POST', open: true }),
  row('auth/token/below', 'auth'),
  row('auth/*', 'auth'),
]

const folder = mkdtempSync(join(tmpdir(), 'aegis-services-'))
const upstreams: RecordingUpstream[] = []
let gateway: Awaited<ReturnType<typeof startGateway>>

before(async () => {
  const env: Record<string, string> = { JWT_SECRET: secret, API_GATEWAY_PORT: '0', AEGIS_WORKERS: '1' }
  for (const [name, service] of Object.entries(services)) {
    const upstream = await startRecordingUpstream(service)
    upstreams.push(upstream)
    env[name] = upstream.url
  }
  const source = fileURLToPath(new URL('../../examples/aegis-services', import.meta.url))
  // A copy: the gateway writes its log and its last good config beside the files.
  cpSync(source, folder, { recursive: true })
  gateway = await startGateway({ configDir: folder, env })
})

after(async () => {
  await gateway?.stop()
  for (const upstream of upstreams) await upstream.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Call {
  readonly method?: string
  readonly token?: string
  readonly headers?: Record<string, string>
  /** Own address on the loopback network, for limits by address. */
  readonly from?: string
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

function open(path: string, { method = 'GET', token, headers = {}, from }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = send(gateway.url + path, {
      method,
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      localAddress: from ?? nextAddress(),
      agent: false,
    })
    outgoing.on('response', resolve).on('error', reject)
    outgoing.end()
  })
}

async function call(path: string, options: Call = {}): Promise<Answer> {
  const response = await open(path, options)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  }
}

/** A user or an address of its own for each request, or the rate limit would answer most of them. */
let counter = 0
function nextAddress(): string {
  counter += 1
  return `127.0.${1 + Math.floor(counter / 200)}.${1 + (counter % 200)}`
}

function sign(roles: readonly string[] = ['viewer'], claims: Record<string, unknown> = {}): Promise<string> {
  counter += 1
  return new SignJWT({ user_id: `u${counter}`, roles, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('aegis-gateway')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret))
}

/** What all upstreams got since the last call. */
function takeReceived(): Received[] {
  return upstreams.flatMap((upstream) => upstream.received.splice(0))
}

/** Public and internal path of each request that stands for a row. */
function expand({ path, internal }: Row): [string, string][] {
  if (!path.endsWith('/*')) return [[`/api/v1/${path}`, internal]]
  return ['', '/', '/one', '/one/two?a=1&a=%2F'].map((rest) => [
    `/api/v1/${path.slice(0, -2)}${rest}`,
    internal.slice(0, -2) + rest,
  ])
}

for (const one of rows) {
  const gate = one.open ? 'without a token' : one.roles ? `for ${one.roles.join(' or ')}` : 'with a token'
  test(`${one.path} goes to ${one.service} as ${one.internal}, ${gate}`, async () => {
    takeReceived()
    const method = one.method ?? 'GET'
    for (const [path, internal] of expand(one)) {
      for (const role of one.roles ?? ['viewer']) {
        const answer = await call(path, one.open ? { method } : { method, token: await sign([role]) })
        assert.equal(answer.status, 200, `${path}: ${answer.body}`)
        assert.deepEqual(JSON.parse(answer.body), { service: one.service, method, target: internal })
        const [got, ...others] = takeReceived()
        assert.equal(others.length, 0)
        assert.equal(got?.headers['x-user-roles'], one.open ? undefined : role)
      }
      if (one.open) continue
      assert.equal((await call(path, { method })).status, 401, path)
      if (one.roles) assert.equal((await call(path, { method, token: await sign() })).status, 403, path)
      assert.deepEqual(takeReceived(), [], 'a refused request reached an upstream')
    }
  })
}

test('writing methods pass as well', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await call('/api/v1/approvals/7', { method, token: await sign() })
    assert.deepEqual(JSON.parse(answer.body), { service: 'approval', method, target: '/approvals/7' })
  }
})

test('agents/{id}/execute takes POST only', async () => {
  takeReceived()
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await call('/api/v1/agents/a7/execute', { method, token: await sign() })
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.allow, 'POST')
  }
  assert.deepEqual(takeReceived(), [])
})

for (const [path, internal] of [
  ['/api/v1/agents/a7/stream/c1', '/conversations/c1/stream'],
  ['/api/v1/workspaces/w1/stream', '/workspaces/w1/stream'],
] as const) {
  test(`${path} streams each event as it comes`, async () => {
    takeReceived()
    const headers = { accept: 'text/event-stream', cookie: `aegis_token=${await sign()}` }
    const response = await open(path, { headers })
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['content-type'], 'text/event-stream')
    const events = response.setEncoding('utf8')[Symbol.asyncIterator]()
    assert.equal((await events.next()).value, 'data: first\n\n')
    // Only now does the upstream go on: nothing was held back until the end.
    const stream = upstreams[0]?.streams.pop()
    stream?.end('data: second\n\n')
    assert.equal((await events.next()).value, 'data: second\n\n')
    assert.equal((await events.next()).done, true)
    assert.equal(takeReceived()[0]?.target, internal)
  })
}

test('paths that no row names are 404, with a token and without', async () => {
  takeReceived()
  for (const path of [
    '/api/v1',
    '/api/v1/',
    '/api/v1/unknown',
    '/api/v1/conversationsx',
    '/conversations',
    '/api/v1/agents/a7',
    '/api/v1/agents/a7/stream',
    '/api/v1/graph',
    '/api/v1/graph/context',
    '/api/v1/graph/context/a/b',
    '/api/v2/approvals',
  ]) {
    assert.equal((await call(path, { token: await sign(['admin']) })).status, 404, path)
    assert.equal((await call(path)).status, 404, path)
  }
  assert.deepEqual(takeReceived(), [])
})

test('/health is answered by the gateway itself', async () => {
  takeReceived()
  const answer = await call('/health')
  assert.equal(answer.status, 200)
  assert.deepEqual(JSON.parse(answer.body), { status: 'ok' })
  assert.deepEqual(takeReceived(), [])
})

test('tokens of another issuer, another secret, without user_id or past their end are refused', async () => {
  const key = new TextEncoder().encode(secret)
  const build = (claims: Record<string, unknown>) =>
    new SignJWT({ user_id: 'u', roles: ['admin'], iss: 'aegis-gateway', ...claims }).setProtectedHeader({
      alg: 'HS256',
    })
  const now = Math.floor(Date.now() / 1000)
  for (const token of [
    await build({ iss: 'somebody-else', exp: now + 60 }).sign(key),
    await build({ exp: now + 60 }).sign(new TextEncoder().encode(`${secret}!`)),
    await build({ exp: now - 60 }).sign(key),
    await build({ exp: now + 60, user_id: undefined, sub: 'u' }).sign(key),
  ]) {
    const answer = await call('/api/v1/approvals', { token })
    assert.equal(answer.status, 401)
    assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer /)
  }
})

test('the upstream learns the user from the token, never from the client', async () => {
  takeReceived()
  const forged = { 'X-User-Id': 'root', 'x-user-roles': 'admin', X_Tenant_Id: 'other' }
  const token = await sign(['viewer', 'power_user'], { user_id: 'ada' })
  await call('/api/v1/events', { token, headers: forged })
  await call('/api/v1/entity-types', { headers: forged })
  const received = takeReceived()
  const known = received.find((one) => one.service === 'flaring')
  const unknown = received.find((one) => one.service === 'knowledge-graph')
  assert.equal(received.length, 2)
  assert.equal(known?.headers['x-user-id'], 'ada')
  assert.equal(known?.headers['x-user-roles'], 'viewer,power_user')
  assert.equal(known?.headers.x_tenant_id, undefined)
  assert.equal(unknown?.headers['x-user-id'], undefined)
  assert.equal(unknown?.headers['x-user-roles'], undefined)
})

test('each user has ten requests at once, and so has each address without a user', async () => {
  const statuses = async (count: number, path: string, options: Call) =>
    (await Promise.all(Array.from({ length: count }, () => call(path, options)))).map(
      (answer) => answer.status,
    )
  const limited = (list: number[]) => list.filter((status) => status === 429).length
  const token = await sign()
  // A bucket of ten, refilled by one every 600 ms: a slow machine may let one or two more through.
  const own = limited(await statuses(20, '/api/v1/rules', { token }))
  assert.ok(own >= 7 && own <= 10, String(own))
  assert.equal((await call('/api/v1/rules', { token: await sign() })).status, 200)
  const from = '127.0.200.1'
  const open = limited(await statuses(20, '/api/v1/entity-types', { from }))
  assert.ok(open >= 7 && open <= 10, String(open))
  const refused = await call('/api/v1/entity-types', { from })
  if (refused.status === 429) assert.match(refused.headers['retry-after'] ?? '', /^\d+$/)
  assert.equal((await call('/api/v1/entity-types')).status, 200)
})

test('CORS is answered by the gateway, for every route, and replaces what upstreams say', async () => {
  const origin = 'https://app.example.org'
  for (const [path, method] of [
    ['/api/v1/approvals/1', 'DELETE'],
    ['/api/v1/agents/a7/execute', 'POST'],
    ['/api/v1/admin', 'GET'],
  ] as const) {
    const preflight = await call(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization',
      },
    })
    assert.ok(preflight.status === 204 || preflight.status === 200, `${path}: ${preflight.status}`)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.equal(preflight.headers['access-control-allow-methods'], 'GET, POST, PUT, PATCH, DELETE, OPTIONS')
    assert.equal(preflight.headers['access-control-allow-headers'], 'Content-Type, Authorization')
    assert.equal(preflight.headers['access-control-max-age'], '86400')
  }
  const allowed = await call('/api/v1/approvals', { token: await sign(), headers: { origin } })
  assert.equal(allowed.headers['access-control-allow-origin'], '*')
  const refused = await call('/api/v1/approvals', { headers: { origin } })
  assert.equal(refused.status, 401)
  assert.equal(refused.headers['access-control-allow-origin'], '*')
})
