// JWK Sets: a key is taken only as what the set says it is for, and only jose's own reading of the set lets a token pass.
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose'
import { parseJwks } from '../../../plugins/jwt/jwks.ts'
import type { VerificationKey } from '../../../plugins/jwt/keys.ts'
import type { Algorithm } from '../../../plugins/jwt/schema.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { createJsonObject, createJsonValue } from '../json-grammar.ts'
import type { Target } from '../target.ts'

const algorithms: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA']

function createKeySets(): Target {
  /** By algorithm; of this run: what matters is not which key it is. */
  const keys = new Map<string, { privateKey: KeyObject; members: [string, string][] }>()

  function createKey(random: Random): string {
    const alg = random.pick([...keys.keys()])
    const members = [...(keys.get(alg)?.members ?? [])]
    if (random.chance(0.8)) members.push(['kid', random.pick(['"a"', '"b"', '"c"', '"d"', '""', '1'])])
    if (random.chance(0.6))
      members.push([
        'alg',
        random.chance(0.85) ? JSON.stringify(alg) : random.pick(['"RS256"', '"none"', '"HS256"', '1']),
      ])
    if (random.chance(0.5))
      members.push(['use', random.pick(['"sig"', '"sig"', '"sig"', '"enc"', '1', 'null'])])
    if (random.chance(0.2))
      members.push([
        'key_ops',
        random.pick(['["verify"]', '["sign"]', '[]', '"verify"', '["verify","sign"]']),
      ])
    if (random.chance(0.03))
      members.push([random.pick(['d', 'k', 'priv', 'p', 'e', 'crv', 'kty']), createJsonValue(random)])
    return createJsonObject(members, random)
  }

  return {
    name: 'key sets',
    share: 4,
    async start() {
      const pairs: [string, ReturnType<typeof generateKeyPairSync>][] = [
        ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }) as never],
        ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }) as never],
        ['EdDSA', generateKeyPairSync('ed25519') as never],
      ]
      for (const [alg, pair] of pairs) {
        const { publicKey, privateKey } = pair as unknown as { publicKey: KeyObject; privateKey: KeyObject }
        const jwk = publicKey.export({ format: 'jwk' })
        keys.set(alg, {
          privateKey,
          members: Object.entries(jwk).map(([name, value]) => [name, JSON.stringify(value)]),
        })
      }
    },
    create(random) {
      const list = Array.from({ length: random.int(4) }, () => createKey(random)).join(',')
      const text = createJsonObject([['keys', `[${list}]`]], random)
      return random.chance(0.1) ? mutate(text, random) : text
    },
    async check(input, random) {
      let set: readonly VerificationKey[]
      try {
        set = (await parseJwks(input, algorithms)).keys
      } catch (error) {
        return assert.ok(
          error instanceof Error && error.message !== '' && !(error instanceof TypeError),
          String(error),
        )
      }
      const written = (JSON.parse(input) as JSONWebKeySet).keys.filter(
        (key) => typeof key === 'object' && key !== null,
      )
      assert.ok(set.length > 0 && set.length <= written.length)
      assert.ok(!written.some((key) => 'd' in key), 'a private key was taken')
      const alg = random.pick([...keys.keys()])
      const { privateKey } = keys.get(alg) as { privateKey: KeyObject }
      const kid = random.pick(['a', 'b', 'c', 'd'])
      const token = signToken(alg, kid, privateKey)
      const taken = set.filter((key) => key.kid === kid && key.checks.has(alg))
      const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url')
      const passed = await Promise.all(taken.map((key) => key.checks.get(alg)?.(token, signature)))
      if (passed.includes(true))
        await jwtVerify(token, createLocalJWKSet({ keys: written.map(toKnownUses) }), { algorithms: [alg] })
    },
  }
}

/** RFC 7517 section 4.3 allows uses of other names beside `verify`; jose does not import such keys. */
function toKnownUses({ key_ops: uses, ...key }: JWK): JWK {
  return uses === undefined || (Array.isArray(uses) && uses.includes('verify'))
    ? key
    : { ...key, key_ops: uses }
}

function signToken(alg: string, kid: string, key: KeyObject): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg, kid })}.${encode({ sub: 'u1' })}`
  const bytes = Buffer.from(signed)
  const signature =
    alg === 'EdDSA'
      ? signBytes(null, bytes, key)
      : signBytes('sha256', bytes, alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key)
  return `${signed}.${signature.toString('base64url')}`
}

export const keySetTargets: readonly Target[] = [createKeySets()]
