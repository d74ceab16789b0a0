// What ends an event stream that is open, and how open streams and WebSockets are counted.
import assert from 'node:assert/strict'
import { connect as connectHttp2, constants } from 'node:http2'
import { after, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import { createTestToken } from '../support/saas.ts'
import { inSeconds, startLongLivedScene } from './long-lived-scene.ts'

const scene = await startLongLivedScene()
const { gateway, open, change, lineOf, metric } = scene
after(scene.stop)
beforeEach(scene.restore)

describe('an event stream', () => {
  test('an event stream ends with its token, without looking whole; a download goes on', async () => {
    const stream = await open('/api/stream', { exp: inSeconds(2) })
    const whole = await open('/api/download', { exp: inSeconds(2) })
    await waitUntil(() => stream.client.closed || stream.client.ended)
    assert.match(stream.client.received.toString(), /data: one/)
    assert.doesNotMatch(stream.client.received.toString(), /0\r\n\r\n$/)
    await waitUntil(() => stream.upstream.closed || stream.upstream.ended)
    const line = await waitUntil(() => lineOf(stream.path))
    assert.deepEqual([line.status, line.code], [200, 'AEGIS_TOKEN_EXPIRED'])
    whole.upstream.socket.end(' and the rest')
    await waitUntil(() => whole.client.received.toString().endsWith('0\r\n\r\n'))
    assert.match(whole.client.received.toString(), /first part.* and the rest/s)
    whole.client.socket.destroy()
  })

  test('an event stream ends with its token also where a plugin held much of it back first', async () => {
    const stream = await open('/held/stream', { exp: inSeconds(2) })
    await waitUntil(() => stream.client.closed || stream.client.ended)
    assert.ok(stream.client.received.length > 200_000)
    assert.equal((await waitUntil(() => lineOf(stream.path))).code, 'AEGIS_TOKEN_EXPIRED')
  })

  test('an event stream over HTTP/2 is reset when its token expires; the connection and its other streams stay', async () => {
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as { listeners: { port: number }[] }
    const session = connectHttp2(`http://127.0.0.1:${ready.listeners[1]?.port}`)
    const ask = async (claims: object) => {
      const token = await createTestToken({ ...claims })
      const stream = session.request({
        ...{ ':authority': 'acme.example.com', ':path': '/api/stream/h2', authorization: `Bearer ${token}` },
      })
      stream.on('error', () => {})
      let received = ''
      stream.on('data', (chunk) => {
        received += chunk
      })
      await waitUntil(() => received.includes('data: one'))
      return stream
    }
    const one = await ask({ exp: inSeconds(2) })
    const other = await ask({})
    await waitUntil(() => one.closed)
    assert.notEqual(one.rstCode, constants.NGHTTP2_NO_ERROR)
    assert.equal((await waitUntil(() => lineOf('/api/stream/h2'))).code, 'AEGIS_TOKEN_EXPIRED')
    assert.equal(other.closed, false)
    assert.equal(session.closed, false)
    session.destroy()
  })

  test('an event stream ends when its tenant is suspended; that of another stays', async () => {
    const one = await open('/api/stream')
    const other = await open('/api/stream', { tenant_id: 'globex' }, 'globex.example.com')
    await change('routes.json', (routes) => {
      routes.tenants[0].status = 'suspended'
      return routes
    })
    await waitUntil(() => one.client.closed || one.client.ended)
    assert.equal((await waitUntil(() => lineOf(one.path))).code, 'AEGIS_TENANT_SUSPENDED')
    other.upstream.socket.write('data: two\n\n')
    await waitUntil(() => other.client.received.includes('data: two'))
    other.client.socket.destroy()
  })

  const openOf = (kind: string) => metric('aegis_long_lived', `kind="${kind}"`)

  test('is counted while it is open', async () => {
    await waitUntil(async () => (await openOf('websocket')) === 0)
    const one = await open('/api/ws')
    const other = await open('/api/stream')
    await waitUntil(async () => (await openOf('websocket')) === 1)
    await waitUntil(async () => (await openOf('stream')) === 1)
    one.client.socket.destroy()
    other.client.socket.destroy()
    await waitUntil(async () => (await openOf('websocket')) === 0)
    await waitUntil(async () => (await openOf('stream')) === 0)
  })
})
