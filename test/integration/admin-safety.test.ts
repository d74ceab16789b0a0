// What the admin API must never do: lose an edit, change something halfway, or let in whoever may not.
import assert from 'node:assert/strict'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { AdminAnswer } from '../support/admin.ts'
import { waitUntil } from '../support/gateway.ts'
import { killerEntry, killWorker, writeKiller } from '../support/killer.ts'
import { bearer, type FileName, type LiveSaas, startLiveSaas } from '../support/live.ts'

describe('the admin API under races and mistakes', () => {
  let saas: LiveSaas
  before(async () => {
    saas = await startLiveSaas()
  })
  after(() => saas?.close())

  const filesNow = async () => {
    const names: FileName[] = ['gateway.json', 'routes.json', 'plugins.json']
    return JSON.stringify(await Promise.all(names.map(saas.readText)))
  }
  /** Runs `attempt` and fails if it changed a file or a version. */
  const changingNothing = async (attempt: () => Promise<AdminAnswer>): Promise<AdminAnswer> => {
    const [files, version] = [await filesNow(), await saas.version()]
    const answer = await attempt()
    assert.equal(await filesNow(), files)
    assert.equal(await saas.version(), version)
    return answer
  }
  const etagOf = async (path: string) => (await saas.admin('GET', path)).headers.get('etag') as string

  test('a lost race is 412 and changes nothing', async () => {
    const path = '/admin/tenants/acme'
    const stale = { 'if-match': await etagOf(path) }
    const first = await saas.admin('PATCH', path, { headers: stale, body: { metadata: { by: 'first' } } })
    assert.equal(first.status, 200)
    for (const method of ['PATCH', 'PUT', 'DELETE']) {
      const body = method === 'DELETE' ? {} : { body: { metadata: { by: 'second' } } }
      const lost = await changingNothing(() => saas.admin(method, path, { headers: stale, ...body }))
      assert.equal(lost.status, 412, method)
      assert.equal(lost.headers.get('etag'), first.headers.get('etag'))
    }
    const fresh = { 'if-match': first.headers.get('etag') as string }
    const second = await saas.admin('PATCH', path, { headers: fresh, body: { metadata: { by: 'second' } } })
    assert.equal(second.status, 200)
    const order = { 'if-match': '"stale"' }
    const ids = (await saas.admin('GET', '/admin/plugins/order')).body
    const put = () => saas.admin('PUT', '/admin/plugins/order', { headers: order, body: ids })
    assert.equal((await changingNothing(put)).status, 412)
    const create = { 'if-none-match': '*' }
    const again = () => saas.admin('PUT', path, { headers: create, body: {} })
    assert.equal((await changingNothing(again)).status, 412)
  })

  test('a dry run of every kind of write changes nothing, and says what would be', async () => {
    const route = { id: 'dry', paths: ['/dry/*'], upstream: 'api', auth: 'none' }
    const { order } = (await saas.admin('GET', '/admin/plugins/order')).body as { order: string[] }
    const { version: _, ...config } = (await saas.admin('GET', '/admin/config')).body
    const swapped = [order[1], order[0], ...order.slice(2)]
    const writes: [string, string, unknown?][] = [
      ['POST', '/admin/routes', route],
      ['PUT', '/admin/routes/dry', route],
      ['PATCH', '/admin/routes/open', { paths: ['/dry/*'] }],
      ['DELETE', '/admin/routes/open'],
      ['POST', '/admin/tenants/acme/suspend'],
      ['PATCH', '/admin/upstreams/api', { targets: [{ url: 'http://127.0.0.1:1' }] }],
      ['POST', '/admin/plugins/request-id/disable'],
      ['PUT', '/admin/plugins/order', { order: swapped }],
      ['PUT', '/admin/config', { ...config, routes: { ...config.routes, routes: [route] } }],
      ['POST', '/admin/config/rollback/1'],
      ['POST', '/admin/reload'],
      ['POST', '/admin/revocations', { kind: 'user', subject: 'ada' }],
    ]
    for (const [method, path, body] of writes) {
      const attempt = () => saas.admin(method, `${path}?dry_run=true`, body === undefined ? {} : { body })
      const answer = await changingNothing(attempt)
      assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
      assert.equal(answer.body.dry_run, true, `${method} ${path}`)
    }
    assert.equal(await saas.statusEverywhere('/open/x'), 200)
    assert.equal(await saas.statusEverywhere('/dry/x'), 404)
    assert.equal(await saas.statusEverywhere('/api/x', { headers: await bearer() }), 200)
  })

  const invalid: [string, string, unknown, string[]][] = [
    ['PATCH', '/admin/routes/api', { upstream: 'aip' }, ['/routes/0/upstream']],
    ['PATCH', '/admin/routes/api', { paths: ['nope'], roels: [] }, ['/routes/0/paths/0', '/routes/0/roels']],
    ['POST', '/admin/tenants', { id: 'Not A Label', plan: 'ghost' }, ['/tenants/3/id']],
    [
      'POST',
      '/admin/tenants',
      { id: 'new', plan: 'ghost', hosts: ['-'] },
      ['/tenants/3/plan', '/tenants/3/hosts/0'],
    ],
    ['PUT', '/admin/upstreams/api', { targets: [{ url: 'ftp://x' }] }, ['/upstreams/api/targets/0/url']],
    [
      'PATCH',
      '/admin/plugins/rate-limit',
      { config: { limits: [{ name: 'quota', algorithm: 'fixed-windw', limit: 0 }] } },
      ['/plugins/6/config/limits/0/algorithm', '/plugins/6/config/limits/0/limit'],
    ],
  ]
  for (const [method, path, body, pointers] of invalid) {
    test(`${method} ${path} with ${JSON.stringify(body)} is refused with pointers`, async () => {
      const answer = await changingNothing(() => saas.admin(method, path, { body }))
      assert.equal(answer.status, 422)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json')
      assert.equal(answer.body.code, 'AEGIS_ADMIN_INVALID_CONFIG')
      const found = answer.body.errors.map((error: { pointer: string }) => error.pointer)
      for (const pointer of pointers) assert.ok(found.includes(pointer), `${pointer} in ${found}`)
      assert.ok(answer.body.errors.every((error: { detail: string }) => error.detail.length > 10))
    })
  }

  test('thirty editors at once, each reading and writing under If-Match, lose nothing', async () => {
    const path = '/admin/tenants/globex'
    let lost = 0
    const editor = async (name: string): Promise<void> => {
      for (;;) {
        const { body, headers } = await saas.admin('GET', path)
        const names = [...(body.metadata?.names ?? []), name]
        const write = { ...body, metadata: { names } }
        const answer = await saas.admin('PUT', path, {
          headers: { 'if-match': headers.get('etag') as string },
          body: write,
        })
        if (answer.status === 200) return
        assert.equal(answer.status, 412, JSON.stringify(answer.body))
        lost += 1
      }
    }
    // Others change other things meanwhile, without looking.
    const maker = async (name: string): Promise<void> => {
      const route = { paths: [`/made/${name}`], upstream: 'api', auth: 'none' }
      assert.equal((await saas.admin('PUT', `/admin/routes/${name}`, { body: route })).status, 201)
    }
    const names = Array.from({ length: 30 }, (_, n) => `editor-${n}`)
    const before = await saas.version()
    await Promise.all([...names.map(editor), ...Array.from({ length: 10 }, (_, n) => maker(`made-${n}`))])
    const stored = await saas.readJson('routes.json')
    const globex = stored.tenants.find(({ id }: { id: string }) => id === 'globex')
    assert.deepEqual(new Set(globex.metadata.names), new Set(names))
    assert.equal(globex.metadata.names.length, 30)
    assert.deepEqual(globex.hosts, ['api.globex.test'])
    for (let n = 0; n < 10; n++) assert.equal(await saas.statusEverywhere(`/made/made-${n}`), 200)
    assert.ok(lost > 0)
    assert.equal(await saas.version(), before + 40)
  })

  for (const [name, what, breakIt] of [
    ['routes.json', 'half-written', (good: string) => good.slice(0, 100)],
    ['plugins.json', 'with a member twice', (good: string) => good.replace('{', '{ "plugins": [], ')],
  ] as const) {
    test(`an edit while ${name} is ${what} is 409, and the operator's file is left alone`, async () => {
      const good = await saas.readText(name)
      const broken = breakIt(good)
      await writeFile(join(saas.dir, name), broken)
      const attempt = () => saas.admin('PATCH', '/admin/tenants/acme', { body: { plan: 'free' } })
      const answer = await changingNothing(attempt)
      assert.equal(answer.status, 409)
      assert.equal(answer.body.errors[0].file, name)
      assert.equal(await saas.readText(name), broken)
      assert.equal(await saas.statusEverywhere('/open/x'), 200)
      // What the operator writes next, by hand, is kept by the next edit.
      const repaired = name === 'routes.json' ? good.replace('"/open/*"', '"/opened/*"') : good
      await writeFile(join(saas.dir, name), repaired)
      assert.equal((await saas.admin('PATCH', '/admin/tenants/acme', { body: { plan: 'free' } })).status, 200)
      const path = name === 'routes.json' ? '/opened/x' : '/open/x'
      assert.equal(await saas.statusEverywhere(path), 200)
      await saas.admin('PATCH', '/admin/routes/open', { body: { paths: ['/open/*'] } })
      await saas.admin('PATCH', '/admin/tenants/acme', { body: { plan: 'pro' } })
    })
  }

  test('edits by hand and by the API at the same moment are both kept', async () => {
    for (let round = 0; round < 5; round++) {
      const byHand = await saas.readJson('plugins.json')
      byHand.plugins.find(({ id }: { id: string }) => id === 'cors').config = { maxAgeSeconds: 100 + round }
      const edit = saas.admin('PATCH', '/admin/tenants/acme', { body: { metadata: { round } } })
      await writeFile(join(saas.dir, 'by-hand.json'), JSON.stringify(byHand))
      await rename(join(saas.dir, 'by-hand.json'), join(saas.dir, 'plugins.json'))
      assert.equal((await edit).status, 200)
      await waitUntil(async () => {
        const cors = (await saas.admin('GET', '/admin/plugins/cors')).body
        return cors.config?.maxAgeSeconds === 100 + round
      })
      const tenant = (await saas.admin('GET', '/admin/tenants/acme')).body
      assert.equal(tenant.metadata.round, round)
    }
    await saas.version()
  })

  test('a file that cannot be written is named, and nothing changes', async () => {
    // A name so long that none is left for the temporary file beside it: this stops root too.
    const path = join(saas.dir, 'routes.json')
    const target = join(saas.dir, `${'long'.repeat(60)}.json`)
    await rename(path, target)
    await symlink(target, path)
    const attempt = () => saas.admin('PATCH', '/admin/tenants/acme', { body: { status: 'suspended' } })
    const answer = await changingNothing(attempt)
    assert.equal(answer.status, 503)
    assert.equal(answer.body.code, 'AEGIS_ADMIN_FILES_NOT_WRITTEN')
    assert.deepEqual([answer.body.errors[0].file, answer.body.errors[0].pointer], ['routes.json', ''])
    assert.equal(await saas.statusEverywhere('/open/x'), 200)
    await rm(path)
    await rename(target, path)
    const { status } = await saas.admin('PATCH', '/admin/tenants/acme', { body: { metadata: {} } })
    assert.equal(status, 200)
  })

  test('edits go on, none is lost and none waits, while workers die', async () => {
    await writeKiller(saas.dir)
    assert.equal((await saas.admin('POST', '/admin/plugins', { body: killerEntry })).status, 201)
    let running = true
    const killer = (async () => {
      while (running) await killWorker(saas.gateway, saas.admin, '/open/x')
    })()
    const names = Array.from({ length: 30 }, (_, n) => `edit-${n}`)
    for (const name of names) {
      const startedAt = performance.now()
      const patch = { metadata: { [name]: true } }
      assert.equal((await saas.admin('PATCH', '/admin/tenants/acme', { body: patch })).status, 200)
      assert.ok(performance.now() - startedAt < 10_000)
    }
    running = false
    await killer
    const { tenants } = await saas.readJson('routes.json')
    const kept = Object.keys(tenants.find(({ id }: { id: string }) => id === 'acme').metadata)
    assert.deepEqual(
      names.filter((name) => !kept.includes(name)),
      [],
    )
    assert.equal((await saas.admin('DELETE', '/admin/plugins/kill')).status, 200)
    await saas.version()
  })

  test('viewers read, operators write, only admins replace everything, and nobody else gets in', async () => {
    const { viewer, operator } = saas.tokens
    const edit = { body: { metadata: { seen: true } } }
    const { version: _, ...config } = (await saas.admin('GET', '/admin/config')).body
    const statuses = async (token: string) => {
      const read = await saas.admin('GET', '/admin/plugins', { token })
      const write = await saas.admin('PATCH', '/admin/tenants/acme', { ...edit, token })
      const whole = await saas.admin('PUT', '/admin/config', { body: config, token })
      return [read.status, write.status, whole.status]
    }
    assert.deepEqual(await statuses(viewer), [200, 403, 403])
    assert.deepEqual(await statuses(operator), [200, 200, 403])
    assert.deepEqual(await statuses(saas.gateway.adminToken), [200, 200, 200])
    assert.deepEqual(await statuses('nobody-token-of-the-tests'), [401, 401, 401])
  })

  test('the audit names every write, newest first, with its author and its outcome', async () => {
    const { operator } = saas.tokens
    const rounds = [0, 1, 2, 3, 4, 5]
    for (const n of rounds) {
      await saas.admin('PATCH', '/admin/tenants/acme', { body: { metadata: { n } }, token: operator })
    }
    await saas.admin('PATCH', '/admin/tenants/acme', { body: { plan: 'ghost' }, token: operator })
    await saas.admin('DELETE', '/admin/cache/rbac?user=ada')
    await saas.admin('POST', '/admin/revocations', { body: { kind: 'token', subject: 'j' } })
    const version = await saas.version()
    const { data } = (await saas.admin('GET', '/admin/audit?size=10')).body
    const told = data.map(({ by, action, outcome, version }: Record<string, unknown>) => [
      by,
      action,
      outcome,
      version,
    ])
    const patch = 'PATCH /admin/tenants/acme'
    assert.deepEqual(told.slice(0, 9), [
      ['AEGIS_ADMIN_TOKEN', 'revoke token j', 'ok', null],
      ['AEGIS_ADMIN_TOKEN', 'DELETE /admin/cache/rbac {"user":"ada"}', 'purged 0', null],
      ['operator', patch, 'invalid', null],
      ...rounds.map((n) => ['operator', patch, 'ok', version - n]),
    ])
    const all = (await saas.admin('GET', '/admin/audit?size=100&by=operator')).body.data
    assert.ok(all.every(({ by }: { by: string }) => by === 'operator'))
    const versions = (await saas.admin('GET', '/admin/audit?size=200')).body.data
      .map((entry: { version: number | null }) => entry.version)
      .filter((one: number | null) => one !== null)
    assert.deepEqual(
      versions,
      versions.toSorted((a: number, b: number) => b - a),
    )
  })
})
