import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Value from 'typebox/value'
import requestId from '../../../plugins/request-id/index.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createView, type TestView } from '../../support/view.ts'

const own = '0190b6c4-0000-7000-8000-000000000001'

function createPlugin(config: Record<string, unknown> = {}) {
  const full = Value.Default(requestId.schema, config)
  assert.ok(Value.Check(requestId.schema, full))
  return requestId.create(full, createTestPorts())
}

function pass(view: TestView, config: Record<string, unknown> = {}): TestView {
  const plugin = createPlugin(config)
  assert.equal(plugin.onRequest?.(view), undefined)
  plugin.onResponse?.(view)
  return view
}

describe('the id of a request', () => {
  test('is the gateway’s own when the peer is not trusted', () => {
    const view = pass(createView({ requestHeaders: { 'x-request-id': 'forged' } }))
    assert.equal(view.requestId, own)
    assert.equal(view.upstreamHeaders.get('x-request-id'), own)
    assert.equal(view.responseHeader('x-request-id'), own)
  })

  test('is the one that a trusted peer sends, when it is well-formed', () => {
    for (const id of ['a', 'A-1_2.3~4+5/6=7:8@9', 'x'.repeat(128)]) {
      const view = pass(createView({ peerTrusted: true, requestHeaders: { 'x-request-id': id } }))
      assert.equal(view.requestId, id)
      assert.equal(view.upstreamHeaders.get('x-request-id'), id)
      assert.equal(view.responseHeader('x-request-id'), id)
    }
  })

  test('is the gateway’s own when a trusted peer sends a malformed one', () => {
    const malformed = [
      '',
      ' ',
      'a b',
      'a,b',
      'a, b',
      'a\nb',
      'a\r\nSet-Cookie: x',
      'a"b',
      'é',
      '\u0000',
      'x'.repeat(129),
      '<x>',
    ]
    for (const id of malformed) {
      const view = pass(createView({ peerTrusted: true, requestHeaders: { 'x-request-id': id } }))
      assert.equal(view.requestId, own, JSON.stringify(id))
    }
  })

  test('can go by another header, whose name is matched without regard to case', () => {
    const view = createView({
      peerTrusted: true,
      requestHeaders: { 'x-correlation-id': 'abc', 'x-request-id': 'no' },
    })
    pass(view, { header: 'X-Correlation-Id' })
    assert.equal(view.requestId, 'abc')
    assert.equal(view.upstreamHeaders.get('x-correlation-id'), 'abc')
    assert.equal(view.responseHeader('x-correlation-id'), 'abc')
  })

  test('replaces what the upstream says it is', () => {
    const plugin = createPlugin()
    const view = createView({ responseHeaders: [['X-Request-ID', 'theirs']] })
    plugin.onRequest?.(view)
    plugin.onResponse?.(view)
    assert.deepEqual(view.responseHeaderNames(), ['x-request-id'])
    assert.equal(view.responseHeader('x-request-id'), own)
  })

  test('cannot be put into a header that means something else', () => {
    for (const header of [
      'Host',
      'X-Tenant-Id',
      'x-user-roles',
      'Authorization',
      'X-Forwarded-For',
      'traceparent',
    ]) {
      const full = Value.Default(requestId.schema, { header })
      assert.ok(Value.Check(requestId.schema, full))
      assert.deepEqual(
        requestId.check?.(full)?.map((problem) => problem.pointer),
        ['/header'],
        header,
      )
    }
    for (const header of ['', 'a b', 'x:y', 'x_y', '1x']) {
      assert.equal(Value.Check(requestId.schema, Value.Default(requestId.schema, { header })), false, header)
    }
  })
})

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'

function traceOf(headers: Record<string, string>, config = {}, peerTrusted = false) {
  const view = pass(createView({ requestHeaders: headers, peerTrusted }), config)
  const sent = view.upstreamHeaders.get('traceparent') ?? null
  return {
    parts: sent?.split('-') ?? null,
    state: view.upstreamHeaders.get('tracestate') ?? null,
  }
}

describe('the trace of a request', () => {
  test('goes on with the same trace id, a new parent id and the known flags', () => {
    for (const [flags, kept] of [
      ['00', '00'],
      ['01', '01'],
      ['03', '03'],
      ['ff', '03'],
      ['fe', '02'],
    ]) {
      const { parts } = traceOf({ traceparent: `00-${traceId}-${parentId}-${flags}` })
      assert.equal(parts?.length, 4)
      assert.equal(parts?.[1], traceId)
      assert.match(parts?.[2] ?? '', /^[0-9a-f]{16}$/)
      assert.notEqual(parts?.[2], parentId)
      assert.equal(parts?.[3], kept)
    }
  })

  test('begins here when there is none', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const { parts } = traceOf({})
      assert.match(parts?.join('-') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      seen.add(parts?.[1] ?? '').add(parts?.[2] ?? '')
    }
    assert.equal(seen.size, 2000)
    assert.equal(traceOf({}, { sampled: false }).parts?.[3], '00')
  })

  test('begins anew when the one sent is invalid, and its tracestate is dropped', () => {
    const invalid = [
      '',
      `01-${traceId}-${parentId}-01`,
      `ff-${traceId}-${parentId}-01`,
      `00-${'0'.repeat(32)}-${parentId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.toUpperCase()}-${parentId}-01`,
      `00-${traceId}-${parentId}-01-extra`,
      `00-${traceId}-${parentId}`,
      `00-${traceId}-${parentId}-0g`,
      `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`,
      ` 00-${traceId}-${parentId}-0`,
    ]
    for (const traceparent of invalid) {
      const { parts, state } = traceOf({ traceparent, tracestate: 'a=1' })
      assert.notEqual(parts?.[1], traceId, traceparent)
      assert.match(parts?.join('-') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.equal(state, null)
    }
  })

  test('drops a tracestate that comes alone', () => {
    assert.equal(traceOf({ tracestate: 'a=1' }).state, null)
  })

  test('carries a valid tracestate, within limits', () => {
    const long = Array.from({ length: 30 }, (_, i) => `k${i}=${'v'.repeat(20)}`)
    const cases: [string, string | null][] = [
      ['a=1', 'a=1'],
      ['a=1, b@c=2 ,,d/e*f-g_h=3', 'a=1,b@c=2,d/e*f-g_h=3'],
      ['a', null],
      ['=1', null],
      ['a=', null],
      ['a=1=2', null],
      ['A=1', null],
      ['a=1,a=2', null],
      ['a=\u0001', null],
      ['a=é', null],
      [`a=${'1'.repeat(257)}`, null],
      [Array.from({ length: 33 }, (_, i) => `a${i}=1`).join(), null],
      ['x'.repeat(5000), null],
    ]
    for (const [tracestate, expected] of cases) {
      const { state } = traceOf({ traceparent: `00-${traceId}-${parentId}-01`, tracestate })
      assert.equal(state, expected, tracestate)
    }
    const { state } = traceOf({ traceparent: `00-${traceId}-${parentId}-01`, tracestate: long.join(',') })
    assert.ok(state !== null && state.length <= 512 && state.length > 450)
    assert.ok(long.join(',').startsWith(`${state},`), 'whole members, from the left')
  })

  test('is heard from trusted peers only, or not at all, when so configured', () => {
    const headers = { traceparent: `00-${traceId}-${parentId}-01` }
    assert.notEqual(traceOf(headers, { trace: 'trusted' }).parts?.[1], traceId)
    assert.equal(traceOf(headers, { trace: 'trusted' }, true).parts?.[1], traceId)
    assert.equal(traceOf(headers, { trace: 'off' }).parts, null)
  })
})
