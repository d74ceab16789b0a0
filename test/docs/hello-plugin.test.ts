// docs/plugin-guide.md, done: its plugin keeps the contract and runs in a gateway as an operator's own module.
import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import hello from '../../docs/examples/hello-plugin.ts'
import { signToken } from '../../plugins/jwt/sign.ts'
import { rules } from '../contract/rules.ts'
import { toSubject } from '../contract/subject.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'

const secret = 'a-secret-of-at-least-thirty-two-bytes!'
const example = fileURLToPath(new URL('../../docs/examples/hello-plugin.ts', import.meta.url))

describe('the plugin of the guide', () => {
  for (const rule of rules) it(rule.name, () => rule.check(toSubject(hello)))
})

describe("the plugin of the guide as an operator's module", () => {
  let gateway: TestGateway
  let dir: string
  let seen: IncomingHttpHeaders = {}
  let remove: () => Promise<void>
  const upstream = createServer((req, res) => {
    seen = req.headers
    res.end('ok')
  })

  const issuers = [{ issuer: 'test', algorithms: ['HS256'], secret }]
  const entries = (config: object) => [
    { id: 'jwt', plugin: 'jwt', config: { issuers } },
    { id: 'tenant', plugin: 'tenant' },
    { id: 'hello', plugin: './custom/hello.ts', config },
  ]
  const writePlugins = (plugins: readonly object[]) =>
    writeFile(join(dir, 'plugins.json'), JSON.stringify({ plugins }))

  before(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const routes = {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'acme' }],
      upstreams: { api: { targets: [{ url }] } },
      routes: [{ id: 'all', paths: ['/*'], upstream: 'api' }],
    }
    const config = await createConfigDir({ routes })
    dir = config.dir
    remove = config.remove
    await mkdir(join(dir, 'custom'))
    await copyFile(example, join(dir, 'custom', 'hello.ts'))
    await writePlugins(entries({ greeting: 'Hei', unwelcome: ['mallory'] }))
    gateway = await startGateway({ configDir: dir })
  })

  after(async () => {
    await gateway?.stop()
    upstream.close()
    await remove?.()
  })

  async function ask(user: string) {
    const claims = { iss: 'test', user_id: user, tenant_id: 'acme', roles: [] }
    const token = await signToken({ algorithm: 'HS256', secret, claims })
    const headers = { host: 'acme.example.com', authorization: `Bearer ${token}` }
    const { statusCode, headers: answered, body } = await request(`${gateway.url}/x`, { headers })
    return { status: statusCode, headers: answered, text: await body.text() }
  }

  it('greets upstream and downstream', async () => {
    const { status, headers } = await ask('ada')
    assert.deepEqual([status, headers['x-hello'], seen['x-hello']], [200, 'Hei', 'Hei from acme'])
  })

  it('turns away who is not welcome, with a problem body', async () => {
    const { status, text } = await ask('mallory')
    assert.equal(status, 403)
    assert.equal(JSON.parse(text).code, 'AEGIS_NOT_WELCOME')
  })

  it('counts in the metrics of the gateway', async () => {
    const { body } = await request(`${gateway.adminUrl}/metrics`)
    assert.match(await body.text(), /^hello_greetings_total\{result="turned-away"\} [1-9]/m)
  })

  it('takes a changed config while it runs, and keeps it when the next one has a key it does not know', async () => {
    await writePlugins(entries({ greeting: 'Moi' }))
    await waitUntil(async () => (await ask('mallory')).headers['x-hello'] === 'Moi')
    await writePlugins(entries({ greting: 'Oops' }))
    const refusal = await waitUntil(() => gateway.logs().find((line) => line.level === 50))
    assert.match(JSON.stringify(refusal), /greting.*Did you mean.*greeting/)
    assert.equal((await ask('ada')).headers['x-hello'], 'Moi')
  })

  it('runs changed code without a restart', async () => {
    await writePlugins(entries({ greeting: 'Moi' }))
    const code = await readFile(example, 'utf8')
    const changed = code.replace("setResponseHeader('X-Hello', config", "setResponseHeader('X-Hi', config")
    assert.notEqual(changed, code)
    await writeFile(join(dir, 'custom', 'hello.ts'), changed)
    await waitUntil(async () => (await ask('ada')).headers['x-hi'] === 'Moi')
  })

  it('is refused ahead of the plugin that provides what it needs', async () => {
    await writePlugins([...entries({})].reverse())
    const refusal = await waitUntil(() =>
      gateway.logs().find((line) => /needs/.test(JSON.stringify(line.problems ?? ''))),
    )
    assert.match(JSON.stringify(refusal.problems), /hello.*identity/)
  })
})
