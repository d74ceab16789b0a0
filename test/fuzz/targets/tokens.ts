// Tokens: what jose, asked directly with the same keys and rules, refuses never passes; nothing throws.
import assert from 'node:assert/strict'
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto'
import { type JWTPayload, jwtVerify } from 'jose'
import { type Gate, issuer, openGate, secret } from '../../plugins/jwt/gate.ts'
import { mutate } from '../../support/mutate.ts'
import { createTestDocument } from '../../support/ports.ts'
import type { Random } from '../../support/random.ts'
import { createRoute, createTenant } from '../../support/view.ts'
import { createJsonObject, createJsonValue, repeatsAName } from '../json-grammar.ts'
import type { Target } from '../target.ts'

/** The same in every run, so that an input found in one is the same in all. */
function createEdKey(name: string): KeyObject {
  const seed = createHash('sha256').update(name).digest()
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

const edKeys: Readonly<Record<string, KeyObject>> = {
  a: createEdKey('a'),
  b: createEdKey('b'),
  stranger: createEdKey('c'),
}
const publicText = createPublicKey(edKeys.a as KeyObject).export({ format: 'pem', type: 'spki' }) as string
const audience = 'api'
/** Of a clock of createTestClock. */
const nowSeconds = 1_700_000_000

type Mode = 'secret' | 'public key' | 'key set'
const modes: readonly Mode[] = ['secret', 'public key', 'key set']

const algorithms = [
  'HS256',
  'HS512',
  'EdDSA',
  'none',
  'None',
  'hs256',
  'RS256',
  'ES256',
  'HS384',
  '',
  'Ed25519',
]
const kids = [
  '"a"',
  '"b"',
  '"c"',
  '""',
  '"../../dev/null"',
  '"a\\u0000"',
  '"A"',
  'null',
  '1',
  '["a"]',
  '"\' OR 1=1"',
  '{}',
]
const otherSigners = ['a', 'b', 'stranger', 'public text', 'empty', 'zeros', 'none']

/** Header, payload, and who signs, each on a line: the token itself is made by the check, with its signature. */
function createRecipe(random: Random): string {
  const mode = random.pick(modes)
  const right = mode === 'secret' ? 'HS256' : 'EdDSA'
  const header: [string, string][] = [
    ['alg', JSON.stringify(random.chance(0.8) ? right : random.pick(algorithms))],
  ]
  if (mode === 'key set') header.push(['kid', random.chance(0.85) ? '"a"' : random.pick(kids)])
  if (random.chance(0.3))
    header.push(['typ', random.pick(['"JWT"', '"jwt"', '"at+jwt"', '1', 'null', '"application/JWT"'])])
  if (random.chance(0.05)) header.push(['crit', random.pick(['["b64"]', '["exp"]', '[]', '"b64"', 'null'])])
  if (random.chance(0.05)) header.push(['b64', random.pick(['false', 'true', '0'])])
  if (random.chance(0.05))
    header.push([random.pick(['jwk', 'jku', 'x5u', 'x5c', 'zip']), createJsonValue(random)])
  return `${mode}\n${createJsonObject(header, random)}\n${createJsonObject(createClaims(random), random)}\n${random.chance(0.75) ? 'right' : random.pick(otherSigners)}`
}

function createClaims(random: Random): [string, string][] {
  const mostly = (right: string, odd: readonly string[]): string =>
    random.chance(0.9) ? right : random.pick(odd)
  const time = (): string => String(nowSeconds + random.pick([600, 6, 5, 4, 0, -4, -5, -6, -600, 0.5, 1e9]))
  const claims: [string, string][] = [
    ['iss', mostly(JSON.stringify(issuer), ['"other"', `["${issuer}"]`])],
    ['sub', mostly('"u1"', ['7', '9007199254740993', '""', '" u"', '"a\\nb"', '"\\ud800"'])],
    ['exp', random.chance(0.8) ? String(nowSeconds + 600) : time()],
    ['aud', mostly('"api"', ['["x","api"]', '"x"', '[]', '["api",1]', '"API"'])],
  ]
  if (random.chance(0.3)) claims.push(['nbf', mostly('0', [time(), time()])])
  if (random.chance(0.3)) claims.push(['iat', mostly('1', [time(), time()])])
  if (random.chance(0.4)) claims.push(['tenant_id', mostly('"acme"', ['"globex"', '7', 'null', '""'])])
  if (random.chance(0.3)) claims.push(['roles', mostly('["a"]', ['"a b"', '["a,b"]', '[1]', '{}'])])
  if (random.chance(0.1))
    claims.push([random.pick(['user_id', 'jti', 'sid', 'permissions']), createJsonValue(random)])
  return claims
}

function toToken(recipe: string, random: Random): string {
  const [mode, header = '', payload = '', signer = ''] = recipe.split('\n')
  const signed = `${encode(header)}.${encode(payload)}`
  const token = `${signed}.${signAs(signed, mode as Mode, signer, header)}`
  if (random.chance(0.85)) return token
  return random.chance(0.5) ? mutate(token, random) : respell(token, random)
}

/** JSON as the bytes of its latin1: some of it is no UTF-8. */
function encode(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url')
}

/** Same bytes, other letters. */
function respell(token: string, random: Random): string {
  return random.pick([
    `${token}=`,
    `${token}\n`,
    ` ${token}`,
    token.replaceAll('-', '+').replaceAll('_', '/'),
    `${token}.`,
    `.${token}`,
    token.replace('.', '..'),
  ])
}

function signAs(signed: string, mode: Mode, signer: string, header: string): string {
  if (signer === 'none') return ''
  if (signer === 'zeros') return Buffer.alloc(64).toString('base64url')
  const hmac = (key: string | Buffer): string => {
    const hash = header.includes('512') ? 'sha512' : header.includes('384') ? 'sha384' : 'sha256'
    return createHmac(hash, key).update(signed).digest('base64url')
  }
  if (signer === 'public text') return hmac(publicText)
  if (signer === 'empty') return hmac('')
  const key = edKeys[signer === 'right' ? 'a' : signer]
  if (mode === 'secret' && signer === 'right') return hmac(secret)
  return key === undefined ? '' : signBytes(null, Buffer.from(signed), key).toString('base64url')
}

const jwks = JSON.stringify({ keys: ['a', 'b'].map((kid) => ({ ...toJwk(edKeys[kid] as KeyObject), kid })) })

function toJwk(key: KeyObject): object {
  return { ...createPublicKey(key).export({ format: 'jwk' }), alg: 'EdDSA', use: 'sig' }
}

async function openGates(): Promise<Record<Mode, Gate>> {
  const common = { issuer, audience }
  const document = createTestDocument(jwks)
  const requireTenant = false
  return {
    secret: await openGate({
      issuers: [{ ...common, algorithms: ['HS256', 'HS512'], secret }],
      requireTenant,
    }),
    'public key': await openGate({
      issuers: [{ ...common, algorithms: ['EdDSA'], publicKey: publicText }],
      requireTenant,
    }),
    'key set': await openGate(
      { issuers: [{ ...common, algorithms: ['EdDSA'], jwksFile: 'keys.json' }], requireTenant },
      { documents: { open: () => document } },
    ),
  }
}

/** null: refused. */
async function askJose(token: string, mode: Mode): Promise<JWTPayload | null> {
  const rules = {
    issuer,
    audience,
    currentDate: new Date(nowSeconds * 1_000),
    clockTolerance: 5,
    requiredClaims: ['exp'],
  }
  try {
    if (mode === 'secret')
      return (
        await jwtVerify(token, createSecretKey(Buffer.from(secret)), {
          ...rules,
          algorithms: ['HS256', 'HS512'],
        })
      ).payload
    const pick = ({ kid }: { kid?: string }): KeyObject => {
      const key = mode === 'public key' ? edKeys.a : kid === 'a' || kid === 'b' ? edKeys[kid] : undefined
      if (key === undefined) throw new Error('no such key')
      return createPublicKey(key)
    }
    return (await jwtVerify(token, pick, { ...rules, algorithms: ['EdDSA'] })).payload
  } catch {
    return null
  }
}

function createTokens(): Target {
  let gates: Record<Mode, Gate>
  const hostTenant = createTenant('acme')
  return {
    name: 'tokens',
    share: 20,
    start: async () => {
      gates = await openGates()
    },
    create: createRecipe,
    async check(recipe, random) {
      const token = toToken(recipe, random)
      const mode = modes.find((one) => recipe.startsWith(one)) ?? 'secret'
      const gate = gates[mode]
      const sent = await gate.send(token, { hostTenant, route: createRoute() })
      assert.ok([200, 401, 403].includes(sent.status), `the status is ${sent.status}`)
      assert.equal(
        (await gate.send(token, { hostTenant })).status,
        sent.status,
        'a second look sees something else',
      )
      const { identity } = sent.view
      assert.equal(identity !== null, sent.status === 200)
      if (identity === null) return
      const payload = await askJose(token.trim(), mode)
      assert.notEqual(payload, null, 'jose refuses what passed')
      assert.deepEqual({ ...identity.claims }, payload)
      assert.equal(identity.userId, String(payload?.user_id ?? payload?.sub))
      assert.ok(
        identity.tenantId === null || identity.tenantId === hostTenant.id,
        'a token of another tenant passed',
      )
      const [header = '', claims = ''] = token
        .trim()
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString())
      assert.ok(!repeatsAName(header) && !repeatsAName(claims), 'a repeated name passed')
      assert.ok(!('crit' in JSON.parse(header)), 'what is critical and unknown passed')
    },
  }
}

export const tokenTargets: readonly Target[] = [createTokens()]
