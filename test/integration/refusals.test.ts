// How the gateway refuses before it has read a body: what it says, in which form, and what becomes of the connection. Raw bytes.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const host = 'Host: acme.example.com\r\n'
const last = 'Connection: close\r\n'

let upstream: TestUpstream
let gateway: TestGateway
let remove: () => Promise<void>
/** Questions to /aegis/authorize that wait for an answer. */
let questions: ServerResponse[] = []

before(async () => {
  upstream = await createUpstream((req, res) => {
    req.resume()
    req.on('end', () => {
      if (req.url === '/aegis/authorize') questions.push(res)
      else res.end('served')
    })
  })
  const routes = {
    routes: [
      { id: 'open', paths: ['/open/*'], methods: ['GET', 'POST'], upstream: 'api', auth: 'none' },
      { id: 'asked', paths: ['/asked/*'], upstream: 'api', permission: { resource: 'asked' } },
    ],
  }
  const rbac = { id: 'rbac', plugin: 'rbac', config: { subrequest: { timeoutMs: 9_000 } } }
  const plugins = [jwtEntry, { id: 'tenant', plugin: 'tenant' }, rbac]
  const limits = { bodyBytes: 3_000_000, urlBytes: 2_000, headerCount: 20 }
  const config = await createConfigDir(createSaas(upstream.url, { gateway: { limits }, routes, plugins }))
  remove = config.remove
  gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
})
after(async () => {
  await gateway.stop()
  await Promise.all([upstream.close(), remove()])
})
beforeEach(() => {
  questions = []
  upstream.seen.length = 0
})

const send = (bytes: string) => sendRaw(gateway.port, Buffer.from(bytes, 'latin1'), 30_000)
const ask = (target: string, headers = '', method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\n${host}${headers}`

describe('a refusal', () => {
  const refusals: [number, string, string][] = [
    [400, 'AEGIS_BAD_REQUEST', ask('/open/%00')],
    [401, 'AEGIS_', ask('/asked/x')],
    [404, 'AEGIS_NO_ROUTE', ask('/none')],
    [405, 'AEGIS_METHOD_NOT_ALLOWED', ask('/open/x', '', 'DELETE')],
    [405, 'AEGIS_METHOD_NOT_ALLOWED', ask('/open/x', '', 'TRACE')],
    [413, 'AEGIS_BODY_TOO_LARGE', ask('/open/x', 'Content-Length: 3000001\r\n', 'POST')],
    [414, 'AEGIS_URI_TOO_LONG', ask(`/open/${'a'.repeat(2_000)}`)],
    [417, 'AEGIS_EXPECTATION_FAILED', ask('/open/x', 'Expect: x\r\n')],
    [431, 'AEGIS_TOO_MANY_HEADERS', ask('/open/x', 'A: b\r\n'.repeat(20))],
  ]
  const forms: [string, RegExp][] = [
    ['', /^application\/problem\+json$/],
    ['Accept: application/json\r\n', /^application\/problem\+json$/],
    ['Accept: text/html,*/*;q=0.5\r\n', /^text\/html; charset=utf-8$/],
    ['Accept: text/plain\r\n', /^text\/plain; charset=utf-8$/],
    ['Accept: image/png\r\n', /^application\/problem\+json$/],
  ]
  for (const [status, code, bytes] of refusals) {
    const line = JSON.stringify(bytes.slice(0, 20).split('\r\n', 1)[0])
    test(`of ${line} is a ${status} that names its reason, in the form that is asked for`, async () => {
      for (const [accept, type] of forms) {
        const received = await send(`${bytes}${accept}${last}\r\n`)
        assert.equal(statusOf(received), status, received)
        const [head = '', body = ''] = received.split('\r\n\r\n')
        assert.match(/\r\ncontent-type: (.*)/i.exec(head)?.[1] ?? '', type)
        assert.match(head, /\r\ncache-control: no-store/i)
        assert.equal(Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]), Buffer.byteLength(body))
        assert.ok(body.includes(code), body)
        assert.equal(/\r\nallow: /i.test(head), status === 405)
      }
    })
  }

  test('of a method names those that the path has', async () => {
    assert.match(await send(`${ask('/open/x', '', 'PUT')}${last}\r\n`), /\r\nallow: GET, HEAD, POST\r\n/i)
  })

  test('of a HEAD has no body', async () => {
    const received = await send(`${ask('/none', '', 'HEAD')}${last}\r\n`)
    assert.equal(statusOf(received), 404)
    assert.match(received, /\r\n\r\n$/)
  })
})

describe('the connection behind a refusal', () => {
  const next = `${ask('/open/next')}${last}\r\n`
  const cases: [string, string, boolean][] = [
    ['a request without a body', '\r\n', true],
    ['a short body, which is thrown away', 'Content-Length: 5\r\n\r\nhello', true],
    ['the longest body that is thrown away', `Content-Length: 1048576\r\n\r\n${'x'.repeat(1_048_576)}`, true],
    ['a longer body', `Content-Length: 1048577\r\n\r\n${'x'.repeat(1_048_577)}`, false],
    ['a chunked body', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', false],
    ['a body that waits to be asked for', 'Expect: 100-continue\r\nContent-Length: 5\r\n\r\n', false],
  ]
  for (const [title, rest, stays] of cases) {
    test(`${stays ? 'stays open' : 'is closed'} after ${title}`, async () => {
      const received = await send(ask('/asked/x', rest, 'POST') + next)
      const statuses = received.match(/HTTP\/1\.1 \d+/g)
      assert.deepEqual(statuses, stays ? ['HTTP/1.1 401', 'HTTP/1.1 200'] : ['HTTP/1.1 401'])
      assert.equal(upstream.seen.length, stays ? 1 : 0)
      if (!stays) assert.match(received, /\r\nconnection: close\r\n/i)
    })
  }
})

describe('100 Continue', () => {
  /** A request that expects it, and what came by the time that the policy is being asked. */
  async function expectContinue(user: string) {
    const token = await createTestToken({ user_id: user })
    const socket = connect(gateway.port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    await once(socket, 'connect')
    const headers = `Authorization: Bearer ${token}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n${last}\r\n`
    socket.write(ask('/asked/x', headers, 'POST'))
    const question = await waitUntil(() => questions[0])
    return { socket, question, received: () => received }
  }

  test('waits until policy has allowed the request', async () => {
    const { socket, question, received } = await expectContinue('allowed')
    assert.equal(received(), '')
    question.end('{"allowed":true}')
    await waitUntil(() => received().includes('\r\n\r\n'))
    assert.equal(received(), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('body')
    await waitUntil(() => received().includes('served'))
    assert.deepEqual(received().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 100', 'HTTP/1.1 200'])
    assert.equal(upstream.seen.at(-1)?.headers.expect, undefined)
    socket.destroy()
  })

  test('never comes where policy refuses', async () => {
    const { socket, question, received } = await expectContinue('refused')
    question.end('{"allowed":false}')
    await waitUntil(() => received().includes('\r\n\r\n'))
    assert.deepEqual(received().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 403'])
    assert.deepEqual(
      upstream.seen.map(({ url }) => url),
      ['/aegis/authorize'],
    )
    socket.destroy()
  })
})
