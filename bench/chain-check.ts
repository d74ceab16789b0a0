// A chain that does not do its work is fast: each one is asked before it is measured.
import { strict as assert } from 'node:assert'
import { request } from 'undici'
import type { Started } from './process.ts'
import { chainHeaders, signToken } from './tokens.ts'
import { paths } from './upstream.ts'

/** Stops the gateway and throws when its chain lets through what it must refuse, or leaves out what it must add. */
export async function checkChain(origin: string, gateway: Started): Promise<void> {
  try {
    await probe(origin)
  } catch (error) {
    await gateway.stop()
    throw error
  }
}

async function probe(origin: string): Promise<void> {
  const good = chainHeaders()
  const { statusCode, headers } = await ask(origin, good)
  assert.equal(statusCode, 200)
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{32,36}$/)
  assert.match(String(headers['ratelimit-policy']), /per-user/)
  assert.match(String(headers.ratelimit), /per-user/)
  const forged = `${good.authorization?.slice(0, -6)}AAAAAA`
  const refusals: readonly (readonly [number, Record<string, string>])[] = [
    [401, { authorization: '' }],
    [401, { authorization: forged }],
    [403, { authorization: `Bearer ${signToken({ tenant: 'somebody-else' })}` }],
    [404, { Host: 'nobody.example.com' }],
  ]
  for (const [expected, changed] of refusals) {
    const answer = await ask(origin, { ...good, ...changed })
    assert.equal(answer.statusCode, expected, JSON.stringify(changed))
  }
}

async function ask(origin: string, headers: Record<string, string>) {
  const answer = await request(`${origin}${paths.small}`, { headers })
  await answer.body.dump()
  return answer
}
