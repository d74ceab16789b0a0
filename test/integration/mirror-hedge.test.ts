// Copies of requests for a shadow, and second tries beside late ones: with real sockets, from outside.
import assert from 'node:assert/strict'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { type Answer, ask } from '../support/ask.ts'
import { waitUntil } from '../support/gateway.ts'
import { countStatuses, load } from '../support/load.ts'
import { type Handler, serve } from '../support/serve.ts'

const host = 'noisy.example.com'
const ok: Handler = (_, res) => void res.end('original')

interface Copy {
  readonly method: string
  readonly url: string
  readonly tenant: unknown
  readonly body: Buffer
}

/** A server that keeps the bodies it got, and answers as it is told. */
function createShadow(answer: (req: IncomingMessage, res: ServerResponse) => void) {
  const copies: Copy[] = []
  const handler: Handler = (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method = '', url = '', headers } = req
      copies.push({ method, url, tenant: headers['x-tenant-id'], body: Buffer.concat(chunks) })
      answer(req, res)
    })
  }
  return { copies, handler }
}

function mirrored(shadow: object, mirror: object) {
  return {
    upstreams: ([url, shadowUrl]: string[]) => ({
      api: { targets: [{ url }] },
      shadow: { targets: [{ url: shadowUrl }], ...shadow },
    }),
    routes: [
      { id: 'm', paths: ['/m/*'], upstream: 'api', auth: 'none', mirror: { upstream: 'shadow', ...mirror } },
    ],
  }
}

describe('a mirror', () => {
  const shadows: Readonly<Record<string, Handler>> = {
    'answers otherwise': (_, res) => void res.writeHead(418).end('shadow'),
    'never answers': () => {},
    'breaks off': (req) => void req.socket.resetAndDestroy(),
    'answers without end': (_, res) => {
      const timer = setInterval(() => res.write(Buffer.alloc(65_536)), 5)
      res.once('close', () => clearInterval(timer))
    },
  }
  for (const [name, answer] of Object.entries(shadows)) {
    test(`gets the same request, and when it ${name}, nothing of that is seen`, async (t) => {
      const shadow = createShadow(answer)
      const served = await serve(t, {
        handlers: [
          (req, res) => {
            req.resume()
            req.on('end', () => ok(req, res))
          },
          shadow.handler,
        ],
        ...mirrored({ timeouts: { headersMs: 500 } }, { bodyBytes: 300_000 }),
      })
      const { port } = served.gateway
      const big = Buffer.alloc(250_000, 'big body ')
      const answers = [
        await ask(port, '/m/a?b=c%20d', { host }),
        await ask(port, '/m/small', { host, method: 'POST', body: 'small' }),
        await ask(port, '/m/big', { host, method: 'PUT', body: big }),
      ]
      for (const { status, text } of answers) assert.deepEqual([status, text], [200, 'original'])
      await waitUntil(() => shadow.copies.length === 3)
      const sorted = shadow.copies.toSorted((a, b) => a.url.localeCompare(b.url))
      assert.deepEqual(
        sorted.map(({ method, url, tenant }) => [method, url, tenant]),
        [
          ['GET', '/m/a?b=c%20d', 'noisy'],
          ['PUT', '/m/big', 'noisy'],
          ['POST', '/m/small', 'noisy'],
        ],
      )
      assert.equal(sorted[0]?.body.length, 0)
      assert.ok(sorted[1]?.body.equals(big))
      assert.equal(sorted[2]?.body.toString(), 'small')
      const result = ['never answers', 'breaks off'].includes(name) ? 'failed' : 'answered'
      const count = `aegis_mirrored_requests_total{upstream="shadow",result="${result}"}`
      await waitUntil(async () => (await served.metric(count)) === 3)
    })
  }

  test('is left out when the body is too large, whether it comes at once or in pieces', async (t) => {
    const shadow = createShadow((_, res) => void res.end())
    const served = await serve(t, {
      handlers: [
        (req, res) => {
          req.resume()
          req.on('end', () => ok(req, res))
        },
        shadow.handler,
      ],
      ...mirrored({}, { bodyBytes: 1_000 }),
    })
    for (const size of [1_001, 100_000]) {
      const answer = await ask(served.gateway.port, '/m/x', {
        host,
        method: 'POST',
        body: Buffer.alloc(size),
      })
      assert.equal(answer.text, 'original')
    }
    await waitUntil(
      async () =>
        (await served.metric('aegis_mirrored_requests_total{upstream="shadow",result="dropped"}')) === 2,
    )
    assert.equal(shadow.copies.length, 0)
  })

  test('that hangs holds its own places and nothing else: originals go on, copies are dropped', async (t) => {
    const shadow = createShadow(() => {})
    const served = await serve(t, {
      handlers: [ok, shadow.handler],
      ...mirrored({ breaker: { maxConnections: 2, maxPending: 50 } }, {}),
    })
    const answers = await load(served.gateway.port, {
      ...{ connections: 10, requests: 100 },
      make: () => ({ path: '/m/x', host }),
    })
    assert.deepEqual(countStatuses(answers), { 200: 100 })
    assert.equal(await served.metric('aegis_mirrored_requests_total{upstream="shadow",result="dropped"}'), 98)
    await waitUntil(() => shadow.copies.length === 2)
  })
})

describe('hedging', () => {
  const hedged = (urls: string[], over: object = {}) => ({
    api: { targets: urls.map((url) => ({ url })), hedge: { afterMs: 100 }, retry: { attempts: 0 }, ...over },
  })

  test('a late answer is overtaken by that of another target, and the late try is given up', async (t) => {
    const late: IncomingMessage[] = []
    let gone = 0
    const served = await serve(t, {
      handlers: [
        (req) => {
          late.push(req)
          req.socket.once('close', () => {
            gone += 1
          })
        },
        (_, res) => void res.end('quick'),
      ],
      upstreams: (urls) => hedged(urls),
    })
    const answers: Answer[] = []
    for (let i = 0; i < 4; i++) answers.push(await ask(served.gateway.port, '/api/x', { host }))
    for (const { status, text } of answers) assert.deepEqual([status, text], [200, 'quick'])
    assert.equal(late.length, 2, 'every second request went to the late one first')
    await waitUntil(() => gone === 2)
    assert.equal(await served.metric('aegis_upstream_retries_total{upstream="api",result="made"}'), 2)
    await waitUntil(
      async () =>
        (await served.metric('aegis_upstream_requests{worker="0",upstream="api",state="active"}')) === 0,
    )
  })

  test('what may not be done twice is not: POST, and bodies that are still coming', async (t) => {
    const served = await serve(t, {
      handlers: [
        (req, res) => {
          req.resume()
          setTimeout(() => res.end('late'), 400)
        },
        (req, res) => {
          req.resume()
          setTimeout(() => res.end('late'), 400)
        },
      ],
      upstreams: (urls) => hedged(urls),
    })
    const { port } = served.gateway
    const streamed = new Promise<void>((resolve, reject) => {
      const req = request({ port, path: '/api/x', method: 'PUT', headers: { host } }, (res) => {
        res.resume()
        res.on('end', resolve)
      })
      req.on('error', reject)
      req.write('first')
      setImmediate(() => req.end('second'))
    })
    await Promise.all([streamed, ask(port, '/api/x', { host, method: 'POST', body: 'x' })])
    assert.equal(
      served.servers.reduce((sum, { seen }) => sum + seen.length, 0),
      2,
    )
  })

  test('when all targets are late, the budget of retries bounds the second tries', async (t) => {
    const slow: Handler = (_, res) => void setTimeout(() => res.end('late'), 250)
    const served = await serve(t, { handlers: [slow, slow], upstreams: (urls) => hedged(urls) })
    const requests = 200
    const answers = await load(served.gateway.port, {
      ...{ connections: 50, requests },
      make: () => ({ path: '/api/x', host }),
    })
    assert.deepEqual(countStatuses(answers), { 200: requests })
    const seen = served.servers.reduce((sum, server) => sum + server.seen.length, 0)
    assert.ok(seen <= 1.2 * requests && seen > 1.05 * requests, `${seen} tries for ${requests} requests`)
  })

  test('one of two tries that fails leaves it to the other; when both do, the client hears it once', async (t) => {
    const failing: Handler = (_, res) => void setTimeout(() => res.writeHead(503).end('failed'), 300)
    const late: Handler = (_, res) => void setTimeout(() => res.end('late'), 600)
    const one = await serve(t, { handlers: [failing, late], upstreams: (urls) => hedged(urls) })
    for (let i = 0; i < 2; i++) assert.equal((await ask(one.gateway.port, '/api/x', { host })).text, 'late')
    const both = await serve(t, { handlers: [failing, failing], upstreams: (urls) => hedged(urls) })
    const answer = await ask(both.gateway.port, '/api/x', { host })
    assert.deepEqual([answer.status, answer.text], [503, 'failed'])
  })

  test('a client that leaves ends both tries', async (t) => {
    const held = new Set<IncomingMessage>()
    const hang: Handler = (req) => {
      held.add(req)
      req.socket.once('close', () => held.delete(req))
    }
    const served = await serve(t, { handlers: [hang, hang], upstreams: (urls) => hedged(urls) })
    const agent = new Agent({ keepAlive: true })
    const asked = ask(served.gateway.port, '/api/x', { host, agent })
    await waitUntil(() => held.size === 2)
    agent.destroy()
    await assert.rejects(asked)
    await waitUntil(() => held.size === 0)
    await waitUntil(
      async () =>
        (await served.metric('aegis_upstream_requests{worker="0",upstream="api",state="active"}')) === 0,
    )
  })
})
