// Two gateways that find their upstreams, one of them per tenant, and their config in one Consul.
import { startConsul, type TestConsul } from '../services/consul.ts'
import { type Admin, createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import { type ConsulFront, startConsulFront } from './consul-front.ts'
import type { Kind, Scene } from './fault.ts'

export interface ConsulScene extends Scene {
  readonly consul: TestConsul
  readonly front: ConsulFront
  /** Registers what the scene needs again, for a Consul that has forgotten it. */
  fill(): Promise<void>
  /** Both gateways say that Consul is away, or that its answers are empty. */
  noticed(): Promise<void>
}

const prefix = 'aegis/config'
const tenants = ['acme', 'globex'] as const
type Backends = Readonly<Record<'one' | 'two' | (typeof tenants)[number], TestUpstream>>

/** `awayAtStart`: the gateways knew everything in an earlier run, and start anew while Consul is away. */
export async function startConsulScene(
  options: { readonly awayAtStart?: boolean } = {},
): Promise<ConsulScene> {
  const consul = await startConsul()
  const front = await startConsulFront(consul.port)
  const backends = {
    one: await createNamed('shared'),
    two: await createNamed('shared'),
    acme: await createNamed('acme'),
    globex: await createNamed('globex'),
  }
  const fill = () => fillConsul(consul, backends)
  await fill()
  const dirs = await Promise.all([1, 2].map(() => createConfigDir(createConfig(front.url))))
  const launch = () => Promise.all(dirs.map(({ dir }) => startGateway({ configDir: dir })))
  let gateways = await launch()
  if (options.awayAtStart === true) {
    await waitUntil(() => servesAll(gateways))
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    await consul.kill()
    gateways = await launch()
  }
  const admins = gateways.map((gateway) => createAdmin(gateway))
  let marks = 0
  return {
    ...{ consul, front, fill, gateways, kinds: createKinds() },
    noticed: () => waitUntil(() => isTroubled(admins)).then(() => {}),
    async recovered() {
      if (!(await isUp(admins))) return false
      marks += 1
      return followsAgain({ consul, gateways, mark: `/mark-${marks}` })
    },
    problems: async () => [],
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([
        consul.kill(),
        front.close(),
        ...Object.values(backends).map((one) => one.close()),
        ...dirs.map((one) => one.remove()),
      ])
    },
  }
}

function createNamed(name: string): Promise<TestUpstream> {
  return createUpstream((_, res) => res.end(name))
}

function createConfig(consulUrl: string) {
  const gateway = { consul: { url: consulUrl }, configSource: { consulKv: prefix } }
  return { gateway, routes: { upstreams: {}, routes: [] } }
}

function routesOf(...marks: string[]): string {
  const open = (id: string, path: string, upstream: string) => ({ id, paths: [path], upstream, auth: 'none' })
  return JSON.stringify({
    tenancy: { baseDomains: ['example.com'] },
    tenants: tenants.map((id) => ({ id })),
    upstreams: {
      shared: { consul: { service: 'api', tag: 'v1' } },
      own: { consul: { service: 'api-service-{tenant}' } },
    },
    routes: [
      open('shared', '/shared', 'shared'),
      open('own', '/own', 'own'),
      ...marks.map((path, index) => open(`mark-${index}`, path, 'shared')),
    ],
  })
}

const plugins = JSON.stringify({
  plugins: [
    { id: 'tenant', plugin: 'tenant' },
    { id: 'observability', plugin: 'observability' },
  ],
})

async function fillConsul(consul: TestConsul, backends: Backends): Promise<void> {
  await consul.register({ name: 'api', id: 'one', port: backends.one.port, tags: ['v1'] })
  await consul.register({ name: 'api', id: 'two', port: backends.two.port, tags: ['v1'] })
  for (const id of tenants) await consul.register({ name: `api-service-${id}`, port: backends[id].port })
  await consul.put(`${prefix}/plugins.json`, plugins)
  await consul.put(`${prefix}/routes.json`, routesOf())
}

const hostOf = (tenant: string) => `${tenant}.example.com`

function createKinds(): Kind[] {
  const expect = (answer: Answer, text: string) => {
    if (answer.status === 200) return answer.text === text ? 'ok' : 'wrong'
    return answer.status >= 500 ? 'lost' : 'wrong'
  }
  const own = tenants.map(
    (tenant): Kind => ({
      name: `the service of ${tenant}`,
      make: () => ({ path: '/own', host: hostOf(tenant) }),
      judge: (answer) => expect(answer, tenant),
    }),
  )
  const shared: Kind = {
    name: 'a shared service',
    make: (n) => ({ path: '/shared', host: hostOf(tenants[n % 2] as string) }),
    judge: (answer) => expect(answer, 'shared'),
  }
  return [shared, ...own]
}

async function servesAll(gateways: readonly TestGateway[]): Promise<boolean> {
  const asked = gateways.flatMap(({ port }) =>
    tenants.flatMap((tenant) => ['/own', '/shared'].map((path) => ask(port, path, { host: hostOf(tenant) }))),
  )
  return (await Promise.all(asked)).every(({ status }) => status === 200)
}

interface Status {
  readonly state: { readonly consul: { readonly up: boolean } }
  readonly config: { readonly lastReloadOk: boolean }
}

async function statusesOf(admins: readonly Admin[]): Promise<Status[]> {
  return Promise.all(admins.map(async (admin) => (await admin('GET', '/admin/status')).body as Status))
}

async function isUp(admins: readonly Admin[]): Promise<boolean> {
  return (await statusesOf(admins)).every(({ state, config }) => state.consul.up && config.lastReloadOk)
}

async function isTroubled(admins: readonly Admin[]): Promise<boolean> {
  return (await statusesOf(admins)).every(({ state, config }) => !state.consul.up || !config.lastReloadOk)
}

/** A config that was never there is live in both gateways. */
async function followsAgain(scene: {
  readonly consul: TestConsul
  readonly gateways: readonly TestGateway[]
  readonly mark: string
}): Promise<boolean> {
  const { consul, gateways, mark } = scene
  await consul.put(`${prefix}/routes.json`, routesOf(mark))
  const isLive = async ({ port }: TestGateway) =>
    (await ask(port, mark, { host: hostOf('acme') })).status === 200
  return waitUntil(async () => (await Promise.all(gateways.map(isLive))).every(Boolean), 4_000)
}
