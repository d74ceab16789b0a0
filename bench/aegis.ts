// Starts a gateway with one worker on a config written for the bench.
import { createHmac } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startNode } from './process.ts'
import type { Bench, Subject } from './scenario.ts'

export interface AegisSetup {
  /** The list of plugins.json. */
  readonly plugins: readonly object[]
  /** What the one route asks for besides its path and upstream. */
  readonly route: object
  readonly headers: Readonly<Record<string, string>>
}

const main = fileURLToPath(new URL('../gateway/main.ts', import.meta.url))
const secret = 'a-secret-for-benches-with-32-bytes-or-more'
export const benchHost = 'acme.example.com'

export async function startAegis({ upstream, core }: Bench, setup: AegisSetup): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'aegis-bench-'))
  const port = await freePort()
  await writeFiles(directory, {
    gateway: {
      listeners: [{ name: 'bench', host: '127.0.0.1', port }],
      workers: 1,
      admin: { port: 0 },
      log: { level: 'warn', access: 'off', file: 'access.log' },
    },
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'acme' }],
      upstreams: { api: { targets: [{ url: upstream }] } },
      routes: [{ id: 'items', paths: ['/api/v1/items/*', '/api/v1/items'], upstream: 'api', ...setup.route }],
    },
    plugins: { plugins: setup.plugins },
  })
  const gateway = await startNode({
    args: [main, '--config', directory],
    readyUrl: `http://127.0.0.1:${port}/health`,
    core,
    env: { JWT_SECRET: secret, AEGIS_STATE_DIR: join(directory, 'state') },
  })
  return {
    pid: gateway.pid,
    url: `http://127.0.0.1:${port}/api/v1/items`,
    headers: setup.headers,
    async stop() {
      await gateway.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function writeFiles(directory: string, files: Readonly<Record<string, object>>): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, `${name}.json`), JSON.stringify(content))
}

/** A token of the shipped config's issuer that may read items. */
export function signBenchToken(): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    ...{ iss: 'aegis-gateway', user_id: 'bench', tenant_id: 'acme', roles: ['member'] },
    ...{ permissions: ['items:read'], iat: now, exp: now + 3600 },
  }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
