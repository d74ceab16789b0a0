// Nothing of one tenant ever reaches another: random tenants, tokens, hosts and headers, many in flight, two workers,
// every cache on. Each answer is compared with what is known of its request.
import assert from 'node:assert/strict'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { type Admin, createAdmin, workersOf } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { load } from '../support/load.ts'
import { createRandom, readSeed } from '../support/random.ts'
import { sendRaw } from '../support/raw.ts'
import { createCredentials, type Planned, planRequest } from '../support/tenant-requests.ts'
import {
  type Caller,
  createCallers,
  createWorld,
  mayUse,
  resources,
  tenants,
} from '../support/tenant-world.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const requests = 4_000
const inFlight = 64

interface Echo {
  readonly nonce: string
  readonly path: string
  readonly tenant: string | null
  readonly user: string | null
  readonly roles: string | null
  readonly requestId: string
  readonly body: string
  /** Header names that a backend could take for one of the gateway's, but for the gateway's own. */
  readonly lookalikes: string[]
}

interface AuthorizeQuestion {
  readonly tenant_id: string
  readonly user_id: string
  readonly resource: (typeof resources)[number]
  readonly request: { readonly path: string }
}

describe('tenants are kept apart', () => {
  const seed = readSeed()
  const random = createRandom(seed)
  const plans = new Map<string, Planned>()
  const wrong: string[] = []
  let callers: Caller[]
  let questions = 0
  let upstream: TestUpstream
  let gateway: TestGateway
  let admin: Admin
  let remove: () => Promise<void>
  let answers: Answer[]
  let planned: Planned[]

  /** Collected, so that one run shows how far a leak goes. */
  function report(what: string, plan?: Planned): void {
    wrong.push(plan === undefined ? what : `${what}: ${plan.kind}, ${JSON.stringify(plan)}`)
  }
  function assertClean(): void {
    assert.deepEqual(wrong.splice(0).slice(0, 5), [], `repeat with AEGIS_TEST_SEED=${seed}`)
  }

  before(async () => {
    console.log(`AEGIS_TEST_SEED=${seed}`)
    callers = await createCallers()
    upstream = await createUpstream((req, res) => void serve(req, res))
    const config = await createConfigDir(createWorld(upstream.url))
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir })
    admin = createAdmin(gateway)
    const credentials = await createCredentials()
    planned = Array.from({ length: requests }, (_, n) => {
      const plan = planRequest(random, `n${n}x`, { callers, credentials })
      plans.set(plan.nonce, plan)
      return plan
    })
  })
  after(async () => {
    await gateway?.stop()
    await Promise.all([upstream.close(), remove()])
  })

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    if (req.url === '/aegis/authorize') return authorize(req, res, JSON.parse(body))
    const text = JSON.stringify(echoOf(req, body))
    res.setHeader('set-cookie', `owner=${req.headers['x-tenant-id']}`)
    // Answers overtake each other, and some come in two pieces.
    const style = Math.random()
    if (style < 0.4) return void res.end(text)
    if (style < 0.6) res.write(text.slice(0, 20))
    setTimeout(() => res.end(style < 0.6 ? text.slice(20) : text), Math.random() * 4)
  }

  function authorize(req: IncomingMessage, res: ServerResponse, question: AuthorizeQuestion): void {
    questions += 1
    const plan = plans.get(question.request.path.split('/')[2] ?? '')
    const { tenant, user } = plan?.must ?? {}
    if (question.tenant_id !== tenant?.id || req.headers['x-tenant-id'] !== tenant?.id) {
      report(`authorize was asked about tenant ${question.tenant_id}`, plan)
    }
    if (question.user_id !== user || question.resource !== plan?.route) {
      report(`authorize was asked about ${question.user_id} and ${question.resource}`, plan)
    }
    const asked = callers.find((one) => one.tenant.id === question.tenant_id && one.user === question.user_id)
    if (asked === undefined) return void res.writeHead(500).end()
    const permissions = resources.filter((one) => mayUse(asked, one)).map((one) => `${one}:*`)
    const answer = {
      allowed: mayUse(asked, question.resource),
      ttl: [0, 0.1, 60][asked.userIndex % 3],
      ...(asked.tenant.index % 2 === 0 ? { permissions } : {}),
    }
    setTimeout(() => res.end(JSON.stringify(answer)), Math.random() * 3)
  }

  test('every one of thousands of interleaved requests gets its own answer', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
    const make = (n: number) => {
      const { path, options } = planned[n] as Planned
      return { path, ...options }
    }
    const running = load(gateway.port, { connections: inFlight, requests, make, agent })
    // The config changes meanwhile: runtimes come and go, caches and counters stay.
    for (let i = 0; i < 6; i++) {
      const route = { paths: [`/unused/${i}`], upstream: 'api' }
      const { status } = await admin('PUT', '/admin/routes/unused', { body: route })
      assert.ok(status === 200 || status === 201)
    }
    answers = await running
    const workers = await workersOf(admin)
    agent.destroy()
    for (const { connections } of workers) assert.ok(connections >= 5, JSON.stringify(workers))
    planned.forEach((plan, n) => {
      for (const fault of faultsOf(plan, answers[n] as Answer)) report(fault, plan)
    })
    assertClean()
    assert.ok(questions > 20, `authorize was asked ${questions} times`)
  })

  test('each limit counted the requests of its own tenant and user, and nothing else', async () => {
    const served = planned.filter(({ must }) => must.answer === 'served')
    const passed = (plan: Planned) => answers[planned.indexOf(plan)]?.status === 200
    for (const caller of callers) {
      const asked = served.filter(({ must }) => must.tenant === caller.tenant && must.user === caller.user)
      const expected = Math.min(asked.length, caller.tenant.perUser)
      const got = asked.filter(passed).length
      if (got !== expected) report(`${caller.tenant.id}/${caller.user}: ${got} of ${expected} passed`)
    }
    for (const tenant of tenants) {
      const mine = served.filter((plan) => plan.must.tenant === tenant && passed(plan))
      const places = mine.map((plan) => remainingIn(answers[planned.indexOf(plan)] as Answer, 'quota'))
      const expected = mine.map((_, i) => tenant.quota - 1 - i)
      if (String(places.sort((a, b) => b - a)) !== String(expected)) report(`${tenant.id}: places ${places}`)
      const key = encodeURIComponent(`quota|tenant=${tenant.id}`)
      const [state] = (await admin('GET', `/admin/rate-limits?key=${key}`)).body.data
      if (state.remaining !== tenant.quota - mine.length) report(`${tenant.id}: ${JSON.stringify(state)}`)
    }
    assertClean()
    assert.ok(answers.some(({ status }) => status === 429))
  })

  test('what the RBAC cache holds is what each tenant answered for its own users', async () => {
    let seen = 0
    for (const tenant of tenants) {
      const path = `/admin/cache/rbac?size=1000&tenant=${tenant.id}`
      for (const entry of (await admin('GET', path)).body.data) {
        seen += 1
        const caller = callers.find((one) => one.tenant === tenant && one.user === entry.user)
        if (entry.tenant !== tenant.id || caller === undefined) report(JSON.stringify(entry))
        else if (entry.resource !== null && entry.allowed !== mayUse(caller, entry.resource)) {
          report(JSON.stringify(entry))
        }
      }
    }
    assertClean()
    assert.ok(seen > 20, `${seen} entries`)
  })

  test('every log line and every metric names the tenant of its request', async () => {
    const logged = await waitUntil(() => {
      const lines = gateway.logs().filter(({ msg }) => msg === 'request')
      return lines.length >= requests ? lines : undefined
    })
    const byId = new Map(logged.map((line) => [line.request_id, line]))
    const counted = new Map<string, number>()
    planned.forEach((plan, n) => {
      const { must } = plan
      const line = byId.get((answers[n] as Answer).headers['x-request-id'])
      const tenant = must.tenant?.id ?? null
      if (line === undefined || line.tenant !== tenant || line.path !== plan.path) {
        report(`logged as ${JSON.stringify(line)}`, plan)
      }
      if (must.user !== null && line?.user !== must.user) report(`logged as ${line?.user}`, plan)
      counted.set(tenant ?? '-', (counted.get(tenant ?? '-') ?? 0) + 1)
    })
    const metrics = (await admin('GET', '/metrics')).body as string
    for (const [tenant, expected] of counted) {
      const series = [...metrics.matchAll(/^aegis_tenant_requests_total\{tenant="([^"]+)".*\} (\d+)$/gm)]
      const sum = series.filter(([, name]) => name === tenant).reduce((all, [, , n]) => all + Number(n), 0)
      if (sum !== expected) report(`metrics count ${sum} requests of ${tenant} instead of ${expected}`)
    }
    assertClean()
  })

  test('requests of several tenants in one pipeline are answered in their order', async () => {
    const eligible = callers.filter(({ tenant }) => !tenant.suspended)
    const pipelines = Array.from({ length: 30 }, () => Array.from({ length: 8 }, () => random.pick(eligible)))
    await Promise.all(
      pipelines.map(async (pipeline, p) => {
        const bytes = pipeline.map(({ tenant, token }, i) => {
          const host = random.pick(tenant.hosts)
          return `GET /maybe/p${p}-${i} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nX-Nonce: p${p}-${i}\r\n\r\n`
        })
        const raw = await sendRaw(gateway.port, bytes.join(''), 1_000)
        const received = Buffer.from(raw, 'latin1').toString()
        const got = [...received.matchAll(/"nonce":"([^"]*)".*?"tenant":"([^"]*)","user":("[^"]*")/gs)]
        const expected = pipeline.map(({ tenant, user }, i) => [`p${p}-${i}`, tenant.id, latin1(user)])
        const answered = got.map(([, nonce, tenant, user]) => [nonce, tenant, JSON.parse(user ?? '""')])
        if (JSON.stringify(answered) !== JSON.stringify(expected)) report(`pipeline ${p}: ${received}`)
      }),
    )
    assertClean()
  })

  test('suspending a tenant ends its requests and nobody else\u2019s', async () => {
    const [victim, ...others] = ['acme', 'acme-2', '1', '11'].map((id) => {
      return callers.find(({ tenant }) => tenant.id === id) as Caller
    })
    const statusFor = async ({ tenant, token }: Caller) =>
      (
        await ask(gateway.port, '/maybe/x', {
          host: tenant.hosts[0] as string,
          headers: { authorization: `Bearer ${token}`, 'x-nonce': 'x' },
        })
      ).status
    await admin('PATCH', '/admin/tenants/acme', { body: { status: 'suspended' } })
    assert.equal(await statusFor(victim as Caller), 403)
    assert.deepEqual(await Promise.all(others.map(statusFor)), [200, 200, 200])
  })
})

const identityNames = [
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-request-id',
  'x-forwarded-host',
  'forwarded',
]

function echoOf(req: IncomingMessage, body: string): Echo {
  const names = req.rawHeaders.filter((_, i) => i % 2 === 0)
  const plain = names.map((name) => name.toLowerCase().replaceAll(/[_.]/g, '-'))
  const lookalikes = names.filter((name, i) => {
    const known = identityNames.includes(plain[i] as string)
    return known && (name.toLowerCase() !== plain[i] || plain.indexOf(plain[i] as string) !== i)
  })
  const value = (name: string) => (req.headers[name] as string | undefined) ?? null
  return {
    nonce: value('x-nonce') ?? '',
    path: req.url ?? '',
    tenant: value('x-tenant-id'),
    user: value('x-user-id'),
    roles: value('x-user-roles'),
    requestId: value('x-request-id') ?? '',
    body,
    lookalikes,
  }
}

/** What is wrong with an answer. */
function faultsOf(plan: Planned, answer: Answer): string[] {
  const { must } = plan
  const faults: string[] = []
  const statuses = must.answer === 'served' ? [200, 429] : [must.answer]
  if (!statuses.includes(answer.status)) return [`answered ${answer.status} ${answer.text}`]
  faults.push(...originFaults(plan, answer))
  if (answer.status !== 200) {
    const { code } = answer.json()
    if (must.code !== null && code !== must.code) faults.push(`refused with ${code}`)
    if (answer.headers['set-cookie'] !== undefined) faults.push('a refusal carries an upstream header')
  } else faults.push(...echoFaults(plan, answer))
  if (must.answer === 'served') {
    const { quota, perUser } = must.tenant as { quota: number; perUser: number }
    const policy = `"quota";q=${quota};w=3600, "per-user";q=${perUser};w=3600`
    if (answer.headers['ratelimit-policy'] !== policy)
      faults.push(`policy ${answer.headers['ratelimit-policy']}`)
  }
  return faults
}

function echoFaults({ must, nonce, path, options }: Planned, answer: Answer): string[] {
  const echo = answer.json() as unknown as Echo
  const expected: Echo = {
    ...{ nonce, path, tenant: must.tenant?.id ?? null, user: must.user === null ? null : latin1(must.user) },
    roles: must.roles.length === 0 ? null : must.roles.join(','),
    requestId: String(answer.headers['x-request-id']),
    ...{ body: String(options.body ?? ''), lookalikes: [] },
  }
  const faults = JSON.stringify(echo) === JSON.stringify(expected) ? [] : [`echo ${answer.text}`]
  const cookie = String(answer.headers['set-cookie'])
  return cookie === `owner=${expected.tenant}` ? faults : [...faults, `cookie ${cookie}`]
}

/** A page may read an answer exactly when the host's own tenant allows its origin. */
function originFaults({ options, kind }: Planned, { headers }: Answer): string[] {
  const origin = options.headers?.origin
  const host = options.host?.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
  const owner = tenants.find(({ hosts }) => hosts.includes(host as string))
  const allowed = headers['access-control-allow-origin']
  // On a host of nobody the tenant comes from the token, which is known to the answer, not to a preflight.
  if (owner === undefined && kind === 'neutral host') return []
  const expected = owner !== undefined && origin === `https://${owner.id}.app` ? origin : undefined
  return allowed === expected ? [] : [`${origin} on ${host} got ${allowed}`]
}

function remainingIn({ headers }: Answer, limit: string): number {
  return Number(new RegExp(`"${limit}";r=(\\d+)`).exec(String(headers.ratelimit))?.[1] ?? -1)
}

/** How node reads the UTF-8 bytes of a header. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
