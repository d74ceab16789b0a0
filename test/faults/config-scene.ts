// Two gateways whose config files are spoilt and mended while they serve.
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAdmin } from '../support/admin.ts'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import type { FileName } from '../support/live.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Scene } from './fault.ts'
import { taggedKinds } from './tagged-kinds.ts'

export interface ConfigScene extends Scene {
  readonly dirs: readonly string[]
  /** Runs for each config directory, also while nobody reads it. */
  inEach(work: (dir: string) => Promise<void>): Promise<void>
  /** The text of a good routes.json that differs from all of before. */
  nextRoutes(): string
  /** Both gateways say that the files cannot be used. */
  noticed(): Promise<void>
  /** Makes both read the files now; whether each of them took what it read. */
  reload(): Promise<boolean[]>
  /** Whether both serve what the newest good routes say. */
  serveNewest(): Promise<boolean>
  /** Puts whole, good files in place of whatever is there. */
  repair(): Promise<void>
}

const tenants = ['acme', 'globex'] as const
const plugins = {
  plugins: [
    { id: 'tenant', plugin: 'tenant' },
    { id: 'observability', plugin: 'observability' },
  ],
}

/** `spoil`: what was done to the files between an earlier run and this one. */
export async function startConfigScene(spoil?: (dir: string) => Promise<void>): Promise<ConfigScene> {
  const upstream = await createUpstream((req, res) => res.end(`for ${req.headers['x-tenant-id']}`))
  let marks = 0
  const nextRoutes = () => JSON.stringify(createRoutes(upstream.url, ++marks))
  const parts = { routes: createRoutes(upstream.url, 0), plugins: plugins.plugins }
  const configs = await Promise.all([1, 2].map(() => createConfigDir(parts)))
  const dirs = configs.map(({ dir }) => dir)
  const inEach = async (work: (dir: string) => Promise<void>) => void (await Promise.all(dirs.map(work)))
  const launch = () => Promise.all(dirs.map((dir) => startGateway({ configDir: dir })))
  let gateways = await launch()
  if (spoil !== undefined) {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    await inEach(spoil)
    gateways = await launch()
  }
  const admins = gateways.map((gateway) => createAdmin(gateway))
  const areUsed = async (used: boolean) => {
    const answers = await Promise.all(admins.map((admin) => admin('GET', '/admin/status')))
    return answers.every(({ body }) => body.config.lastReloadOk === used)
  }
  const serveNewest = async () => {
    const asked = gateways.map(({ port }) => ask(port, `/mark-${marks}`))
    return (await Promise.all(asked)).every(({ status }) => status === 200)
  }
  return {
    ...{ gateways, dirs, inEach, nextRoutes, serveNewest, kinds: taggedKinds(tenants) },
    noticed: () => waitUntil(() => areUsed(false)).then(() => {}),
    reload: () =>
      Promise.all(admins.map(async (admin) => (await admin('POST', '/admin/reload')).status === 200)),
    recovered: async () => (await areUsed(true)) && (await serveNewest()),
    repair() {
      const routes = nextRoutes()
      return inEach(async (dir) => {
        await putInPlace(dir, 'routes.json', routes)
        await putInPlace(dir, 'plugins.json', JSON.stringify(plugins))
      })
    },
    problems: async () => [],
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      await Promise.all([upstream.close(), ...configs.map((one) => one.remove())])
    },
  }
}

/** As editors and deployments do: beside it, then renamed over it. */
export async function putInPlace(dir: string, name: FileName, text: string): Promise<void> {
  const path = join(dir, name)
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path).catch(async () => {
    await rm(path, { recursive: true, force: true })
    await rename(`${path}.new`, path)
  })
}

function createRoutes(url: string, mark: number) {
  const open = { upstream: 'api', auth: 'none' }
  return {
    tenancy: { baseDomains: ['example.com'] },
    tenants: tenants.map((id) => ({ id })),
    upstreams: { api: { targets: [{ url }] } },
    routes: [
      { ...open, id: 'api', paths: ['/api/*'] },
      { ...open, id: 'mark', paths: [`/mark-${mark}`] },
    ],
  }
}
