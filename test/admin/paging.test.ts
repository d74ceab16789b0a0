import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageOf } from '../../admin/paging.ts'
import type { ConfigFiles } from '../../gateway/contract/control-api.ts'
import { createTestControl, shippedFiles } from './control.ts'
import { type AdminFixture, idsOf, startAdmin } from './fixture.ts'

const ids = Array.from({ length: 257 }, (_, index) => `tenant-${(index * 7) % 257}`)
const files: ConfigFiles = {
  ...shippedFiles,
  routes: { ...shippedFiles.routes, tenants: ids.map((id) => ({ id })) },
}

async function walk({ ask }: AdminFixture, path: string, onPage: (page: string[]) => void = () => {}) {
  const seen: string[] = []
  for (let after: string | null = ''; after !== null; ) {
    const joint = path.includes('?') ? '&' : '?'
    const page = await ask('GET', after === '' ? path : `${path}${joint}after=${encodeURIComponent(after)}`)
    assert.equal(page.status, 200, page.text)
    seen.push(...idsOf(page))
    onPage(idsOf(page))
    after = page.body.next
  }
  return seen
}

test('pages of any size give every entry once, in the order of the file', async (t) => {
  const admin = await startAdmin(t, createTestControl(files))
  for (const size of [1, 2, 7, 100, 256, 257, 258, 1000]) {
    const pages: string[][] = []
    const seen = await walk(admin, `/admin/tenants?size=${size}`, (page) => pages.push(page))
    assert.deepEqual(seen, ids, String(size))
    assert.equal(pages.length, Math.ceil(ids.length / size))
    assert.ok(pages.every((page) => page.length <= size))
  }
  assert.equal(idsOf(await admin.ask('GET', '/admin/tenants')).length, 100, 'the default')
})

test('entries that come and go between two pages neither repeat nor hide others', async (t) => {
  const control = createTestControl(files)
  const admin = await startAdmin(t, control)
  const first = await admin.ask('GET', '/admin/tenants?size=10')
  const kept = ids.filter((id) => id !== ids[3] && id !== ids[9] && id !== ids[20])
  const tenants = [{ id: 'newcomer' }, ...kept.map((id) => ({ id }))]
  control.disk = { ...files, routes: { ...files.routes, tenants } }
  await control.reload('test')
  const rest: string[] = []
  for (let after = first.body.next; after !== null; ) {
    const page = await admin.ask('GET', `/admin/tenants?size=50&after=${after}`)
    rest.push(...idsOf(page))
    after = page.body.next
  }
  // The last one given was itself deleted: what followed it still follows.
  assert.deepEqual(
    rest.filter((id) => !idsOf(first).includes(id)),
    kept.filter((id) => ids.indexOf(id) >= 10),
  )
})

test('sizes and cursors that are none are refused, with their place', async (t) => {
  const { ask } = await startAdmin(t)
  const cursor = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const bad = ['size=0', 'size=1001', 'size=x', 'size=1.5', 'size=1&size=2', 'after=', 'after=!', 'after=e30']
  bad.push(`after=${cursor([-1, 'x'])}`, `after=${cursor([1.5, 'x'])}`, `after=${cursor([1, 2])}`)
  for (const query of bad) {
    const refused = await ask('GET', `/admin/tenants?${query}`)
    assert.equal(refused.status, 400, query)
    assert.match(refused.body.errors[0].pointer, /^\/(size|after)$/)
  }
  const past = await ask('GET', `/admin/tenants?after=${cursor([9e15, 'x'])}`)
  assert.deepEqual(past.body, { data: [], next: null })
})

test('every list of the API is paged', async (t) => {
  const { ask, control } = await startAdmin(t)
  for (let index = 0; index < 3; index += 1) {
    await ask('POST', '/admin/revocations', { body: { kind: 'user', subject: `u${index}` } })
    await ask('POST', `/admin/tenants/acme/${index % 2 === 0 ? 'suspend' : 'activate'}`)
    control.log(`{"n":${index % 2}}\n`)
  }
  const entries = [1, 2, 3].map((n) => ({ user: `u${n}`, key: n }))
  control.answers = { 'rbac inspect': [entries], 'rate-limit inspect': [entries] }
  const paths = [
    'plugins',
    'routes',
    'upstreams',
    'tenants',
    'schemas/plugins',
    'config/versions',
    'cache/rbac',
  ]
  paths.push('revocations', 'audit', 'logs', 'rate-limits?key=k')
  for (const path of paths.map((one) => `/admin/${one}`)) {
    const joint = path.includes('?') ? '&' : '?'
    const all = (await ask('GET', path)).body
    assert.equal(all.next, null)
    const seen: unknown[] = []
    for (let after: string | null = null; ; ) {
      const page: { data: unknown[]; next: string | null } = (
        await ask('GET', `${path}${joint}size=1${after === null ? '' : `&after=${after}`}`)
      ).body
      seen.push(...page.data)
      after = page.next
      if (after === null) break
    }
    assert.deepEqual(seen, all.data, path)
    assert.ok(seen.length > 0, path)
  }
})

test('in a list newest first that grows while it is read, nothing is given twice', () => {
  const grown = (count: number) => Array.from({ length: count }, (_, index) => String(count - index))
  const first = pageOf(grown(10), (key) => key, { size: 4 })
  const second = pageOf(grown(13), (key) => key, { size: 4, after: first.next ?? '' })
  assert.deepEqual([...first.data, ...second.data], ['10', '9', '8', '7', '6', '5', '4', '3'])
  const forgotten = pageOf(['99', '98'], (key) => key, { size: 4, after: first.next ?? '' }, 'nothing')
  assert.deepEqual(forgotten, { data: [], next: null })
})
