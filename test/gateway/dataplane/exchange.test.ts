import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import type { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { createTenant } from '../../support/view.ts'
import { createExchange } from './snapshot.ts'

/** What the stations and plugins do to an exchange on its way, in the ways that requests differ. */
const ways: readonly ((ex: Exchange) => void)[] = [
  () => {},
  (ex) => {
    ex.tenant = createTenant('acme')
    ex.identity = {
      userId: 'ada',
      tenantId: 'acme',
      roles: [],
      permissions: [],
      claims: {},
      expiresAt: Number.POSITIVE_INFINITY,
    }
    ex.setUpstreamHeader('x-a', '1')
    ex.removeUpstreamHeader('x-b')
  },
  (ex) => {
    ex.status = 200
    ex.responseHeaders = ['a', 'b']
    ex.setResponseHeader('x-c', '1')
    ex.appendResponseHeader('x-d', 'line\nbreak')
    ex.removeResponseHeader('a')
  },
  (ex) => {
    ex.body = Buffer.from('hello')
    ex.bodyComplete = true
    ex.requestBytes = 5
    ex.limitRequestBody(10)
    ex.onAbort(() => {})
    ex.abort = { abort() {} }
    ex.cancel()
  },
  (ex) => {
    ex.durationMs = 1.5
    ex.upstreamMs = 0.25
    ex.responseBytes = 1e10
    ex.failure = 'broken'
    ex.code = 'AEGIS_X'
    ex.ended = true
    assert.deepEqual(ex.params, {})
  },
]

describe('an exchange', () => {
  test('keeps one hidden class, whatever becomes of it', () => {
    setFlagsFromString('--allow-natives-syntax')
    const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (
      a: object,
      b: object,
    ) => boolean
    // The kinds of the fields' values are known once each way was gone.
    for (const go of ways) for (let i = 0; i < 3; i++) go(createExchange())
    const all = ways.map((go) => {
      const ex = createExchange({ method: 'POST', url: '/x', rawHeaders: ['A', 'b'] })
      go(ex)
      return ex
    })
    const untouched = createExchange()
    for (const [i, ex] of all.entries()) assert.ok(haveSameMap(ex, untouched), `way ${i}`)
    // The test would see it.
    const odd = createExchange() as Exchange & { more?: number }
    odd.more = 1
    assert.ok(!haveSameMap(odd, untouched))
  })

  test('reads repeated headers as one value', () => {
    const ex = createExchange({ rawHeaders: ['X-A', '1', 'x-a', '2', 'Cookie', 'a=1', 'cookie', 'b=2'] })
    assert.equal(ex.header('x-a'), '1, 2')
    assert.equal(ex.header('cookie'), 'a=1; b=2')
    assert.equal(ex.header('constructor'), undefined)
  })
})
