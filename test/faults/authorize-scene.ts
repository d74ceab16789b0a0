// Two gateways whose one upstream also answers POST /aegis/authorize, well or in every wrong way, and three routes that
// differ in what rbac does when no answer can be had.
import { type Answer, ask } from '../support/ask.ts'
import type { TestGateway } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { type AuthorizeMode, startAuthorizeBackend } from './authorize-backend.ts'
import type { Asked, Kind, Scene, Verdict } from './fault.ts'
import { startPair } from './pair.ts'

export interface AuthorizeScene extends Scene {
  /** How the questions are answered from now on. */
  answer(how: AuthorizeMode): Promise<void>
}

const policies = ['deny', 'allow', 'stale'] as const
type Policy = (typeof policies)[number]

/** All answers count for one second; with `stale`, one more when no newer one can be had. */
const ttlSeconds = 1
const graceMs: Readonly<Record<Policy, number>> = { deny: 0, allow: 0, stale: 1_000 }

interface Caller {
  readonly user: string
  readonly tenant: string
  readonly token: string
  readonly allowed: boolean
}

interface Facts {
  /** Since when there was no good answer; Infinity while they are good. */
  goodUntilMs: number
  /** The last change: it cut off what was under way. */
  changedMs: number
  /** The whole upstream is away, not only its answers to questions. */
  allAway: boolean
}

export async function startAuthorizeScene(first: AuthorizeMode = 'well'): Promise<AuthorizeScene> {
  const backend = await startAuthorizeBackend()
  await backend.become(first)
  const facts: Facts = { goodUntilMs: Number.POSITIVE_INFINITY, changedMs: 0, allAway: false }
  const note = (how: AuthorizeMode): void => {
    facts.goodUntilMs = how === 'well' ? Number.POSITIVE_INFINITY : performance.now()
    facts.changedMs = performance.now()
    facts.allAway = how === 'refuses'
  }
  note(first)
  const callers = await createCallers()
  const pair = await startPair(createConfig(backend.url))
  return {
    gateways: pair.gateways,
    kinds: createKinds(callers, facts),
    async answer(how) {
      await backend.become(how)
      note(how)
    },
    recovered: async () =>
      (await Promise.all(pair.gateways.map((one) => decidesWell(one, callers)))).every(Boolean),
    problems: async () => [],
    async stop() {
      await pair.stop()
      await backend.close()
    },
  }
}

async function createCallers(): Promise<Caller[]> {
  const create = async (user: string, tenant: string, allowed: boolean): Promise<Caller> => {
    const token = await createTestToken({ user_id: user, tenant_id: tenant })
    return { user, tenant, token, allowed }
  }
  return [
    await create('ada', 'acme', true),
    await create('bob', 'globex', true),
    await create('guest', 'acme', false),
  ]
}

function createConfig(url: string) {
  const times = { ttlSeconds, maxTtlSeconds: ttlSeconds, negativeTtlSeconds: ttlSeconds, failureTtlMs: 300 }
  const rbac = (policy: Policy) => ({
    ...{ id: `rbac-${policy}`, plugin: 'rbac', scope: { routes: [policy] } },
    config: {
      ...{ ...times, onUnavailable: policy, staleOnErrorSeconds: graceMs.stale / 1_000 },
      subrequest: { timeoutMs: 500, maxBytes: 1_000 },
    },
  })
  return createSaas(url, {
    routes: {
      upstreams: { api: { targets: [{ url }], timeouts: { connectMs: 500, headersMs: 1_000 } } },
      routes: [
        { id: 'free', paths: ['/free/*'], upstream: 'api' },
        ...policies.map((id) => ({ id, paths: [`/${id}/*`], upstream: 'api', permission: { resource: id } })),
      ],
    },
    plugins: [
      jwtEntry,
      { id: 'tenant', plugin: 'tenant' },
      ...policies.map(rbac),
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

const requestOf = ({ tenant, token }: Caller) => ({
  host: `${tenant}.example.com`,
  headers: { authorization: `Bearer ${token}` },
})

function createKinds(callers: readonly Caller[], facts: Facts): Kind[] {
  const kindOf = (policy: Policy | null, caller: Caller): Kind => ({
    name: `${caller.user}, ${policy ?? 'no permission needed'}`,
    make: (n) => ({ path: `/${policy ?? 'free'}/${n}`, ...requestOf(caller) }),
    judge: (answer, _phase, asked) =>
      policy === null ? judgeFree(answer, caller, asked, facts) : judge(policy, caller, answer, asked, facts),
  })
  return callers.flatMap((caller) => [null, ...policies].map((policy) => kindOf(policy, caller)))
}

function isOwn(answer: Answer, { tenant, user }: Caller): boolean {
  const told = answer.json()
  return told.tenant === tenant && told.user === user
}

function judgeFree(answer: Answer, caller: Caller, asked: Asked, facts: Facts): Verdict {
  if (answer.status === 200) return isOwn(answer, caller) ? 'ok' : 'wrong'
  if (answer.status < 500) return 'wrong'
  return facts.allAway || asked.beganMs < facts.changedMs ? 'ok' : 'lost'
}

function judge(policy: Policy, caller: Caller, answer: Answer, asked: Asked, facts: Facts): Verdict {
  const { status } = answer
  const broken = asked.phase === 'broken' || facts.goodUntilMs !== Number.POSITIVE_INFINITY
  if (status === 200 && !isOwn(answer, caller)) return 'wrong'
  if (status >= 500) return broken && (policy !== 'allow' || facts.allAway) ? 'ok' : 'lost'
  if (status !== 200 && status !== 403) return 'wrong'
  // An answer that nobody gave, or one from too long ago.
  const since = asked.beganMs - facts.goodUntilMs
  const tooOld = since > ttlSeconds * 1_000 + graceMs[policy]
  if (policy === 'allow') {
    if (status === 403) return caller.allowed || tooOld ? 'wrong' : 'ok'
    return caller.allowed || broken ? 'ok' : 'wrong'
  }
  if (tooOld) return 'wrong'
  return (status === 200) === caller.allowed ? 'ok' : 'wrong'
}

/** Every caller is judged by an answer of now, again and again, so that each worker was asked. */
async function decidesWell({ port }: TestGateway, callers: readonly Caller[]): Promise<boolean> {
  for (const policy of policies) {
    for (const caller of callers) {
      const asked = Array.from({ length: 16 }, () => ask(port, `/${policy}/again`, requestOf(caller)))
      const expected = caller.allowed ? 200 : 403
      if (!(await Promise.all(asked)).every(({ status }) => status === expected)) return false
    }
  }
  return true
}
