// What operators do all day: tenants and routes come and go, plugins, certificates and files are edited, users are revoked.
// Nothing here excuses a lost request.
import assert from 'node:assert/strict'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask } from '../support/ask.ts'
import { createTestToken } from '../support/saas.ts'
import { type Act, eventually, type Stage } from './act.ts'
import { hostOf, statusOf, type World } from './world.ts'
import { baseDomain, lastingTenants, toOddPlugin } from './world-config.ts'

/** More than these are taken away again, the oldest first. */
const mostFreshTenants = 4
/** Each one leaves its series behind for good; these few are all there before anything is judged. */
const mostExtraRoutes = 2

export const changes: readonly Act[] = [
  { name: 'a tenant comes, the oldest of the new ones goes', run: changeTenants },
  { name: 'a route comes or goes', run: changeRoutes },
  { name: 'a plugin is configured anew', run: changePlugin },
  { name: 'a plugin is turned off and on', run: togglePlugin },
  { name: 'a certificate is renewed', run: renewCertificate },
  { name: 'a file is edited by hand', run: editFile },
  { name: 'a file is broken, and mended', run: breakFile },
  { name: "a plugin's code is replaced", run: changeCode },
  { name: 'a user is revoked', run: revoke },
  { name: 'decisions are purged', run: purge },
]

async function does(world: World, method: string, path: string, body?: unknown): Promise<void> {
  const answer = await world.admin(method, path, body === undefined ? {} : { body })
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
}

async function changeTenants({ world, n }: Stage): Promise<void> {
  const { consul, tenants, steady } = world
  const id = `fresh-${n}`
  await consul.register({ name: `api-service-${id}`, port: steady[1].port })
  await does(world, 'POST', '/admin/tenants', { id, plan: n % 2 === 0 ? 'pro' : 'free' })
  await eventually(() => servedEverywhere(world, hostOf(id), '/own/small'))
  tenants.push(id)
  if (tenants.length <= lastingTenants.length + mostFreshTenants) return
  const [oldest = ''] = tenants.splice(lastingTenants.length, 1)
  await does(world, 'DELETE', `/admin/tenants/${oldest}`)
  await consul.deregister(`api-service-${oldest}`)
}

/** Fresh connections, so that each worker is asked. */
async function servedEverywhere({ gateway }: World, host: string, path: string): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(gateway.port, path, { host })))
  return answers.every(({ status }) => status === 200)
}

async function changeRoutes({ world, n }: Stage): Promise<void> {
  const id = `extra-${n % mostExtraRoutes}`
  if ((await world.admin('GET', `/admin/routes/${id}`)).status === 200)
    return does(world, 'DELETE', `/admin/routes/${id}`)
  await does(world, 'POST', '/admin/routes', { id, paths: [`/${id}/*`], upstream: 'api', auth: 'none' })
  const answer = await ask(world.gateway.port, `/${id}/small`, { host: hostOf('tenant-0') })
  assert.equal(answer.status, 200, answer.text)
}

async function changePlugin({ world, n }: Stage): Promise<void> {
  await does(world, 'PATCH', '/admin/plugins/cors', { config: { maxAgeSeconds: 60 + (n % 1_000) } })
  await does(world, 'PATCH', '/admin/plugins/rbac', { config: { ttlSeconds: 4 + (n % 2) } })
}

async function togglePlugin({ world }: Stage): Promise<void> {
  await does(world, 'POST', '/admin/plugins/request-id/disable')
  await does(world, 'POST', '/admin/plugins/request-id/enable')
}

async function renewCertificate({ world, n }: Stage): Promise<void> {
  const { certificates, authority } = world
  const names = `DNS:*.${baseDomain}`
  certificates.put('a', certificates.issue(authority, { names, subject: `/CN=soak-${n}` }))
}

async function editFile({ world, n }: Stage): Promise<void> {
  const before = await versionOf(world)
  const config = JSON.parse(await readFile(join(world.dir, 'routes.json'), 'utf8'))
  config.tenants[0].metadata = { edited: String(n) }
  await replaceFile(world, 'routes.json', JSON.stringify(config))
  await eventually(async () => (await versionOf(world)) > before)
}

async function breakFile({ world }: Stage): Promise<void> {
  const good = await readFile(join(world.dir, 'plugins.json'), 'utf8')
  await replaceFile(world, 'plugins.json', good.slice(0, good.length / 2))
  await eventually(async () => !(await lastReloadOk(world)))
  await replaceFile(world, 'plugins.json', good)
  await eventually(() => lastReloadOk(world))
}

/** No new version of the config, but another time at which it was read. */
async function changeCode({ world, n }: Stage): Promise<void> {
  const readAt = async () => (await statusOf(world)).config.lastReloadAt
  const before = await readAt()
  await replaceFile(world, 'odd.ts', toOddPlugin(n))
  await eventually(async () => (await readAt()) !== before)
}

async function revoke({ world, n }: Stage): Promise<void> {
  const user = `revoked-${n}`
  const token = await createTestToken({ user_id: user, tenant_id: 'tenant-0' })
  const revocation = { kind: 'user', subject: user, tenantId: 'tenant-0', ttlSeconds: 60 }
  await does(world, 'POST', '/admin/revocations', revocation)
  const headers = { authorization: `Bearer ${token}` }
  const answer = await ask(world.gateway.port, '/api/small', { host: hostOf('tenant-0'), headers })
  assert.equal(answer.status, 401, answer.text)
}

/** Again, when Redis did not answer a busy machine in time: 503 says that it was done in part. */
async function purge({ world }: Stage): Promise<void> {
  await eventually(async () => {
    const { status } = await world.admin('DELETE', '/admin/cache/rbac?tenant=tenant-1')
    return status === 200
  })
}

async function replaceFile({ dir }: World, name: string, text: string): Promise<void> {
  await writeFile(join(dir, `${name}.new`), text)
  await rename(join(dir, `${name}.new`), join(dir, name))
}

const versionOf = async (world: World): Promise<number> => (await statusOf(world)).version
const lastReloadOk = async (world: World): Promise<boolean> => (await statusOf(world)).config.lastReloadOk
