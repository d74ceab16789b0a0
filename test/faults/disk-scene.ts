// Two gateways whose disk can be filled: config, state and logs on one tiny disk each, or the state alone, or no disk at
// all but a limit on what they may write.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Admin, createAdmin } from '../support/admin.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Scene } from './fault.ts'
import { taggedKinds } from './tagged-kinds.ts'
import { limitFileSize, mountTinyDisk, type TinyDisk } from './tiny-disk.ts'

/** What has no room left. `limit`: no file may grow, on whatever disk. */
export type Full = 'everything' | 'the state' | 'limit'

export interface DiskScene extends Scene {
  fill(): Promise<void>
  free(): Promise<void>
  /** Everything that must not work now does not, and says so; what must go on does. */
  writeWhileFull(): Promise<void>
}

/** One gateway, its files, and what its admin API has promised. */
interface Site {
  readonly gateway: TestGateway
  readonly admin: Admin
  readonly configDir: string
  readonly stateDir: string
  readonly logFile: string
  /** Of the last write that was acknowledged. */
  promised: number
  readonly actions: string[]
}

export interface DiskSceneOptions {
  readonly full: Full
  readonly fullAtStart?: boolean
}

const tenants = ['acme', 'globex'] as const

export async function startDiskScene({ full, fullAtStart = false }: DiskSceneOptions): Promise<DiskScene> {
  const upstream = await createUpstream((req, res) => res.end(`for ${req.headers['x-tenant-id']}`))
  const disks = full === 'limit' ? [] : [await mountTinyDisk(), await mountTinyDisk()]
  const closers: (() => Promise<void>)[] = []
  const places = await Promise.all(
    [0, 1].map((index) => createPlace(full, disks[index] ?? null, { url: upstream.url, closers })),
  )
  const launch = () => Promise.all(places.map(launchAt))
  let sites = await launch()
  const found: string[] = []
  const setFull = async (yes: boolean) => {
    for (const disk of disks) await (yes ? disk.fill() : disk.free())
    if (full === 'limit')
      for (const { gateway } of sites) limitFileSize(gateway.process.pid as number, yes ? 0 : null)
  }
  if (fullAtStart) {
    await Promise.all(sites.map(({ gateway }) => gateway.stop()))
    await setFull(true)
    sites = await launch()
  }
  let round = 0
  return {
    ...{ gateways: sites.map(({ gateway }) => gateway), kinds: taggedKinds(tenants) },
    fill: () => setFull(true),
    free: () => setFull(false),
    async writeWhileFull() {
      for (const site of sites)
        found.push(...(await (full === 'the state' ? writeOn(site) : isRefused(site, full))))
    },
    async recovered() {
      round += 1
      return (await Promise.all(sites.map((site) => isWhole(site, round)))).every(Boolean)
    },
    problems: async () => found,
    async stop() {
      await Promise.all(sites.map(({ gateway }) => gateway.stop()))
      await upstream.close()
      for (const disk of disks) await disk.remove()
      for (const close of closers) await close()
    },
  }
}

interface Place {
  readonly configDir: string
  readonly stateDir: string
  readonly logFile: string
}

async function createPlace(
  full: Full,
  disk: TinyDisk | null,
  parts: { readonly url: string; readonly closers: (() => Promise<void>)[] },
): Promise<Place> {
  const { url, closers } = parts
  const config = {
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: tenants.map((id) => ({ id })),
      upstreams: { api: { targets: [{ url }] } },
      routes: [{ id: 'api', paths: ['/api/*'], upstream: 'api', auth: 'none' }],
    },
    plugins: [
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  }
  const { dir, remove } = await createConfigDir({ ...config, gateway: { log: { file: 'logs/aegis.log' } } })
  closers.push(remove)
  const onDisk = full === 'everything' && disk !== null ? disk.dir : dir
  if (onDisk !== dir) {
    for (const name of ['gateway.json', 'routes.json', 'plugins.json'])
      await writeFile(join(onDisk, name), await readFile(join(dir, name)))
  }
  const stateDir = join(full === 'the state' && disk !== null ? disk.dir : onDisk, '.aegis')
  return { configDir: onDisk, stateDir, logFile: join(onDisk, 'logs/aegis.log') }
}

async function launchAt(place: Place): Promise<Site> {
  const env = { AEGIS_STATE_DIR: place.stateDir }
  const gateway = await startGateway({ configDir: place.configDir, env })
  return { ...place, gateway, admin: createAdmin(gateway), promised: 0, actions: [] }
}

const editTenant = (site: Site, number: number) =>
  site.admin('PATCH', '/admin/tenants/acme', { body: { metadata: { number } } })

const revokeUser = (site: Site, subject: string) =>
  site.admin('POST', '/admin/revocations', { body: { kind: 'user', subject, tenantId: 'acme' } })

/** A write is refused with 503 and the name of the file, and changes nothing. */
async function isRefused(site: Site, full: Full): Promise<string[]> {
  const found: string[] = []
  const path = join(site.configDir, 'routes.json')
  const before = await readFile(path, 'utf8')
  const live = (await site.admin('GET', '/admin/config')).headers.get('etag')
  const edit = await editTenant(site, -1)
  if (edit.status !== 503 || edit.body.errors?.[0]?.file !== 'routes.json')
    found.push(`an edit was answered with ${edit.status} ${JSON.stringify(edit.body)} (${full})`)
  const revocation = await revokeUser(site, 'nobody')
  if (revocation.status !== 503 || !String(revocation.body.detail).includes('revocations.json'))
    found.push(`a revocation was answered with ${revocation.status} ${JSON.stringify(revocation.body)}`)
  if ((await readFile(path, 'utf8')) !== before)
    found.push('routes.json was changed by a write that was refused')
  if ((await site.admin('GET', '/admin/config')).headers.get('etag') !== live)
    found.push('a write that was refused is live')
  const listed = (await site.admin('GET', '/admin/revocations')).body.data as { subject: string }[]
  if (listed.some(({ subject }) => subject === 'nobody')) found.push('a revocation that was refused counts')
  return found
}

/** The config itself can be written: only its history cannot be kept for now. */
async function writeOn(site: Site): Promise<string[]> {
  const found: string[] = []
  for (let time = 0; time < 3; time++) {
    const edit = await editTenant(site, site.promised + 1)
    if (edit.status !== 200)
      found.push(`an edit was answered with ${edit.status} ${JSON.stringify(edit.body)}`)
    else site.promised += 1
  }
  return found
}

/** Writes are taken again, and all that was promised is on disk, in whole files. */
async function isWhole(site: Site, round: number): Promise<boolean> {
  const edit = await editTenant(site, site.promised + 1)
  if (edit.status !== 200) return false
  site.promised += 1
  if ((await revokeUser(site, `user-${round}`)).status !== 201) return false
  const { body: audit } = await site.admin('GET', '/admin/audit?size=500')
  const { body: versions } = await site.admin('GET', '/admin/config/versions?size=500')
  const [config, lastGood, audited, kept, logged] = await Promise.all([
    readFile(join(site.configDir, 'routes.json'), 'utf8'),
    readFile(join(site.stateDir, 'last-good.json'), 'utf8'),
    readFile(join(site.stateDir, 'audit.jsonl'), 'utf8'),
    countKept(site, versions.data),
    readFile(site.logFile, 'utf8'),
  ])
  return (
    numberIn(JSON.parse(config)) === site.promised &&
    numberIn(JSON.parse(lastGood).routes) === site.promised &&
    toLines(audited).length === audit.data.length &&
    kept === versions.data.length &&
    toLines(logged).some((line) => line.msg === 'audit' && line.audit.action.includes(`user-${round}`))
  )
}

// biome-ignore lint/suspicious/noExplicitAny: lines of several kinds.
function toLines(text: string): any[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && isWholeLine(line))
    .map((line) => JSON.parse(line))
}

function isWholeLine(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

function numberIn(routes: {
  readonly tenants: readonly { readonly metadata?: { readonly number?: number } }[]
}) {
  return routes.tenants[0]?.metadata?.number
}

/** Versions that are on disk, in whole files. */
async function countKept(site: Site, versions: readonly { readonly number: number }[]): Promise<number> {
  const read = ({ number }: { readonly number: number }) =>
    readFile(join(site.stateDir, 'versions', `${number}.jsonl`), 'utf8').then(
      (text) => toLines(text).length === 2,
      () => false,
    )
  return (await Promise.all(versions.map(read))).filter(Boolean).length
}
