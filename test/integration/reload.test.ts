import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const observability = { id: 'observability', plugin: 'observability' }

/** Version that the gateway says it runs. */
async function statusOf(gateway: TestGateway): Promise<{
  version: number
  config: {
    lastReloadOk: boolean
    restartNeeded: boolean
    fromLastGood: boolean
    problems: { file: string; pointer: string; message: string }[]
  }
}> {
  const answer = await fetch(`${gateway.adminUrl}/admin/status`, {
    headers: { authorization: `Bearer ${gateway.adminToken}` },
  })
  return (await answer.json()) as never
}

describe('hot reload', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>

  before(async () => {
    upstream = await createUpstream()
    const config = await createConfigDir({
      routes: JSON.parse(routesWith('/zero')),
      plugins: [observability],
    })
    dir = config.dir
    remove = config.remove
    gateway = await startGateway({ configDir: dir })
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  const routesWith = (...paths: string[]) =>
    JSON.stringify({
      ...(createSaas(upstream.url).routes as object),
      routes: paths.map((path, index) => ({ id: `r${index}`, paths: [path], upstream: 'api', auth: 'none' })),
    })
  const answers = async (path: string) => (await ask(gateway.port, path)).status

  test('takes an edit of plugins.json in place within a second', async () => {
    const requestId = { id: 'request-id', plugin: 'request-id' }
    await writeFile(join(dir, 'plugins.json'), JSON.stringify({ plugins: [requestId, observability] }))
    const startedAt = Date.now()
    await waitUntil(async () => (await ask(gateway.port, '/zero')).headers['x-request-id'] !== undefined)
    assert.ok(Date.now() - startedAt < 1_000)
  })

  test('takes an edit of routes.json in place within a second', async () => {
    await writeFile(join(dir, 'routes.json'), routesWith('/one'))
    const startedAt = Date.now()
    await waitUntil(async () => (await answers('/one')) === 200)
    assert.ok(Date.now() - startedAt < 1_000)
  })

  test('takes a file that is renamed over the old one', async () => {
    await writeFile(join(dir, 'routes.json.new'), routesWith('/two'))
    await rename(join(dir, 'routes.json.new'), join(dir, 'routes.json'))
    await waitUntil(async () => (await answers('/two')) === 200, 2_000)
  })

  test('takes a symbolic link that is swapped', async () => {
    await mkdir(join(dir, 'v1'))
    await mkdir(join(dir, 'v2'))
    await writeFile(join(dir, 'v1', 'routes.json'), routesWith('/three'))
    await writeFile(join(dir, 'v2', 'routes.json'), routesWith('/four'))
    await rm(join(dir, 'routes.json'))
    await symlink(join(dir, 'v1', 'routes.json'), join(dir, 'routes.json'))
    await waitUntil(async () => (await answers('/three')) === 200, 2_000)
    await symlink(join(dir, 'v2', 'routes.json'), join(dir, 'link'))
    await rename(join(dir, 'link'), join(dir, 'routes.json'))
    await waitUntil(async () => (await answers('/four')) === 200, 2_000)
    await rm(join(dir, 'routes.json'))
    await writeFile(join(dir, 'routes.json'), routesWith('/four'))
  })

  const broken: [string, (good: string) => string, string][] = [
    ['half-written', (good) => good.slice(0, 60), ''],
    ['empty', () => '', ''],
    ['with an unknown key', (good) => good.replace('"routes"', '"rotues"'), '/rotues'],
    ['with a prototype key', (good) => `{"__proto__":{"a":1},${good.slice(1)}`, '/__proto__'],
  ]
  for (const [what, breakIt, pointer] of broken) {
    test(`changes nothing for a routes.json that is ${what}, and says where`, async () => {
      const good = await readFile(join(dir, 'routes.json'), 'utf8')
      const { version } = await statusOf(gateway)
      await writeFile(join(dir, 'routes.json'), breakIt(good))
      const status = await waitUntil(async () => {
        const now = await statusOf(gateway)
        return now.config.lastReloadOk ? undefined : now
      }, 2_000)
      assert.equal(status.version, version)
      assert.ok(
        status.config.problems.some(
          (problem) => problem.file === 'routes.json' && problem.pointer === pointer,
        ),
      )
      assert.equal(await answers('/four'), 200)
      await writeFile(join(dir, 'routes.json'), good)
      await waitUntil(async () => (await statusOf(gateway)).config.lastReloadOk, 2_000)
    })
  }

  test('keeps a missing file from changing anything', async () => {
    const good = await readFile(join(dir, 'plugins.json'), 'utf8')
    await rm(join(dir, 'plugins.json'))
    await waitUntil(async () => !(await statusOf(gateway)).config.lastReloadOk, 2_000)
    assert.equal(await answers('/four'), 200)
    await writeFile(join(dir, 'plugins.json'), good)
    await waitUntil(async () => (await statusOf(gateway)).config.lastReloadOk, 2_000)
  })

  test('says that a change of gateway.json needs a restart', async () => {
    const path = join(dir, 'gateway.json')
    const gatewayJson = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...gatewayJson, timeouts: { idleMs: 1234 } }))
    await waitUntil(async () => (await statusOf(gateway)).config.restartNeeded, 2_000)
    await writeFile(path, JSON.stringify(gatewayJson))
    await waitUntil(async () => !(await statusOf(gateway)).config.restartNeeded, 2_000)
  })

  test('reloads on SIGHUP', async () => {
    const before = gateway.logs().length
    gateway.process.kill('SIGHUP')
    await waitUntil(() => gateway.process.exitCode === null && gateway.logs().length >= before)
    assert.equal(await answers('/four'), 200)
  })

  test('loses no request and no connection in 200 reloads under load', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    let done = 0
    let failed = 0
    let closed = 0
    let running = true
    const seen = new Set<object>()
    const one = () =>
      new Promise<void>((resolve) => {
        const req = request({ port: gateway.port, path: '/four', agent }, (res) => {
          if (res.statusCode !== 200) failed += 1
          res.resume()
          res.on('end', () => {
            done += 1
            resolve()
          })
        })
        req.on('socket', (socket) => {
          if (seen.has(socket)) return
          seen.add(socket)
          socket.on('close', () => {
            if (running) closed += 1
          })
        })
        req.on('error', () => {
          failed += 1
          resolve()
        })
        req.end()
      })
    const load = Array.from({ length: 8 }, async () => {
      while (running) await one()
    })
    const { version } = await statusOf(gateway)
    for (let i = 1; i <= 200; i++) {
      await writeFile(join(dir, 'routes.json.new'), routesWith('/four', `/n${i}`))
      await rename(join(dir, 'routes.json.new'), join(dir, 'routes.json'))
      const answer = await fetch(`${gateway.adminUrl}/admin/reload`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
      assert.equal(answer.status, 200, await answer.text())
    }
    running = false
    await Promise.all(load)
    agent.destroy()
    assert.equal(failed, 0)
    assert.equal(closed, 0)
    assert.ok(done > 200)
    assert.equal((await statusOf(gateway)).version, version + 200)
    assert.equal(await answers('/n200'), 200)
  })
})

describe('start with bad files', () => {
  test('falls back to the last good copy, and refuses when there is none', async () => {
    const upstream = await createUpstream()
    const config = await createConfigDir(createSaas(upstream.url))
    const first = await startGateway({ configDir: config.dir })
    await first.stop()
    await writeFile(join(config.dir, 'routes.json'), '{ "routes": [')
    const second = await startGateway({ configDir: config.dir })
    assert.equal((await ask(second.port, '/open/x')).status, 200)
    const { config: state } = await statusOf(second)
    assert.equal(state.fromLastGood, true)
    assert.equal(state.problems[0]?.file, 'routes.json')
    await second.stop()
    await rm(join(config.dir, '.aegis'), { recursive: true })
    await assert.rejects(startGateway({ configDir: config.dir }), /routes\.json: This is not valid JSON/)
    await Promise.all([upstream.close(), config.remove()])
  })
})
