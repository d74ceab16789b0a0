import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import { killerEntry, writeKiller } from '../support/killer.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream } from '../support/upstream.ts'

const run = promisify(execFile)
const main = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url))

describe('the life of the process', () => {
  test('SIGTERM lets a running request end, refuses new connections, and exits with 0', async () => {
    let release = (): void => {}
    const upstream = await createUpstream((req, res) => {
      if (req.url !== '/open/slow') return void res.end('quick')
      res.writeHead(200)
      res.write('first ')
      release = () => res.end('last')
    })
    const config = await createConfigDir(createSaas(upstream.url))
    const gateway = await startGateway({ configDir: config.dir })
    const idle = new Agent({ keepAlive: true })
    assert.equal((await ask(gateway.port, '/open/x', { agent: idle })).text, 'quick')
    const slow = ask(gateway.port, '/open/slow')
    await waitUntil(() => upstream.seen.some((one) => one.url === '/open/slow'))
    const ended = gateway.stop()
    await waitUntil(() => gateway.logs().some((line) => line.msg === 'draining'))
    const ready = await fetch(`${gateway.adminUrl}/readyz`)
    assert.equal(ready.status, 503)
    await waitUntil(() =>
      ask(gateway.port, '/open/x').then(
        () => false,
        (error) => error.code === 'ECONNREFUSED',
      ),
    )
    release()
    assert.equal((await slow).text, 'first last')
    assert.equal(await ended, 0)
    idle.destroy()
    await Promise.all([upstream.close(), config.remove()])
  })

  test('a second SIGTERM ends it at once', async () => {
    const upstream = await createUpstream(() => {})
    const config = await createConfigDir(createSaas(upstream.url))
    const gateway = await startGateway({ configDir: config.dir })
    const hanging = ask(gateway.port, '/open/slow').catch(() => 'cut')
    await waitUntil(() => upstream.seen.length === 1)
    gateway.process.kill('SIGTERM')
    await waitUntil(() => gateway.logs().some((line) => line.msg === 'draining'))
    gateway.process.kill('SIGTERM')
    const [code] = await once(gateway.process, 'exit')
    assert.equal(code, 1)
    assert.equal(await hanging, 'cut')
    await Promise.all([upstream.close(), config.remove()])
  })

  test('the drain deadline cuts what does not end', async () => {
    const upstream = await createUpstream(() => {})
    const saas = createSaas(upstream.url, { gateway: { timeouts: { drainTimeoutMs: 300 } } })
    const config = await createConfigDir(saas)
    const gateway = await startGateway({ configDir: config.dir })
    const hanging = ask(gateway.port, '/open/slow').catch(() => 'cut')
    await waitUntil(() => upstream.seen.length === 1)
    assert.equal(await gateway.stop(), 0)
    assert.equal(await hanging, 'cut')
    await Promise.all([upstream.close(), config.remove()])
  })

  test('a worker that dies is replaced, on the same port and the same config', async () => {
    const upstream = await createUpstream()
    const saas = createSaas(upstream.url)
    const plugins = [killerEntry, ...(saas.plugins ?? [])]
    const config = await createConfigDir({ ...saas, plugins: [], routes: { upstreams: {}, routes: [] } })
    await writeKiller(config.dir)
    await writeFile(join(config.dir, 'routes.json'), JSON.stringify(saas.routes))
    await writeFile(join(config.dir, 'plugins.json'), JSON.stringify({ plugins }))
    const gateway = await startGateway({ configDir: config.dir })
    const workers = async () => {
      const answer = await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
      return ((await answer.json()) as { workers: { version: number }[] }).workers
    }
    for (let round = 0; round < 3; round++) {
      await ask(gateway.port, '/open/x', { headers: { 'x-kill': 'yes' } }).catch(() => {})
      await waitUntil(
        () =>
          gateway.logs().filter((line) => line.msg === 'a worker died; it is being replaced').length > round,
      )
      await waitUntil(async () => (await workers()).length === 2)
    }
    assert.deepEqual(
      (await workers()).map((worker) => worker.version),
      [1, 1],
    )
    for (let i = 0; i < 20; i++) assert.equal((await ask(gateway.port, '/open/x')).status, 200)
    await gateway.stop()
    await Promise.all([upstream.close(), config.remove()])
  })

  test('an operator edits a plugin module and the new code runs, without a lost request', async () => {
    const source = (word: string) => `
import { Type } from '${import.meta.resolve('typebox')}'
export default {
  name: 'word', schema: Type.Object({}, { additionalProperties: false }), onFailure: 'deny',
  create: () => ({ onResponse: (ex) => ex.setResponseHeader('x-word', '${word}') }),
}`
    const upstream = await createUpstream()
    const saas = createSaas(upstream.url)
    const config = await createConfigDir({
      ...saas,
      plugins: [{ id: 'word', plugin: './word.ts' }, ...(saas.plugins ?? [])],
    })
    await writeFile(join(config.dir, 'word.ts'), source('one'))
    const gateway = await startGateway({ configDir: config.dir })
    assert.equal((await ask(gateway.port, '/open/x')).headers['x-word'], 'one')
    await writeFile(join(config.dir, 'word.ts'), source('two'))
    await waitUntil(async () => {
      const answer = await ask(gateway.port, '/open/x')
      assert.equal(answer.status, 200)
      return answer.headers['x-word'] === 'two'
    })
    await gateway.stop()
    await Promise.all([upstream.close(), config.remove()])
  })

  test('a port that is taken is named, and the process ends', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const config = await createConfigDir(createSaas('http://127.0.0.1:9'))
    await assert.rejects(
      startGateway({ configDir: config.dir, env: { AEGIS_PORT: String(port) } }),
      new RegExp(
        `listener "public" cannot listen on 127\\.0\\.0\\.1:${port}: something listens there already`,
      ),
    )
    taken.close()
    await config.remove()
  })

  test('--check exits with 0 on a good config and with 1 on a bad one, naming every place', async () => {
    const config = await createConfigDir(createSaas('http://127.0.0.1:9'))
    const good = await run(process.execPath, [main, '--check', '--config', config.dir])
    assert.match(good.stdout, /The config is valid\./)
    const routes = { upstreams: {}, routes: [{ id: 'a', paths: ['nope'], upstream: 'ghost', auth: 'none' }] }
    await writeFile(join(config.dir, 'routes.json'), JSON.stringify(routes))
    await assert.rejects(
      run(process.execPath, [main, '--check', '--config', config.dir]),
      (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 1)
        assert.match(error.stderr, /routes\.json#\/routes\/0\/paths\/0: /)
        assert.match(error.stderr, /routes\.json#\/routes\/0\/upstream: .*ghost/)
        return true
      },
    )
    await config.remove()
  })

  test('the connection cap refuses the next one with 503 and recovers', async () => {
    const upstream = await createUpstream()
    const saas = createSaas(upstream.url, { gateway: { limits: { connections: 4 } } })
    const config = await createConfigDir(saas)
    const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    const held = Array.from({ length: 4 }, () => connect(gateway.port, '127.0.0.1'))
    await Promise.all(held.map((socket) => once(socket, 'connect')))
    await waitUntil(() => ask(gateway.port, '/open/x').then((answer) => answer.status === 503))
    for (const socket of held) socket.destroy()
    await waitUntil(() =>
      ask(gateway.port, '/open/x').then(
        (answer) => answer.status === 200,
        () => false,
      ),
    )
    await gateway.stop()
    await Promise.all([upstream.close(), config.remove()])
  })
})
