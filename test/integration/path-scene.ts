// A gateway whose chain tells what each part of it takes the path for: RBAC by what it asks, the WAF by its audit record, the
// access log by its line, the upstream by its request line. For path-matrix.test.ts.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createHttp2Client, findAnswer, request, toHeaders } from '../support/http2-frames.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import { type Host, hosts } from './path-cases.ts'

export interface Sent {
  readonly status: number
  /** '' where there was no answer. */
  readonly requestId: string
}

/** What the parts of the gateway took the path of one request for; undefined: they were not asked. */
export interface Views {
  readonly asked: { readonly path: string; readonly resource: string } | undefined
  /** Hex of its bytes. */
  readonly fileName: string | undefined
  readonly logged: { readonly path: string; readonly route: string | null }
  /** Target of the request that the upstream got. */
  readonly upstream: string | undefined
}

export interface PathScene {
  readonly gateway: TestGateway
  /** `version`: of HTTP. */
  send(host: Host, target: string, version?: '1.1' | '2'): Promise<Sent>
  /** Once everything is written down. */
  viewsOf(requestIds: readonly string[]): Promise<Map<string, Views>>
  close(): Promise<void>
}

/** Sees every request, and says what it was told. */
const tellTale = `SecRule REQUEST_FILENAME "@unconditionalMatch" "id:1,phase:1,pass,t:none,t:hexEncode,log,auditlog,logdata:'%{MATCHED_VAR}'"\n`

const plugins = [
  { id: 'request-id', plugin: 'request-id' },
  jwtEntry,
  { id: 'tenant', plugin: 'tenant' },
  {
    ...{ id: 'waf', plugin: 'waf' },
    config: { rules: ['tell-tale.conf'], audit: 'all', auditParts: 'HZ', logData: true, budgetMs: 5_000 },
  },
  { id: 'rbac', plugin: 'rbac', config: { ttlSeconds: 0.001, maxTtlSeconds: 0.001 } },
  { id: 'observability', plugin: 'observability' },
]

function createRoutes(upstream: TestUpstream, slashes: 'merge' | 'keep'): object {
  const routes = hosts.flatMap(({ name, rewrite, paths, encodedSlashes }) => [
    {
      ...{ id: `${name}-open`, hosts: [`${name}.example.com`], paths: [paths[0]], upstream: 'api' },
      ...(rewrite && { rewrite: rewrite }),
      ...(encodedSlashes && { encodedSlashes }),
      permission: { resource: 'open' },
    },
    {
      ...{ id: `${name}-denied`, hosts: [`${name}.example.com`], paths: [paths[1]], upstream: 'api' },
      ...(rewrite && { rewrite: deniedRewrite(rewrite) }),
      permission: { resource: 'denied' },
    },
  ])
  return {
    tenancy: { baseDomains: ['example.com'] },
    tenants: hosts.map(({ name }) => ({ id: name })),
    upstreams: { api: { targets: [{ url: upstream.url }] } },
    slashes,
    routes,
  }
}

/** To the same place as that of the open route. */
function deniedRewrite(rewrite: NonNullable<Host['rewrite']>) {
  if (rewrite.path === undefined) return rewrite
  return { path: rewrite.path.replace('{area}', 'admin').replace(/v1\/\*$/, 'v1/admin/*') }
}

export async function startPathScene(slashes: 'merge' | 'keep'): Promise<PathScene> {
  const asked = new Map<string, { path: string; resource: string }>()
  const upstream = await createUpstream((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      if (req.url !== '/aegis/authorize') return res.end('served')
      const { resource, request } = JSON.parse(Buffer.concat(chunks).toString())
      asked.set(request.request_id, { path: request.path, resource })
      res.end(JSON.stringify({ allowed: resource === 'open', ttl: 0 }))
    })
  })
  const listeners = [{ name: 'public', host: '127.0.0.1', port: 0, http2: true }]
  const config = await createConfigDir({
    gateway: { listeners },
    routes: createRoutes(upstream, slashes),
    plugins,
  })
  await writeFile(join(config.dir, 'tell-tale.conf'), tellTale)
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  let users = 0
  return {
    gateway,
    async send(host, target, version = '1.1') {
      // Each its own user, so that no decision answers for another request.
      users += 1
      const token = await createTestToken({ user_id: `u${users}`, tenant_id: host.name, roles: [] })
      const one = { authority: `${host.name}.example.com`, target, authorization: `Bearer ${token}` }
      return version === '2' ? sendHttp2(gateway.port, one) : sendHttp1(gateway.port, one)
    },
    async viewsOf(requestIds) {
      const lines = await waitUntil(() => {
        const found = new Map<unknown, Record<string, unknown>>()
        for (const line of gateway.logs()) if (line.msg === 'request') found.set(line.request_id, line)
        return requestIds.every((id) => found.has(id)) && found
      })
      const audits = new Map(
        gateway
          .logs()
          .filter(({ event }) => event === 'waf-audit')
          .map((line) => [line.id, line]),
      )
      const served = upstream.seen.filter(({ url }) => url !== '/aegis/authorize')
      const up = new Map(served.map(({ headers, url }) => [headers['x-request-id'], url] as const))
      return new Map(
        requestIds.map((id) => {
          const { path, route } = lines.get(id) as { path: string; route: string | null }
          const matches = audits.get(id)?.matches as { data: string }[] | undefined
          const sent = up.get(id)
          return [
            id,
            { asked: asked.get(id), fileName: matches?.[0]?.data, logged: { path, route }, upstream: sent },
          ]
        }),
      )
    },
    async close() {
      await gateway.stop()
      await Promise.all([upstream.close(), config.remove()])
    },
  }
}

interface Question {
  readonly authority: string
  readonly target: string
  readonly authorization: string
}

async function sendHttp1(port: number, { authority, target, authorization }: Question): Promise<Sent> {
  const head = `Host: ${authority}\r\nAuthorization: ${authorization}\r\nConnection: close\r\n`
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\n${head}\r\n`, 'latin1')
  const received = await sendRaw(port, bytes, 30_000)
  const id = /\r\nx-request-id: (\S+)/i.exec(received)?.[1] ?? problemId(received)
  return { status: statusOf(received), requestId: id }
}

async function sendHttp2(port: number, { authority, target, authorization }: Question): Promise<Sent> {
  const client = await createHttp2Client(port)
  try {
    const pseudo = { ':path': target, ':authority': authority }
    client.send(toHeaders(1, request(pseudo, [['authorization', authorization]])))
    const answer = await client.answered(1)
    return {
      status: answer.status,
      requestId: findAnswer(answer, 'x-request-id')[0] ?? problemId(answer.body),
    }
  } finally {
    client.close()
  }
}

/** Of a request that was refused before any plugin ran. */
function problemId(text: string): string {
  return /"request_id":"([^"]+)"/.exec(text)?.[1] ?? ''
}
