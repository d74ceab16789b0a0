// README.md, "The first five minutes": the same steps on a copy of the shipped config.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'

const shipped = fileURLToPath(new URL('../../config/', import.meta.url))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

describe('the first five minutes', () => {
  let dir: string
  let gateway: TestGateway
  let token: string

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'aegis-readme-'))
    for (const name of ['gateway', 'routes', 'plugins'])
      await cp(join(shipped, `${name}.json`), join(dir, `${name}.json`))
    const backendPort = String(await freePort())
    await edit('gateway', '"backendPort": 4000', `"backendPort": ${backendPort}`)
    await edit('gateway', '"../logs/aegis.log"', 'null')
    await edit('routes', '127.0.0.1:4000', `127.0.0.1:${backendPort}`)
    gateway = await startGateway({ configDir: dir })
    token = await waitUntil(() => /Bearer (\S+)'/.exec(gateway.output())?.[1])
    await waitUntil(async () => (await ask('acme')).status === 200)
  })

  after(async () => {
    await gateway?.stop()
    await rm(dir, { recursive: true, force: true })
  })

  async function edit(name: string, from: string, to: string): Promise<void> {
    const file = join(dir, `${name}.json`)
    const text = await readFile(file, 'utf8')
    assert.ok(text.includes(from), `${name}.json has ${from}`)
    await writeFile(file, text.replaceAll(from, to))
  }

  async function ask(tenant: string, bearer: string | null = token) {
    const headers = { host: `${tenant}.localhost`, ...(bearer && { authorization: `Bearer ${bearer}` }) }
    const { statusCode, headers: answered, body } = await request(`${gateway.url}/api/v1/items`, { headers })
    return { status: statusCode, headers: answered, body: (await body.json()) as Record<string, unknown> }
  }

  async function askAdmin(method: 'GET' | 'POST', path: string) {
    const headers = { authorization: `Bearer ${gateway.adminToken}` }
    const { statusCode, body } = await request(`${gateway.adminUrl}${path}`, { method, headers })
    return { status: statusCode, body: (await body.json()) as Record<string, never> }
  }

  it('prints a curl line whose token reaches the sample backend', async () => {
    const { headers, body } = await ask('acme')
    assert.deepEqual(body, { tenant: 'acme', user: 'ada', items: [] })
    assert.equal(headers['ratelimit-policy'], '"per-user";q=1000;w=60;aegis-burst=100')
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/)
  })

  it('asks for a token, and refuses that of another tenant', async () => {
    const [without, foreign] = [await ask('acme', null), await ask('globex')]
    assert.deepEqual([without.status, without.body.code], [401, 'AEGIS_TOKEN_MISSING'])
    assert.deepEqual([foreign.status, foreign.body.code], [403, 'AEGIS_TENANT_MISMATCH'])
  })

  it('takes a new limit while it runs', async () => {
    await edit('plugins', '"limit": 1000, "burst": 100', '"limit": 6, "burst": 2')
    const refused = await waitUntil(async () => {
      const answer = await ask('acme')
      return answer.status === 429 ? answer : undefined
    })
    assert.equal(refused.headers['ratelimit-policy'], '"per-user";q=6;w=60;aegis-burst=2')
    assert.ok(Number(refused.headers['retry-after']) > 0)
  })

  it('says what is wrong with a broken edit, and goes on', async () => {
    await edit('plugins', '"limit": 6', '"limit": "six"')
    const problems = await waitUntil(async () => {
      const { body } = await askAdmin('GET', '/admin/status')
      const found = (body.config as unknown as { problems: Record<string, string>[] }).problems
      return found.length > 0 ? found : undefined
    })
    assert.deepEqual(problems, [
      {
        file: 'plugins.json',
        pointer: '/plugins/5/config/limits/0/plans/pro/limit',
        message: 'Plugin "rate-limit": "limit" must be a whole number from 1 to 1000000000; found "six".',
      },
    ])
    assert.equal((await ask('acme', null)).status, 401)
  })

  it('refuses to lose authentication, and disables what may be disabled', async () => {
    await edit('plugins', '"limit": "six"', '"limit": 60')
    const jwt = await waitUntil(async () => {
      const answer = await askAdmin('POST', '/admin/plugins/jwt/disable')
      return /"rbac\\" needs/.test(JSON.stringify(answer.body)) ? answer : undefined
    })
    assert.equal(jwt.status, 422)
    const cors = await askAdmin('POST', '/admin/plugins/cors/disable')
    assert.deepEqual(cors.body, { id: 'cors', plugin: 'cors', enabled: false })
    assert.match(await readFile(join(dir, 'plugins.json'), 'utf8'), /"enabled": false/)
  })

  it('counts what was asked', async () => {
    const { body } = await request(`${gateway.adminUrl}/metrics`)
    const line = /^aegis_http_requests_total\{route="items",method="GET",code="403",source="gateway"\} 1$/m
    assert.match(await body.text(), line)
  })
})
