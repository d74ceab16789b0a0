// The five plugins in the real gateway: what unit tests of hooks cannot show.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { ask } from '../../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway } from '../../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../../support/saas.ts'
import { createUpstream, type TestUpstream } from '../../support/upstream.ts'

const site = 'https://app.example.org'
const plugins = [
  { id: 'request-id', plugin: 'request-id' },
  { id: 'ip', plugin: 'ip-restriction', config: { tenants: { globex: { deny: ['127.0.0.0/8'] } } } },
  { id: 'cors', plugin: 'cors', config: { origins: [site], credentials: true } },
  jwtEntry,
  { id: 'tenant', plugin: 'tenant' },
  {
    id: 'rbac',
    plugin: 'rbac',
    config: { roles: { member: { permissions: ['items:read'] } }, failureTtlMs: 0 },
  },
  { id: 'size', plugin: 'request-size', config: { limitBytes: 1000 } },
]
const routes = {
  routes: [
    {
      id: 'api',
      paths: ['/api/{resource}'],
      methods: ['GET', 'POST'],
      upstream: 'api',
      permission: { resource: 'items', action: '{method}' },
    },
    { id: 'admin', paths: ['/admin/*'], upstream: 'api', roles: ['admin'] },
    { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
  ],
}

interface Question {
  tenant_id: string
  user_id: string
}

let upstream: TestUpstream
let gateway: TestGateway
let removeDir: () => Promise<void>
const questions: Question[] = []
let decide: (question: Question) => { status: number; body: unknown } = () => ({ status: 200, body: {} })

before(async () => {
  upstream = await createUpstream((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      if (req.url !== '/aegis/authorize') {
        res.setHeader('access-control-allow-origin', '*')
        return res.end(JSON.stringify(req.headers))
      }
      const question = JSON.parse(text) as Question
      questions.push(question)
      const { status, body } = decide(question)
      res.writeHead(status).end(JSON.stringify(body))
    })
  })
  const { dir, remove } = await createConfigDir(createSaas(upstream.url, { routes, plugins }))
  removeDir = remove
  gateway = await startGateway({ configDir: dir, env: { AEGIS_WORKERS: '1' } })
})

after(async () => {
  await gateway.stop()
  await upstream.close()
  await removeDir()
})

async function bearer(claims: Record<string, unknown> = {}) {
  return { authorization: `Bearer ${await createTestToken(claims)}` }
}

describe('rbac in the gateway', () => {
  test('asks the upstream once for many requests at once, and then knows', async () => {
    decide = ({ tenant_id }) => ({ status: 200, body: { allowed: tenant_id === 'acme', ttl: 60 } })
    const headers = await bearer({ user_id: 'wire-1' })
    const options = { method: 'POST', headers }
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, '/api/x', options)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.equal((await ask(gateway.port, '/api/x', options)).status, 200)
    assert.equal(questions.filter(({ user_id }) => user_id === 'wire-1').length, 1)
  })

  test('answers 403 and 503 as problems with CORS headers', async () => {
    const headers = { ...(await bearer({ user_id: 'wire-2' })), origin: site }
    decide = () => ({ status: 200, body: { allowed: false } })
    const denied = await ask(gateway.port, '/api/x', { method: 'POST', headers })
    assert.equal(denied.status, 403)
    assert.equal(denied.json().code, 'AEGIS_PERMISSION_DENIED')
    assert.equal(denied.headers['access-control-allow-origin'], site)
    decide = () => ({ status: 500, body: {} })
    const other = { ...(await bearer({ user_id: 'wire-3' })), origin: site }
    const lost = await ask(gateway.port, '/api/x', { method: 'POST', headers: other })
    assert.equal(lost.status, 503)
    assert.equal(lost.headers['retry-after'], '1')
    assert.equal((await ask(gateway.port, '/admin/x', { headers })).json().code, 'AEGIS_ROLE_REQUIRED')
    assert.equal((await ask(gateway.port, '/api/x', {})).status, 401)
  })

  test('is shown and purged through the admin API', async () => {
    decide = () => ({ status: 200, body: { allowed: true, permissions: ['items:create'], ttl: 60 } })
    const options = { method: 'POST', headers: await bearer({ user_id: 'wire-4' }) }
    assert.equal((await ask(gateway.port, '/api/x', options)).status, 200)
    const url = `${gateway.adminUrl}/admin/cache/rbac?tenant=acme&user=wire-4`
    const admin = { authorization: `Bearer ${gateway.adminToken}` }
    const shown = (await (await fetch(url, { headers: admin })).json()) as { data: unknown[] }
    assert.equal(shown.data.length, 2)
    const purged = await (await fetch(url, { method: 'DELETE', headers: admin })).json()
    assert.deepEqual(purged, { purged: 2 })
    decide = () => ({ status: 200, body: { allowed: false } })
    assert.equal((await ask(gateway.port, '/api/x', options)).status, 403)
  })
})

describe('the other four in the gateway', () => {
  test('cors answers a preflight on a route that has no OPTIONS, without a token', async () => {
    const headers = { origin: site, 'access-control-request-method': 'POST' }
    const seen = upstream.seen.length
    const answer = await ask(gateway.port, '/api/x', { method: 'OPTIONS', headers })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['access-control-allow-origin'], site)
    assert.equal(answer.headers['access-control-allow-credentials'], 'true')
    assert.match(answer.headers['access-control-allow-methods'] ?? '', /POST/)
    assert.equal(answer.headers.vary, 'Origin')
    assert.equal(upstream.seen.length, seen)
  })

  test('cors takes the upstream’s word off the response', async () => {
    const answer = await ask(gateway.port, '/open/x', { headers: { origin: 'https://evil.example' } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
  })

  test('request-id goes up and down, with a trace', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const headers = {
      'x-request-id': 'forged',
      traceparent: `00-${trace}-00f067aa0ba902b7-01`,
      tracestate: 'a=1',
    }
    const answer = await ask(gateway.port, '/open/x', { headers })
    const up = answer.json<Record<string, string>>()
    assert.match(up['x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    assert.equal(answer.headers['x-request-id'], up['x-request-id'])
    assert.match(up.traceparent ?? '', new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
    assert.equal(up.tracestate, 'a=1')
    const begun = (await ask(gateway.port, '/open/x', { headers: { tracestate: 'a=1' } })).json()
    assert.match(String(begun.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.equal(begun.tracestate, undefined)
  })

  test('ip-restriction keeps clients out of one tenant only', async () => {
    const denied = await ask(gateway.port, '/open/x', { host: 'globex.example.com' })
    assert.equal(denied.status, 403)
    assert.equal(denied.json().code, 'AEGIS_IP_DENIED')
    assert.equal((await ask(gateway.port, '/open/x')).status, 200)
  })

  test('request-size refuses a told length and counts an untold one', async () => {
    const send = (body: Buffer, chunked: boolean): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = { host: 'acme.example.com', ...(chunked ? {} : { 'content-length': body.length }) }
        const options = { port: gateway.port, path: '/open/x', method: 'POST', headers, agent: false }
        const req = request(options, (res) => {
          res.resume()
          resolve(res.statusCode)
        })
        req.on('error', reject)
        if (chunked) req.write(body.subarray(0, 10))
        req.end(chunked ? body.subarray(10) : body)
      })
    assert.equal(await send(Buffer.alloc(1000), false), 200)
    assert.equal(await send(Buffer.alloc(1001), false), 413)
    assert.equal(await send(Buffer.alloc(1000), true), 200)
    assert.equal(await send(Buffer.alloc(1001), true), 413)
  })
})
