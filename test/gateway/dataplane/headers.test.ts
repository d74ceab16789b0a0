import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Identity } from '../../../gateway/contract/exchange.ts'
import type { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { toDownstreamHeaders, toUpstreamHeaders } from '../../../gateway/dataplane/headers.ts'
import { createTenant } from '../../support/view.ts'
import { createExchange, createFields } from './snapshot.ts'

/** Lower-case names and values of what goes up. */
function goesUp(
  rawHeaders: readonly string[],
  prepare: (ex: Exchange) => void = () => {},
): [string, string][] {
  const ex = createExchange({ rawHeaders })
  ex.authority = 'client.test'
  ex.peerIp = '198.51.100.1'
  ex.requestId = 'the-id'
  prepare(ex)
  return toPairs(toUpstreamHeaders(ex, 'target:80', false))
}

function toPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2)
    pairs.push([(flat[i] as string).toLowerCase(), flat[i + 1] as string])
  return pairs
}

const identity: Identity = {
  userId: 'ada',
  tenantId: 'acme',
  roles: ['admin', 'user'],
  permissions: [],
  claims: {},
  expiresAt: Number.POSITIVE_INFINITY,
}
const ours = [
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'via',
  'traceparent',
  'tracestate',
]
const hopByHop = [
  'Connection',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'HTTP2-Settings',
]

describe('headers to the upstream', () => {
  for (const name of ours) {
    const spellings = [
      name,
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replaceAll('-', '.'),
      name.replace('-', '_').toUpperCase(),
    ]
    test(`never carry the client's own ${name}, however spelled`, () => {
      const pairs = goesUp(spellings.flatMap((spelling) => [spelling, 'evil']))
      assert.deepEqual(
        pairs.filter(([, value]) => value.includes('evil')),
        [],
      )
    })
  }

  for (const name of hopByHop) {
    test(`never carry ${name}`, () => {
      assert.deepEqual(
        goesUp([name, 'evil']).filter(([, value]) => value === 'evil'),
        [],
      )
    })
  }

  test('lose what Connection names, in any spelling', () => {
    const pairs = goesUp([
      'Connection',
      'close, X-Inner , x_other',
      'x-inner',
      'a',
      'X-Other',
      'b',
      'x-kept',
      'c',
    ])
    assert.deepEqual(
      pairs.filter(([, value]) => ['a', 'b', 'c'].includes(value)),
      [['x-kept', 'c']],
    )
  })

  test('keep ours though Connection names them', () => {
    const named = [...ours, 'host', 'content-length'].join(', ')
    const pairs = goesUp(['Connection', named], (ex) => {
      ex.tenant = createTenant('acme')
      ex.identity = identity
    })
    const up = Object.fromEntries(pairs)
    assert.equal(up['x-tenant-id'], 'acme')
    assert.equal(up['x-user-id'], 'ada')
    assert.equal(up['x-user-roles'], 'admin,user')
    assert.equal(up['x-request-id'], 'the-id')
    assert.equal(up['x-forwarded-for'], '198.51.100.1')
    assert.equal(up['x-forwarded-proto'], 'http')
    assert.equal(up['x-forwarded-host'], 'client.test')
    assert.equal(up['x-forwarded-port'], '8000')
    assert.equal(up.via, '1.1 aegis-0123456789ab')
    assert.equal(up.host, 'target:80')
    assert.equal(up['content-length'], undefined, 'whoever writes the body frames it')
  })

  test('say each of ours exactly once', () => {
    const pairs = goesUp(['Host', 'client.test', 'Content-Length', '5', 'Expect', '100-continue'])
    const names = pairs.map(([name]) => name)
    assert.deepEqual(names, [...new Set(names)])
    assert.ok(!names.includes('expect'))
  })

  test('carry on what a trusted proxy said', () => {
    const up = Object.fromEntries(
      goesUp(
        [
          'X-Forwarded-For',
          '203.0.113.7',
          'X-Forwarded-Host',
          'outer.test',
          'X-Forwarded-Port',
          '443',
          'Via',
          '1.1 edge',
        ],
        (ex) => {
          ex.peerTrusted = true
          ex.scheme = 'https'
          ex.carriedVia = '1.1 edge'
        },
      ),
    )
    assert.equal(up['x-forwarded-for'], '203.0.113.7, 198.51.100.1')
    assert.equal(up['x-forwarded-host'], 'outer.test')
    assert.equal(up['x-forwarded-port'], '443')
    assert.equal(up['x-forwarded-proto'], 'https')
    assert.equal(up.via, '1.1 edge, 1.1 aegis-0123456789ab')
  })

  test('say no host that the client did not name', () => {
    const up = Object.fromEntries(
      goesUp([], (ex) => {
        ex.authority = ''
      }),
    )
    assert.equal(up['x-forwarded-host'], undefined)
  })

  test('preserve the client host where the upstream asks for it', () => {
    const ex = createExchange()
    ex.authority = 'client.test'
    assert.equal(toUpstreamHeaders(ex, 'target:80', true)[1], 'client.test')
    ex.authority = ''
    assert.equal(toUpstreamHeaders(ex, 'target:80', true)[1], 'target:80')
  })

  test("let a plugin's header replace every spelling of the client's", () => {
    const pairs = goesUp(
      ['X_Account', 'evil', 'x.account', 'evil', 'X-Account', 'evil', 'X-Gone', 'evil'],
      (ex) => {
        ex.setUpstreamHeader('X-Account', 'first')
        ex.setUpstreamHeader('x-account', '7')
        ex.removeUpstreamHeader('x-gone')
      },
    )
    assert.deepEqual(
      pairs.filter(([name]) => /account|gone/.test(name)),
      [['x-account', '7']],
    )
  })

  test('write text beyond ASCII as its UTF-8 bytes', () => {
    const up = Object.fromEntries(
      goesUp([], (ex) => {
        ex.identity = { ...identity, userId: 'zoë' }
      }),
    )
    assert.equal(Buffer.from(up['x-user-id'] ?? '', 'latin1').toString('utf8'), 'zoë')
  })

  test('keep the order and the repeats of all others', () => {
    const raw = ['Cookie', 'a=1', 'Accept', 'x', 'Cookie', 'b=2']
    assert.deepEqual(goesUp(raw).slice(1, 4), [
      ['cookie', 'a=1'],
      ['accept', 'x'],
      ['cookie', 'b=2'],
    ])
  })
})

describe('headers to the client', () => {
  for (const name of hopByHop) {
    test(`never carry ${name}`, () => {
      assert.deepEqual(toDownstreamHeaders(createFields([name, 'x', 'X-Kept', 'y'])), ['X-Kept', 'y'])
    })
  }
  test('lose what any Connection header names', () => {
    const raw = ['Connection', 'x-a', 'X-A', '1', 'connection', 'X_B, keep-alive', 'x-b', '2', 'X-C', '3']
    assert.deepEqual(toDownstreamHeaders(createFields(raw)), ['X-C', '3'])
  })
  test('keep several Set-Cookie and the bytes of every value', () => {
    const raw = ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=\xff']
    assert.deepEqual(toDownstreamHeaders(createFields(raw)), ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=\xff'])
  })
})
