// A gateway with a service behind it for WebSockets, event streams and downloads, and what ends them.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import {
  agreeTo,
  closeAtEnd,
  createTunnelService,
  frame,
  handshake,
  openRaw,
  pathOf,
  type Side,
} from '../support/tunnels.ts'

const eventStream = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n'
const download = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\nfirst part'
/** More than a socket takes at once, after which a plugin lets go of it. */
const heldBytes = 200_000
const burst = `${eventStream}data: ${'x'.repeat(heldBytes)}\n\n`
/** A plugin that looks at the beginning of every answer. */
const looking = `export default {
  name: 'looking',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  onFailure: 'deny',
  create: () => ({
    onResponse: (ex) => { if (ex.responseSource === 'upstream') ex.inspectResponseBody(${heldBytes}) },
    onResponseBody: () => undefined,
  }),
}`
export const mask = Buffer.from([9, 8, 7, 6])

export async function startLongLivedScene() {
  const service = await createTunnelService((side) => {
    const path = pathOf(side.head)
    if (path.startsWith('/held')) side.socket.write(burst)
    else if (path.includes('stream')) side.socket.write(eventStream)
    else if (path.includes('download')) side.socket.write(download)
    else side.socket.write(agreeTo(side.head))
  })
  const config = await createConfigDir(
    createSaas(service.url, {
      gateway: {
        listeners: [
          { name: 'public', host: '127.0.0.1', port: 0 },
          { name: 'h2', host: '127.0.0.1', port: 0, http2: true },
        ],
      },
      routes: {
        tenants: [{ id: 'acme', plan: 'pro' }, { id: 'globex' }],
        upstreams: {
          api: { targets: [{ url: service.url }] },
          other: { targets: [{ url: service.url }] },
        },
        routes: [
          { id: 'api', paths: ['/api/*'], upstream: 'api' },
          { id: 'other', paths: ['/other/*'], upstream: 'other' },
          { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
          { id: 'held', paths: ['/held/*'], upstream: 'api' },
          { id: 'keep', paths: ['/keep/*'], upstream: 'api', longLived: { onExpiry: 'keep' } },
          { id: 'idle', paths: ['/idle/*'], upstream: 'api', longLived: { idleMs: 1_500 } },
          { id: 'aged', paths: ['/aged/*'], upstream: 'api', longLived: { maxMs: 1_500 } },
        ],
      },
      plugins: [
        { id: 'request-id', plugin: 'request-id' },
        { id: 'ip-restriction', plugin: 'ip-restriction' },
        { id: 'cors', plugin: 'cors' },
        { ...jwtEntry, config: { ...jwtEntry.config, clockToleranceSeconds: 0 } },
        { id: 'tenant', plugin: 'tenant' },
        { id: 'looking', plugin: './looking.ts', scope: { routes: ['held'] } },
        { id: 'observability', plugin: 'observability' },
      ],
    }),
  )
  const { dir } = config
  await writeFile(join(dir, 'looking.ts'), looking)
  const read = async (name: string) => JSON.parse(await readFile(join(dir, name), 'utf8'))
  // biome-ignore lint/suspicious/noExplicitAny: tests change what they are about.
  const original: { routes: any; plugins: any } = {
    routes: await read('routes.json'),
    plugins: await read('plugins.json'),
  }
  const gateway = await startGateway({ configDir: dir })

  const status = async () =>
    (await (
      await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
    ).json()) as { version: number; workers: { version: number }[] }

  /** Resolves once every worker runs the changed config. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  async function change(name: 'routes.json' | 'plugins.json', edit: (config: any) => unknown): Promise<void> {
    const { version } = await status()
    const before = await read(name)
    const changed = edit(structuredClone(before))
    if (JSON.stringify(changed) === JSON.stringify(before)) return
    await writeFile(join(dir, name), JSON.stringify(changed))
    await waitUntil(async () => {
      const now = await status()
      return now.version > version && now.workers.every((worker) => worker.version === now.version)
    })
  }

  let count = 0
  /** A tunnel, or a stream where the path says so, with both of its sides. */
  async function open(route: string, claims: Record<string, unknown> = {}, host?: string) {
    count += 1
    const path = `${route}/${count}`
    const jti = `token-${count}`
    const token = await createTestToken({ jti, ...claims })
    const options = host === undefined ? { token } : { token, host }
    const bytes =
      route.includes('stream') || route.includes('download')
        ? `GET ${path} HTTP/1.1\r\nHost: ${host ?? 'acme.example.com'}\r\nAuthorization: Bearer ${token}\r\n\r\n`
        : handshake(path, options)
    const client = await openRaw(gateway.port, bytes)
    return { client, path, upstream: await service.find(path), token, jti }
  }
  const globex = () => open('/api/ws', { tenant_id: 'globex', user_id: 'bob' }, 'globex.example.com')
  const lineOf = (path: string) => gateway.logs().find((line) => line.msg === 'request' && line.path === path)

  /** Both sides were told why, the log says so, and nothing is left of it. */
  async function assertEnded(
    { client, upstream, path }: { client: Side; upstream: Side; path: string },
    said: string,
  ): Promise<void> {
    await waitUntil(() => client.ended || client.closed)
    assert.equal(closeAtEnd(client.received), said)
    await waitUntil(() => upstream.ended)
    assert.equal(closeAtEnd(upstream.received), said)
    client.socket.end()
    upstream.socket.end()
    const line = await waitUntil(() => lineOf(path))
    assert.deepEqual([line.status, line.code], [101, said.slice(5)])
  }

  /** Bytes still pass, either way. */
  async function assertOpen({ client, upstream }: { client: Side; upstream: Side }): Promise<void> {
    const down = frame(1, `down ${count}`)
    const up = frame(1, `up ${count}`, mask)
    upstream.socket.write(down)
    client.socket.write(up)
    await waitUntil(() => client.received.includes(down) && upstream.received.includes(up))
    client.socket.destroy()
  }

  async function revoke(body: object): Promise<void> {
    const answer = await fetch(`${gateway.adminUrl}/admin/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(answer.ok, await answer.text())
  }

  /** Of all workers. */
  async function metric(name: string, label: string): Promise<number> {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
  }

  return {
    ...{ gateway, open, globex, change, revoke, lineOf, metric, assertEnded, assertOpen },
    /** The config is again what it was at the start. */
    async restore(): Promise<void> {
      await change('routes.json', () => original.routes)
      await change('plugins.json', () => original.plugins)
    },
    async stop(): Promise<void> {
      await service.close()
      await gateway.stop()
      await config.remove()
    },
  }
}

export const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1000) + seconds
