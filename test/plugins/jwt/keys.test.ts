// Keys that prove nothing are no keys: too short, too long, of an unsafe exponent, of a broken generator.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JWK } from 'jose'
import { importJwk, readPem } from '../../../plugins/jwt/keys.ts'
import { hasRocaFingerprint } from '../../../plugins/jwt/roca.ts'
import { makeKeyPair } from './gate.ts'

const sound = readPem(makeKeyPair('rsa').publicKey)
const rsa = ['RS256', 'PS256'] as const

function toBase64url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}

function toBigInt(text: string | undefined): bigint {
  return BigInt(`0x${Buffer.from(text ?? '', 'base64url').toString('hex')}`)
}

/** Of so many bits; only its size is looked at. */
const modulusOf = (bits: number): string => toBase64url((1n << BigInt(bits - 1)) + 1n)

/** The product of the odd primes up to 167, from which the broken generator made its primes (Nemec et al. 2017, table 1). */
function primorial(): bigint {
  const isPrime = (one: number) =>
    !Array.from({ length: one - 2 }, (_, at) => at + 2).some((by) => one % by === 0)
  const primes = Array.from({ length: 165 }, (_, at) => at + 3).filter(isPrime)
  return primes.reduce((product, prime) => product * BigInt(prime), 1n)
}

/** A modulus as the broken generator would make one: a power of 65537 modulo the primorial. */
function brokenModulus(exponent: number): bigint {
  const all = primorial()
  let power = 1n
  for (let i = 0; i < exponent; i++) power = (power * 65_537n) % all
  const wanted = 1n << 2047n
  return (wanted / all + 1n) * all + power
}

describe('an RSA key', () => {
  const refused: readonly [string, Partial<JWK>, RegExp][] = [
    ['has 2047 bits', { n: modulusOf(2047) }, /2048 to 8192 bits, this one has 2047/],
    ['has 8193 bits', { n: modulusOf(8193) }, /this one has 8193/],
    ['has no modulus', { n: '' }, /this one has 1/],
    ['has the exponent 1', { e: toBase64url(1n) }, /exponent is unsafe/],
    ['has an even exponent', { e: toBase64url(65_536n) }, /exponent is unsafe/],
    ['comes from the broken generator', { n: toBase64url(brokenModulus(1234)) }, /CVE-2017-15361/],
  ]
  for (const [name, over, message] of refused) {
    it(`is refused when it ${name}`, async () => {
      await assert.rejects(importJwk({ ...sound, ...over }, rsa), message)
    })
  }

  it('that is sound is taken', async () => {
    const { checks } = await importJwk(sound, rsa)
    assert.deepEqual([...checks.keys()], [...rsa])
  })

  it('is told from those of the broken generator, whatever power made them', () => {
    for (const exponent of [1, 2, 77, 5000]) assert.ok(hasRocaFingerprint(brokenModulus(exponent)))
    assert.ok(!hasRocaFingerprint(brokenModulus(77) + 2n))
    assert.ok(!hasRocaFingerprint(toBigInt(sound.n)))
  })
})

describe('a secret of a key set', () => {
  const secretOf = (bytes: number): JWK => ({ kty: 'oct', k: Buffer.alloc(bytes, 7).toString('base64url') })

  it('that is shorter than every hash is refused', async () => {
    await assert.rejects(importJwk(secretOf(31), ['HS256', 'HS512']), /shorter than the hash/)
    await assert.rejects(importJwk({ kty: 'oct' }, ['HS256']), /shorter than the hash/)
  })

  it('serves the algorithms whose hash is no longer', async () => {
    const { checks } = await importJwk(secretOf(48), ['HS256', 'HS384', 'HS512'])
    assert.deepEqual([...checks.keys()], ['HS256', 'HS384'])
  })
})
