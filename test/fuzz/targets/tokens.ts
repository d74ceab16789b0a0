// Tokens: what a verifier other than ours refuses never passes.
import assert from 'node:assert/strict'
import { type Gate, openGate, sign } from '../../plugins/jwt/gate.ts'
import { mutate } from '../../support/mutate.ts'
import type { Target } from '../target.ts'

/** A token that was changed in any way is refused, but where its signature is the same bytes. */
function createTokens(): Target {
  let gate: Gate
  let token = ''
  const isSame = (input: string): boolean => {
    const [header, payload, signature = ''] = token.split('.')
    const parts = input.trim().split('.')
    const sameBytes = Buffer.from(parts[2] ?? '', 'base64url').equals(Buffer.from(signature, 'base64url'))
    return parts.length === 3 && parts[0] === header && parts[1] === payload && sameBytes
  }
  return {
    name: 'tokens',
    share: 20,
    async start() {
      gate = await openGate()
      token = await sign(gate.ports)
    },
    create: (random) => mutate(token, random),
    async check(input) {
      const { status } = await gate.send(input)
      if (!isSame(input)) assert.equal(status, 401, 'a changed token passed')
    },
  }
}

export const tokenTargets: readonly Target[] = [createTokens()]
