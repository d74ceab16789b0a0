// One tenant that asks for far too much, an upstream that fails, and who is sent where: with real sockets, from outside.
import assert from 'node:assert/strict'
import { Agent, type ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { type Answer, type AskOptions, ask } from '../support/ask.ts'
import { type TestGateway, waitUntil } from '../support/gateway.ts'
import { countStatuses, load } from '../support/load.ts'
import { type Handler, type Served, serve, tenants } from '../support/serve.ts'

const quietTenants = tenants.filter((tenant) => tenant !== 'noisy')

/** Each of the nine asks twenty times, one after the other, while the noisy one asks fifty times as often as each. */
async function askUnfairly(
  { port }: TestGateway,
  path: string,
): Promise<{ noisy: Answer[]; quiet: Answer[] }> {
  const asks = 20
  const agent = new Agent({ keepAlive: true })
  const askQuietly = async (tenant: string): Promise<Answer[]> => {
    const answers: Answer[] = []
    for (let i = 0; i < asks; i++)
      answers.push(await ask(port, path, { host: `${tenant}.example.com`, agent }))
    return answers
  }
  try {
    const noisy = load(port, {
      ...{ connections: 100, requests: 50 * asks },
      make: () => ({ path, host: 'noisy.example.com' }),
    })
    const quiet = await Promise.all(quietTenants.map(askQuietly))
    return { noisy: await noisy, quiet: quiet.flat() }
  } finally {
    agent.destroy()
  }
}

describe('one tenant with fifty times the load of nine others', () => {
  const timeouts = { headersMs: 10_000 }

  for (const workers of [1, 2]) {
    test(`every request of the nine is served (workers: ${workers}); the noisy one gets what is left, and 503 with Retry-After`, async (t) => {
      const { gateway, metric } = await serve(t, {
        workers,
        handlers: [(_, res) => void setTimeout(() => res.end('ok'), 50)],
        upstreams: ([url]) => ({
          api: { targets: [{ url }], breaker: { maxConnections: 10, maxPending: 20 }, timeouts },
        }),
      })
      const { noisy, quiet } = await askUnfairly(gateway, '/api/x')
      assert.deepEqual(countStatuses(quiet), { 200: 180 })
      const refused = noisy.filter(({ status }) => status === 503)
      assert.equal(countStatuses(noisy)[200], noisy.length - refused.length)
      assert.ok(refused.length > 500, `${refused.length} of 1000 were refused`)
      for (const { headers, text } of refused) {
        assert.equal(headers['retry-after'], '1')
        assert.match(text, /AEGIS_UPSTREAM_FULL/)
      }
      assert.equal(
        await metric('aegis_upstream_refusals_total{upstream="api",reason="full"}'),
        refused.length,
      )
      for (let worker = 0; worker < workers; worker++) {
        const of = `worker="${worker}",upstream="api"`
        assert.equal(await metric(`aegis_upstream_requests{${of},state="active"}`), 0)
        assert.equal(await metric(`aegis_upstream_requests{${of},state="waiting"}`), 0)
      }
    })
  }

  test('requests that hang hold no more than maxPerTenant places', async (t) => {
    const held: ServerResponse[] = []
    const { gateway, metric } = await serve(t, {
      handlers: [
        (req, res) => {
          if (req.headers['x-tenant-id'] === 'noisy') held.push(res)
          else res.end('ok')
        },
      ],
      upstreams: ([url]) => ({
        api: {
          targets: [{ url }],
          breaker: { maxConnections: 10, maxPending: 100, maxPerTenant: 5 },
          timeouts,
        },
      }),
    })
    const agent = new Agent({ keepAlive: true })
    t.after(async () => agent.destroy())
    const hanging = Array.from({ length: 50 }, () =>
      ask(gateway.port, '/api/x', { host: 'noisy.example.com', agent }),
    )
    await waitUntil(
      async () => (await metric('aegis_upstream_requests{worker="0",upstream="api",state="waiting"}')) === 45,
    )
    for (const tenant of quietTenants) {
      assert.equal((await ask(gateway.port, '/api/x', { host: `${tenant}.example.com` })).status, 200)
    }
    assert.equal(held.length, 5)
    // As places come free, those who wait get them, five at a time.
    let answered = 0
    await waitUntil(() => {
      const now = held.splice(0)
      assert.ok(now.length <= 5)
      for (const res of now) res.end('late')
      answered += now.length
      return answered === 50
    })
    assert.deepEqual(countStatuses(await Promise.all(hanging)), { 200: 50 })
  })

  test('who waits longer than headersMs is told so, and a client that leaves waits no more', async (t) => {
    const held: ServerResponse[] = []
    const { gateway, metric } = await serve(t, {
      handlers: [
        (_, res) => {
          res.write('begun, ')
          held.push(res)
        },
      ],
      upstreams: ([url]) => ({
        api: {
          targets: [{ url }],
          breaker: { maxConnections: 1, maxPending: 10 },
          timeouts: { headersMs: 800 },
        },
      }),
    })
    const host = 'noisy.example.com'
    const waiting = () => metric('aegis_upstream_requests{worker="0",upstream="api",state="waiting"}')
    const first = ask(gateway.port, '/api/1', { host })
    await waitUntil(() => held.length === 1)
    const agent = new Agent({ keepAlive: true })
    const leaves = ask(gateway.port, '/api/2', { host, agent })
    const patient = ask(gateway.port, '/api/3', { host })
    await waitUntil(async () => (await waiting()) === 2)
    agent.destroy()
    await assert.rejects(leaves)
    const { status, text } = await patient
    assert.equal(status, 503)
    assert.match(text, /AEGIS_UPSTREAM_FULL/)
    assert.equal(await waiting(), 0)
    held[0]?.end('ended')
    assert.equal((await first).text, 'begun, ended')
    assert.equal(held.length, 1, 'neither was sent')
  })
})

describe('an outage', () => {
  const requests = 400
  const outages: Readonly<Record<string, Handler>> = {
    'answers 503': (_, res) => void res.writeHead(503).end(),
    'resets connections': (req) => void req.socket.resetAndDestroy(),
  }
  const on = ['connect-failure', 'reset-before-response', '502', '503', '504']
  for (const [name, handler] of Object.entries(outages)) {
    test(`in which everybody ${name} is asked at most 1.2 times as often as without retries`, async (t) => {
      const { gateway, servers, metric } = await serve(t, {
        workers: 2,
        handlers: [handler, handler],
        upstreams: (urls) => ({ api: { targets: urls.map((url) => ({ url })), retry: { attempts: 5, on } } }),
      })
      const answers = await load(gateway.port, {
        ...{ connections: 20, requests },
        make: () => ({ path: '/api/x', host: 'noisy.example.com' }),
      })
      assert.ok(answers.every(({ status }) => status === 503 || status === 502))
      const seen = servers.reduce((sum, server) => sum + server.seen.length, 0)
      assert.ok(seen <= 1.2 * requests, `${seen} tries for ${requests} requests`)
      assert.ok(seen >= 1.1 * requests, `${seen}: it does retry`)
      const retries = await metric('aegis_upstream_retries_total{upstream="api",result="made"}')
      assert.equal(seen, requests + retries)
      assert.ok((await metric('aegis_upstream_retries_total{upstream="api",result="forbidden"}')) > 0)
    })
  }
})

describe('over two workers', () => {
  let served: Served
  const cleanUp: (() => Promise<unknown>)[] = []
  before(async () => {
    const named = (name: string, delayMs = 0): Handler => {
      return (_, res) => void setTimeout(() => res.end(name), delayMs)
    }
    served = await serve(
      { after: (callback) => void cleanUp.push(callback) },
      {
        workers: 2,
        handlers: [named('a'), named('b'), named('c'), named('slow', 100)],
        upstreams: ([a, b, c, slow]) => ({
          hashed: { targets: [a, b, c].map((url) => ({ url })), balancer: 'hash', hashKey: 'header:x-key' },
          timed: { targets: [a, slow].map((url) => ({ url })), balancer: 'ewma' },
          v1: { targets: [{ url: a }] },
          v2: { targets: [{ url: b }] },
        }),
        routes: [
          {
            ...{ id: 'split', paths: ['/split/*'], auth: 'none', sticky: 'tenant' },
            upstream: [
              { name: 'v1', weight: 1 },
              { name: 'v2', weight: 1 },
            ],
          },
        ],
      },
    )
  })
  after(() => Promise.all(cleanUp.map((callback) => callback())))

  /** Each on a connection of its own, so that both workers are asked. */
  async function askTimes(times: number, path: string, options: AskOptions = {}): Promise<string[]> {
    const answers: string[] = []
    const host = 'noisy.example.com'
    for (let i = 0; i < times; i++)
      answers.push((await ask(served.gateway.port, path, { host, ...options })).text)
    return answers
  }

  test('the same key goes to the same target, and all targets are used', async () => {
    const homes: string[] = []
    for (let key = 0; key < 12; key++) {
      const answers = await askTimes(4, '/hashed/x', { headers: { 'x-key': `key-${key}` } })
      assert.equal(new Set(answers).size, 1)
      homes.push(answers[0] as string)
    }
    assert.deepEqual(new Set(homes), new Set(['a', 'b', 'c']))
  })

  test('a sticky split keeps each tenant with one upstream', async () => {
    const versions = await Promise.all(
      tenants.map(
        async (tenant) => new Set(await askTimes(8, '/split/x', { host: `${tenant}.example.com` })),
      ),
    )
    for (const version of versions) assert.equal(version.size, 1)
    assert.equal(new Set(versions.flatMap((version) => [...version])).size, 2)
  })

  test('ewma sends few requests to a slow target', async () => {
    const answers = await askTimes(60, '/timed/x')
    const slow = answers.filter((text) => text === 'slow').length
    assert.ok(slow <= 12, `${slow} of 60`)
  })
})
