// A gateway before upstreams that keep raw bytes, one for each way to them, with one trusted proxy. For headers-*.test.ts.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'
import { createRawUpstream, type RawRequest, type RawUpstream } from '../support/raw-upstream.ts'
import { jwtEntry } from '../support/saas.ts'

/** Ways to an upstream; each is the first segment of the paths that go there. */
export const ways = ['http1', 'undici', 'https'] as const
export type Way = (typeof ways)[number]

/** The address that is in `trustedProxies`; all others of loopback are clients'. */
export const proxy = '127.0.0.2'
export const stranger = '127.0.0.1'

export interface HeaderScene {
  readonly gateway: TestGateway
  /** Port of the listener that takes IPv6 and IPv4 alike. */
  readonly dualPort: number
  readonly upstreams: Readonly<Record<Way, RawUpstream>>
  /** Sends, and gives the raw answer. */
  send(bytes: string, from?: string): Promise<string>
  /** The request of that path as its upstream got it. */
  seen(path: string): RawRequest
  close(): Promise<void>
}

function createParts(upstreams: HeaderScene['upstreams']) {
  const target = (way: Way) => ({ targets: [{ url: upstreams[way].url }] })
  const open = ways.map((way) => ({ id: way, paths: [`/${way}/*`], upstream: way, auth: 'none' }))
  return {
    gateway: {
      listeners: [
        { name: 'public', host: '127.0.0.1', port: 0 },
        { name: 'dual', host: '::', port: 0 },
      ],
      trustedProxies: [`${proxy}/32`, '10.0.0.0/8', 'fd00::/8'],
    },
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'acme' }],
      upstreams: {
        http1: target('http1'),
        undici: { ...target('undici'), transport: 'undici' },
        https: { ...target('https'), tls: { caFile: 'tls/one.ca.crt' } },
        preserving: { ...target('http1'), preserveHost: true },
      },
      routes: [
        ...open,
        ...ways.map((way) => ({ id: `${way}-known`, paths: [`/${way}/known/*`], upstream: way })),
        { id: 'preserved', paths: ['/preserved/*'], upstream: 'preserving', auth: 'none' },
        {
          ...{ id: 'stripped', paths: ['/outer/*'], upstream: 'http1', auth: 'none' },
          rewrite: { stripPrefix: '/outer' },
        },
      ],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      { id: 'cors', plugin: 'cors' },
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      {
        ...{ id: 'quota', plugin: 'rate-limit' },
        config: {
          limits: [
            {
              name: 'by-ip',
              algorithm: 'fixed-window',
              key: ['ip', 'route'],
              limit: 1_000,
              windowMs: 600_000,
            },
          ],
        },
      },
      { id: 'observability', plugin: 'observability' },
    ],
  }
}

export async function startHeaderScene(): Promise<HeaderScene> {
  const config = await createConfigDir({ routes: {} })
  const shop = createCertificateShop(join(config.dir, 'tls'))
  const issued = shop.issue(shop.authority('one'), { names: 'IP:127.0.0.1' })
  const [http1, undici, https] = await Promise.all([
    createRawUpstream(),
    createRawUpstream(),
    createRawUpstream(issued),
  ])
  const upstreams = { http1, undici, https }
  const parts = createParts(upstreams)
  const whole = { admin: { host: '127.0.0.1', port: 0 }, log: { file: null }, ...parts.gateway }
  await writeFile(join(config.dir, 'gateway.json'), JSON.stringify(whole))
  await writeFile(join(config.dir, 'routes.json'), JSON.stringify(parts.routes))
  await writeFile(join(config.dir, 'plugins.json'), JSON.stringify({ plugins: parts.plugins }))
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const ready = await waitUntil(() => gateway.logs().find(({ msg }) => msg === 'ready'))
  const listeners = ready.listeners as { name: string; port: number }[]
  return {
    ...{ gateway, upstreams },
    dualPort: listeners.find(({ name }) => name === 'dual')?.port as number,
    send: (bytes, from = stranger) => sendRaw(gateway.port, Buffer.from(bytes, 'latin1'), 10_000, from),
    seen(path) {
      const all = ways.flatMap((way) => upstreams[way].requests)
      const found = all.filter(({ head }) => head.split(' ', 2)[1] === path)
      if (found.length !== 1) throw new Error(`${path} reached its upstream ${found.length} times`)
      return found[0] as RawRequest
    },
    async close() {
      await gateway.stop()
      await Promise.all([...ways.map((way) => upstreams[way].close()), config.remove()])
    },
  }
}
