// Project Wycheproof's vectors for JWS and JWK Sets. Their payloads are no JWTs, so this asks the layer that judges signatures.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseJwks } from '../../../plugins/jwt/jwks.ts'
import { type Algorithm, algorithmNames } from '../../../plugins/jwt/schema.ts'
import { isSignedBy, pickKeys, readToken } from '../../../plugins/jwt/signature.ts'

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly jws: string
  readonly result: 'valid' | 'invalid'
}

type Keys = { keys?: unknown[]; kty?: string }

interface Group {
  readonly comment: string
  readonly public?: Keys
  readonly private?: Keys
  readonly tests: readonly Vector[]
}

const folder = new URL('../../../../shared/vectors/wycheproof/', import.meta.url)

/** Judged otherwise than the file says, by file and tcId. */
const deviations: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'json_web_key_test.json': {},
  'json_web_signature_test.json': {
    346: 'PS384 with a key whose alg says PS256: alg of a JWK is binding here (RFC 7517 section 4.4)',
    347: 'the alg of the key is ES521, which does not exist; ES512 is meant',
    350: 'as 346',
    351: 'as 347',
    367: 'the token is that of 357, letter by letter, which is valid',
    370: 'as 367',
    372: 'a foreign character in the header is skipped by lenient decoders; RFC 7515 section 2 has none of it',
    373: 'as 372, in the payload',
  },
}

function readGroups(file: string): readonly Group[] {
  const path = fileURLToPath(new URL(file, folder))
  assert.ok(
    existsSync(path),
    `the vectors are missing: ${file} must be in shared/vectors/wycheproof beside the checkout`,
  )
  return JSON.parse(readFileSync(path, 'utf8')).testGroups
}

function familyOf(keys: readonly unknown[]): readonly Algorithm[] {
  const symmetric = keys.some((key) => (key as Keys).kty === 'oct')
  return algorithmNames.filter((name) => name.startsWith('HS') === symmetric)
}

/** Judged as a gateway that was given this JWK Set judges. */
async function isAccepted(jws: string, keys: readonly unknown[]): Promise<boolean> {
  const form = readToken(jws)
  if (form === null) return false
  try {
    const set = await parseJwks(JSON.stringify({ keys }), familyOf(keys))
    return await isSignedBy(jws, form, pickKeys(set.keys, true, form.header))
  } catch {
    return false // A set that is refused accepts nothing.
  }
}

for (const [file, count] of [
  ['json_web_signature_test.json', 401],
  ['json_web_key_test.json', 26],
] as const) {
  describe(`the vectors of ${file}`, () => {
    it('are all there', () => {
      const vectors = readGroups(file).flatMap(({ tests }) => tests)
      assert.equal(vectors.length, count)
    })

    it('are accepted when valid and refused when invalid', async () => {
      const explained = deviations[file] ?? {}
      const wrong: string[] = []
      for (const group of readGroups(file)) {
        const given = group.public ?? group.private ?? {}
        const keys = given.keys ?? [given]
        for (const { tcId, comment, jws, result } of group.tests) {
          const expected = tcId in explained ? result !== 'valid' : result === 'valid'
          const accepted = await isAccepted(jws, keys)
          if (accepted !== expected)
            wrong.push(`${tcId} ${comment}: ${result}, but ${accepted ? 'accepted' : 'refused'}`)
        }
      }
      assert.deepEqual(wrong, [])
    })
  })
}
