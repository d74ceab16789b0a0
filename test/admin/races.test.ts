import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AdminFixture, startAdmin } from './fixture.ts'

const writers = 50

/** Reads, adds its name, writes under If-Match; again until it was not too late. Gives the number of lost races. */
async function addName({ ask }: AdminFixture, path: string, member: string, name: string): Promise<number> {
  for (let lost = 0; ; lost += 1) {
    const read = await ask('GET', path)
    const body = { [member]: { ...read.body[member], [name]: true } }
    const headers = { 'if-match': read.headers.get('etag') ?? '' }
    const written = await ask('PATCH', path, { body, headers })
    if (written.status === 200) return lost
    assert.equal(written.status, 412, written.text)
  }
}

test('of fifty writers at once none loses an update, and who comes late gets 412', async (t) => {
  const admin = await startAdmin(t)
  const names = Array.from({ length: writers }, (_, index) => `w${index}`)
  const lost = await Promise.all(names.map((name) => addName(admin, '/admin/tenants/acme', 'metadata', name)))
  const { body } = await admin.ask('GET', '/admin/tenants/acme')
  assert.deepEqual(Object.keys(body.metadata).sort(), names.sort())
  assert.equal(admin.control.writes, writers)
  assert.ok(
    lost.some((races) => races > 0),
    'there was a race to lose',
  )
})

test('of fifty writers with one tag exactly one wins', async (t) => {
  const { ask, control } = await startAdmin(t)
  const headers = { 'if-match': (await ask('GET', '/admin/plugins/rate-limit')).headers.get('etag') ?? '' }
  const answers = await Promise.all(
    Array.from({ length: writers }, (_, limit) =>
      ask('PATCH', '/admin/plugins/rate-limit', { body: { config: { limit: limit + 1000 } }, headers }),
    ),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [
    200,
    ...Array.from({ length: writers - 1 }, () => 412),
  ])
  assert.equal(control.writes, 1)
})

test('fifty creators of one id make it once, and writers of different resources do not disturb each other', async (t) => {
  const { ask, control } = await startAdmin(t)
  const same = Array.from({ length: writers }, () => ask('POST', '/admin/tenants', { body: { id: 'one' } }))
  const different = Array.from({ length: writers }, (_, index) =>
    ask('PUT', `/admin/tenants/t${index}`, { body: {}, headers: { 'if-none-match': '*' } }),
  )
  const statuses = (await Promise.all(same)).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 201).length, 1)
  assert.equal(statuses.filter((status) => status === 409).length, writers - 1)
  assert.ok((await Promise.all(different)).every(({ status }) => status === 201))
  assert.equal((control.files().routes.tenants as unknown[]).length, 2 + 1 + writers)
})

test('the tag is compared with the files on disk, not with what the API remembers', async (t) => {
  const { ask, control } = await startAdmin(t)
  const headers = { 'if-match': (await ask('GET', '/admin/tenants/acme')).headers.get('etag') ?? '' }
  const { routes } = control.files()
  control.disk = {
    ...control.files(),
    routes: { ...routes, tenants: [{ id: 'acme', plan: 'edited by hand' }] },
  }
  assert.equal((await ask('PATCH', '/admin/tenants/acme', { body: { plan: 'free' }, headers })).status, 412)
})
