// Clients that ask and wait for the answer. The others are in restless-kinds.ts.
import { type Answer, type AskOptions, ask } from '../support/ask.ts'
import { authorize, type Client, type Kind, type Report, well } from './client.ts'
import { hostOf } from './world.ts'

interface Row {
  readonly name: string
  readonly share: number
  readonly path: string
  readonly route?: string
  readonly method?: string
  readonly bodyBytes?: number
  /** Sent as it is, as JSON. */
  readonly json?: string
  /** null: no token. Claims that differ from those of a good one. */
  readonly claims?: object | null
  readonly host?: string
  readonly statuses: readonly number[]
  /** What a good answer holds besides the tenant. */
  readonly holds?: (answer: Answer, client: Client) => boolean
}

const isOwn = (answer: Answer, { tenant, user }: Client) =>
  answer.json().tenant === tenant && answer.json().user === user
const isOfTenant = (answer: Answer, { tenant }: Client) => answer.json().tenant === tenant
const has = (bytes: number) => (answer: Answer, client: Client) =>
  isOfTenant(answer, client) && answer.json().bytes === bytes

const rows: readonly Row[] = [
  { name: 'GET', share: 30, path: '/api/small', statuses: [200], holds: isOwn },
  {
    ...{ name: 'POST', share: 10, path: '/api/small', method: 'POST', bodyBytes: 300 },
    ...{ statuses: [200], holds: has(300) },
  },
  {
    ...{ name: 'large upload', share: 2, path: '/api/small', method: 'POST', bodyBytes: 400_000 },
    ...{ statuses: [200], holds: has(400_000) },
  },
  {
    ...{ name: 'large download', share: 3, path: '/open/large', claims: null, statuses: [200] },
    holds: ({ text, headers }, { tenant }) => text.length === 262_144 && headers['x-tenant'] === tenant,
  },
  {
    ...{ name: 'events', share: 3, path: '/open/events', claims: null, statuses: [200] },
    holds: ({ text }, { tenant }) => text.split(`data: ${tenant} `).length === 6,
  },
  { name: 'slow answer', share: 2, path: '/api/slow', statuses: [200], holds: isOwn },
  { name: 'error of the upstream', share: 2, path: '/api/error', statuses: [500] },
  { name: 'no token', share: 3, path: '/api/small', claims: null, statuses: [401] },
  { name: 'token that has ended', share: 2, path: '/api/small', claims: { exp: 1_000_000 }, statuses: [401] },
  { name: 'token of another', share: 2, path: '/api/small', claims: { tenant_id: 'other' }, statuses: [403] },
  {
    ...{ name: 'allowed by rbac', share: 5, path: '/items/small', route: 'items' },
    ...{ statuses: [200], holds: isOwn },
  },
  {
    ...{ name: 'denied by rbac', share: 3, path: '/items/small', route: 'items' },
    ...{ claims: { user_id: 'guest' }, statuses: [403] },
  },
  { name: 'limited', share: 4, path: '/limited/small', route: 'limited', statuses: [200, 429] },
  { name: 'synced limit', share: 4, path: '/synced/small', route: 'synced', statuses: [200], holds: isOwn },
  {
    ...{ name: 'inspected', share: 3, path: '/inspected/small', route: 'inspected', method: 'POST' },
    ...{ json: '{"name":"ada","list":[1,2,3]}', claims: null, statuses: [200], holds: isOfTenant },
  },
  {
    ...{ name: 'attack', share: 2, path: '/inspected/small', route: 'inspected', method: 'POST' },
    ...{ json: `{"q":"1' union select password from users--"}`, claims: null, statuses: [403] },
  },
  {
    ...{ name: 'flaky upstream', share: 5, path: '/flaky/small', claims: null },
    ...{ statuses: [200], holds: isOfTenant },
  },
  {
    ...{ name: 'service of Consul', share: 3, path: '/shared/small', route: 'shared', claims: null },
    ...{ statuses: [200], holds: isOfTenant },
  },
  {
    ...{ name: "tenant's own service", share: 5, path: '/own/small', claims: null },
    ...{ statuses: [200], holds: isOfTenant },
  },
  { name: 'unknown tenant', share: 2, path: '/open/small', host: 'nobody.example.com', statuses: [404] },
  { name: 'no route', share: 2, path: '/nowhere', claims: null, statuses: [404] },
]

export const kinds: readonly Kind[] = rows.map((row) => ({
  ...{ name: row.name, share: row.share, route: row.route ?? null },
  run: (client) => run(row, client),
}))

async function run(row: Row, client: Client): Promise<Report> {
  const { world, agent, tenant, n } = client
  const options: AskOptions = {
    ...{ agent, method: row.method ?? 'GET', host: row.host ?? hostOf(tenant) },
    headers: {
      ...(row.claims === null ? {} : await authorize(client, row.claims)),
      ...(row.json === undefined ? {} : { 'content-type': 'application/json' }),
      'user-agent': `soak/${n}`,
    },
    ...(row.bodyBytes === undefined ? {} : { body: Buffer.alloc(row.bodyBytes, n % 250) }),
    ...(row.json === undefined ? {} : { body: row.json }),
  }
  const answer = await ask(world.gateway.port, `${row.path}/${n}?page=${n}`, options)
  if (row.statuses.includes(answer.status)) {
    const holds = answer.status !== 200 || (row.holds?.(answer, client) ?? true)
    return holds ? well : { outcome: 'wrong', seen: `200 ${answer.text.slice(0, 200)}` }
  }
  if ([403, 404].includes(answer.status) && !world.tenants.includes(tenant)) return well
  const seen = `${answer.status} ${answer.text.slice(0, 200)}`
  return { outcome: answer.status >= 500 ? 'failed' : 'wrong', seen }
}
