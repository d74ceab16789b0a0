// Everything that the soak needs, for real: a gateway of two workers, its servers, Redis, Consul, certificates.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startConsul, type TestConsul } from '../services/consul.ts'
import { type RedisServer, startRedis } from '../services/redis.ts'
import { type Admin, createAdmin } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { type Authority, type CertificateShop, createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { type Backend, startBackend } from './backend.ts'
import { baseDomain, createWorldConfig, lastingTenants, toOddPlugin } from './world-config.ts'

export interface World {
  readonly gateway: TestGateway
  readonly tlsPort: number
  readonly admin: Admin
  readonly dir: string
  /** Replaced by its restart. */
  readonly shared: { redis: RedisServer }
  readonly consul: TestConsul
  readonly steady: readonly [Backend, Backend]
  readonly flaky: readonly [Backend, Backend]
  readonly certificates: CertificateShop
  readonly authority: Authority
  /** Tenants of the config, in the order of their coming; changed by `changes.ts`. */
  readonly tenants: string[]
  stop(): Promise<void>
}

export const hostOf = (tenant: string): string => `${tenant}.${baseDomain}`

export async function statusOf({ admin }: Pick<World, 'admin'>) {
  return (await admin('GET', '/admin/status')).body
}

/** What is started is stopped again, the last one first, also when the rest cannot be started. */
export async function startWorld(): Promise<World> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    const world = await startParts(stops, stop)
    await fillConsul(world)
    await waitUntil(() => servesDiscovered(world), 60_000)
    return world
  } catch (error) {
    await stop()
    throw error
  }
}

async function startParts(stops: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<World> {
  const consul = await startConsul()
  stops.push(consul.kill)
  const shared = { redis: await startRedis() }
  stops.push(() => shared.redis.stop())
  const backends: Backend[] = []
  for (let n = 0; n < 4; n++) {
    const backend = await startBackend()
    backends.push(backend)
    stops.push(backend.shut)
  }
  const [one, two, three, four] = backends as [Backend, Backend, Backend, Backend]
  const addresses = { steady: [one.url, two.url], flaky: [three.url, four.url], consul: consul.url }
  const { dir, remove } = await createConfigDir(createWorldConfig(addresses))
  stops.push(remove)
  await writeFile(join(dir, 'odd.ts'), toOddPlugin(0))
  const certificates = createCertificateShop(join(dir, 'tls'))
  const authority = certificates.authority('soak')
  certificates.put('a', certificates.issue(authority, { names: `DNS:*.${baseDomain}` }))
  const gateway = await startGateway({ configDir: dir, env: { REDIS_URL: shared.redis.url } })
  stops.push(gateway.stop)
  return {
    ...{ gateway, admin: createAdmin(gateway), dir, shared, consul, certificates, authority, stop },
    ...{ steady: [one, two], flaky: [three, four], tenants: [...lastingTenants] },
    tlsPort: readTlsPort(gateway),
  }
}

/** Registers all services: at the start, and when Consul has forgotten them. */
export async function fillConsul({ consul, steady, tenants }: World): Promise<void> {
  for (const [index, { port }] of steady.entries())
    await consul.register({ name: 'api', id: `api-${index}`, port, tags: ['v1'] })
  for (const tenant of tenants) await consul.register({ name: `api-service-${tenant}`, port: steady[0].port })
}

/** The services of all tenants, too: one that was never found cannot be served while Consul is away. */
async function servesDiscovered({ gateway, tenants }: World): Promise<boolean> {
  const answers = await Promise.all(
    tenants.flatMap((tenant) =>
      ['/shared/small', '/own/small'].map((path) => ask(gateway.port, path, { host: hostOf(tenant) })),
    ),
  )
  return answers.every(({ status }) => status === 200)
}

function readTlsPort(gateway: TestGateway): number {
  const ready = gateway.logs().find(({ msg }) => msg === 'ready')
  const listeners = (ready?.listeners ?? []) as { name: string; port: number }[]
  return listeners.find(({ name }) => name === 'tls')?.port ?? 0
}
