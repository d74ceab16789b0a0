// Two gateways that believe tokens of an issuer whose keys they fetch, and of another one by a secret.
import { type Answer, ask } from '../support/ask.ts'
import type { TestGateway } from '../support/gateway.ts'
import { createSaas, createTestToken, testSecret } from '../support/saas.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Kind, Phase, Scene, Verdict } from './fault.ts'
import {
  createSigningKey,
  idp,
  type KeyServer,
  type KeyServerMode,
  type SigningKey,
  signBy,
  startKeyServer,
} from './key-server.ts'
import { startPair } from './pair.ts'

export interface JwksScene extends Scene {
  readonly keys: KeyServer
  /** Kinds of garbage that the server of keys has. */
  readonly garbage: number
  /** From now on tokens are signed by this key. Publishing it is the caller's. */
  use(key: SigningKey): Promise<void>
  /** Recovered is who believes this one; its tokens are used then. */
  expect(key: SigningKey): void
  /** Whether no worker believes tokens of a key of before. */
  isOut(key: SigningKey): Promise<boolean>
  /** Whether every worker believes them. */
  isIn(key: SigningKey): Promise<boolean>
}

export interface JwksSceneOptions {
  readonly first?: KeyServerMode
  /** The plugin's own option; default: the keys are fetched again every second. */
  readonly jwks?: object
  /** Tokens of keys that never were keep coming; default true. Each may cause a fetch. */
  readonly strangers?: boolean
}

interface Tokens {
  /** Of the issuer, for users of two tenants; several of each, so that the cache of tokens does not answer all. */
  readonly good: { acme: readonly string[]; globex: readonly string[] }
  readonly forged: string
  readonly stranger: string
  readonly secret: string
}

const quick = { refreshSeconds: 1, cooldownSeconds: 1 }

export async function startJwksScene(options: JwksSceneOptions = {}): Promise<JwksScene> {
  const { first = 'well', jwks = quick, strangers = true } = options
  const intruder = createSigningKey('intruder')
  const server = await startKeyServer(intruder)
  const key = createSigningKey('first')
  server.published = [key]
  await server.become(first)
  const upstream = await createUpstream((req, res) => {
    res.end(JSON.stringify({ tenant: req.headers['x-tenant-id'], user: req.headers['x-user-id'] }))
  })
  const current = { expected: key, tokens: await createTokens(key, intruder) }
  const pair = await startPair(createConfig(upstream.url, server.url, jwks))
  const use = async (next: SigningKey) => {
    current.tokens = await createTokens(next, intruder)
    current.expected = next
  }
  const statuses = async (token: string) =>
    (await Promise.all(pair.gateways.map((gateway) => everywhere(gateway, token)))).flat()
  const isIn = async (one: SigningKey) =>
    (await statuses(await signBy(one, userOf('acme')))).every((status) => status === 200)
  return {
    ...{ gateways: pair.gateways, keys: server, garbage: server.kinds, isIn },
    kinds: createKinds(() => current.tokens, { strangers, hadKeys: first === 'well' }),
    use,
    expect(next) {
      current.expected = next
    },
    isOut: async (one) =>
      (await statuses(await signBy(one, userOf('acme')))).every((status) => status === 401),
    async recovered() {
      if (!(await isIn(current.expected))) return false
      await use(current.expected)
      return true
    },
    problems: async () => [],
    async stop() {
      await pair.stop()
      await Promise.all([server.close(), upstream.close()])
    },
  }
}

const userOf = (tenant: string) => ({ user_id: `user-of-${tenant}`, tenant_id: tenant, roles: [] })

function createConfig(url: string, jwksUrl: string, jwks: object) {
  const issuers = [
    { issuer: idp, algorithms: ['ES256'], jwksUrl },
    { issuer: 'aegis-gateway', algorithms: ['HS256'], secret: testSecret },
  ]
  return createSaas(url, {
    plugins: [
      { id: 'jwt', plugin: 'jwt', config: { issuers, jwks } },
      { id: 'tenant', plugin: 'tenant' },
      { id: 'observability', plugin: 'observability' },
    ],
  })
}

async function createTokens(key: SigningKey, intruder: SigningKey): Promise<Tokens> {
  const several = (tenant: string) =>
    Promise.all(Array.from({ length: 40 }, (_, n) => signBy(key, { ...userOf(tenant), jti: `${n}` })))
  return {
    good: { acme: await several('acme'), globex: await several('globex') },
    // Of the right name, by another key.
    forged: await signBy({ kid: key.kid, privateKey: intruder.privateKey }, userOf('acme')),
    stranger: await signBy(intruder, userOf('acme')),
    secret: await createTestToken(userOf('acme')),
  }
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

function createKinds(
  tokens: () => Tokens,
  { strangers, hadKeys }: { readonly strangers: boolean; readonly hadKeys: boolean },
): Kind[] {
  /** Nothing can be said of a token whose issuer never gave a key. */
  const excused = (answer: Answer, phase: Phase) => !hadKeys && phase !== 'mended' && answer.status === 503
  const own = (tenant: 'acme' | 'globex', pick: (n: number) => string, name: string): Kind => ({
    name,
    make: (n) => ({ path: `/api/${n}`, host: `${tenant}.example.com`, ...bearer(pick(n)) }),
    judge(answer, phase): Verdict {
      if (answer.status === 200) return answer.json().user === `user-of-${tenant}` ? 'ok' : 'wrong'
      return excused(answer, phase) ? 'ok' : 'lost'
    },
  })
  const refused = (name: string, pick: () => string, host: string, status: number): Kind => ({
    name,
    make: (n) => ({ path: `/api/${n}`, host, ...bearer(pick()) }),
    judge: (answer, phase) => (answer.status === status || excused(answer, phase) ? 'ok' : 'wrong'),
  })
  const pickGood = (tenant: 'acme' | 'globex') => (n: number) => {
    const list = tokens().good[tenant]
    return list[n % list.length] as string
  }
  const acme = 'acme.example.com'
  return [
    own('acme', pickGood('acme'), 'a good token of acme'),
    own('globex', pickGood('globex'), 'a good token of globex'),
    own('acme', () => tokens().secret, 'a token of the other issuer'),
    refused('a forged token', () => tokens().forged, acme, 401),
    refused('a token of the other tenant', () => pickGood('globex')(0), acme, 403),
    ...(strangers ? [refused('a token of an unknown key', () => tokens().stranger, acme, 401)] : []),
  ]
}

/** On fresh connections, so that each worker is asked. */
function everywhere({ port }: TestGateway, token: string): Promise<number[]> {
  const asked = Array.from({ length: 16 }, () => ask(port, '/api/again', bearer(token)))
  return Promise.all(asked.map(async (answer) => (await answer).status))
}
