// Too much work, and a worker that hangs, seen from outside: a plugin that burns the time which a header asks for.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { countStatuses } from '../support/load.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream } from '../support/upstream.ts'

const burner = `
import { Type } from '${import.meta.resolve('typebox')}'
export default {
  name: 'burn',
  schema: Type.Object({}, { additionalProperties: false }),
  onFailure: 'deny',
  create: () => ({
    onRequest(ex) {
      const until = performance.now() + Number(ex.header('x-burn-ms') ?? 0)
      while (performance.now() < until);
      return undefined
    },
  }),
}
`

async function startBurning(limits: object, workers: number) {
  const upstream = await createUpstream((_, res) => res.end('ok'))
  const saas = createSaas(upstream.url, {
    gateway: { limits },
    plugins: [
      { id: 'observability', plugin: 'observability' },
      { id: 'tenant', plugin: 'tenant' },
      { id: 'burn', plugin: './burn.ts' },
    ],
    routes: { routes: [{ id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' }] },
  })
  const config = await createConfigDir(saas)
  await writeFile(join(config.dir, 'burn.ts'), burner)
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: String(workers) } })
  const close = async (): Promise<void> => {
    await gateway.stop()
    await Promise.all([upstream.close(), config.remove()])
  }
  return { gateway, close }
}

async function metricOf(gateway: TestGateway, name: string): Promise<number> {
  return parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).get(name) ?? 0
}

test('a busy tenant is refused early while others are served, and served again when it is over', async (t) => {
  const { gateway, close } = await startBurning({ eventLoopLagMs: 20 }, 1)
  t.after(close)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const noisy: Answer[] = []
  const quiet: Answer[] = []
  const refusedOf = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 503)
  let over = false
  async function askOn(answers: Answer[], host: string): Promise<void> {
    while (!over)
      answers.push(await ask(gateway.port, '/open/x', { host, agent, headers: { 'x-burn-ms': '3' } }))
  }
  const clients = Array.from({ length: 60 }, () => askOn(noisy, 'acme.example.com'))
  clients.push(askOn(quiet, 'globex.example.com'))
  await waitUntil(() => refusedOf(noisy).length >= 200 && quiet.length >= 15, 30_000)
  // Who watches over the gateway hears that it lives, whichever host is asked.
  const health = await ask(gateway.port, '/health', { host: 'acme.example.com' })
  assert.deepEqual([health.status, health.text], [200, '{"status":"ok"}'])
  over = true
  await Promise.all(clients)
  const refused = refusedOf(noisy)
  for (const { headers, text } of refused) {
    assert.equal(headers['retry-after'], '1')
    assert.match(text, /AEGIS_OVERLOADED/)
  }
  assert.equal(countStatuses(noisy)[200], noisy.length - refused.length)
  // All of them, but for a beat in which its fair share was less than one request.
  assert.ok(refusedOf(quiet).length <= quiet.length / 10, `${refusedOf(quiet).length} of ${quiet.length}`)
  assert.equal(
    await metricOf(gateway, 'aegis_overload_refusals_total'),
    refused.length + refusedOf(quiet).length,
  )
  await waitUntil(async () => (await ask(gateway.port, '/open/x')).status === 200)
})

test('a worker that hangs is replaced; the other one serves on', async (t) => {
  const { gateway, close } = await startBurning({ workerBlockedMs: 1_000 }, 2)
  t.after(close)
  const admin = createAdmin(gateway)
  const hanging = ask(gateway.port, '/open/x', { headers: { 'x-burn-ms': 'Infinity' } })
  await assert.rejects(hanging, 'its connection ends with its worker')
  const fields = gateway.logs().find(({ msg }) => msg === 'a worker gave no sign of life and is ended')
  assert.equal(fields?.blockedMs, 1_000)
  await waitUntil(async () => {
    const { body } = await admin('GET', '/admin/status')
    const workers = body.workers as { version: number }[]
    return workers.length === 2 && workers.every(({ version }) => version > 0)
  })
  assert.equal(await metricOf(gateway, 'aegis_worker_replacements_total{cause="blocked"}'), 1)
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, '/open/x')))
  assert.deepEqual(countStatuses(answers), { 200: 20 })
})
