// How calls of @grpc/grpc-js end before their time: by either side, by a deadline, by a drain of the gateway, by a restart of a
// server; and that a call is made once.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import {
  endStream,
  frame,
  goAway,
  headers,
  status as httpStatus,
  type RawConnection,
  RawUpstream,
  reset,
  types,
} from '../gateway/dataplane/http2/raw-upstream.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas } from '../support/saas.ts'
import {
  type EchoClient,
  EchoServer,
  type Heard,
  hearOne,
  hearStream,
  openChannel,
  status,
  tagged,
  unary,
} from './grpc-interop-scene.ts'

const services = ['Echo', 'Mortal', 'Raw', 'Lame', 'Rolling'].map((name) => `interop.${name}`)
const [echo = '', mortalOne = '', rawOne = '', lame = '', rolling = ''] = services

interface Front {
  readonly gateway: TestGateway
  open(service?: string): EchoClient
  close(): Promise<void>
}

/** A gateway before these servers, by service. */
async function createFront(servers: Readonly<Record<string, readonly string[]>>): Promise<Front> {
  const patient = {
    ...{ transport: 'http2', breaker: { errorPercent: 0 }, health: { passive: { failures: 100_000 } } },
    retry: { budgetPercent: 100 },
  }
  const upstreams = Object.entries(servers).map(([service, urls]) => {
    return [service.replace('.', '-').toLowerCase(), { ...patient, targets: urls.map((url) => ({ url })) }]
  })
  const routes = Object.keys(servers).map((service) => {
    const id = service.replace('.', '-').toLowerCase()
    return { id, paths: [`/${service}/*`], upstream: id, auth: 'none' }
  })
  const config = await createConfigDir(
    createSaas('', {
      gateway: { listeners: [{ name: 'public', host: '127.0.0.1', port: 0, http2: true }] },
      routes: { upstreams: Object.fromEntries(upstreams), routes },
    }),
  )
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  const clients: EchoClient[] = []
  return {
    gateway,
    open(service = echo) {
      const client = openChannel(`127.0.0.1:${gateway.port}`, { service })
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) client.close()
      await gateway.stop()
      await config.remove()
    },
  }
}

const server = new EchoServer(services)
const mortal = new EchoServer(services)
const restarted = [new EchoServer(services), new EchoServer(services)]
const raw = new RawUpstream(() => {})
let front: Front
let client: EchoClient

before(async () => {
  const url = await server.listen()
  front = await createFront({
    [echo]: [url],
    [mortalOne]: [await mortal.listen()],
    [rawOne]: [await raw.listen()],
    [lame]: ['http://127.0.0.1:1', url],
    [rolling]: await Promise.all(restarted.map((one) => one.listen())),
  })
  client = front.open()
})
after(async () => {
  await front.close()
  for (const one of [server, mortal, ...restarted]) one.close()
  raw.close()
})

describe('a call that ends early', () => {
  const seenOf = (tag: string) => waitUntil(() => server.seen.get(tag))

  test('because its client cancels it before an answer is cancelled at the server', async () => {
    const { tag, metadata } = tagged()
    let cancel = (): void => {}
    const over = hearOne((answered) => {
      const call = client.never('x', metadata, {}, answered)
      cancel = () => call.cancel()
      return call
    })
    const seen = await seenOf(tag)
    assert.equal(seen.cancelled, false)
    cancel()
    assert.equal((await over).code, status.CANCELLED)
    await waitUntil(() => seen.cancelled)
  })

  test('because its client cancels it within a stream of the server is cancelled there', async () => {
    const { tag, metadata } = tagged()
    const call = client.hang('x', metadata)
    const over = hearStream(call)
    await once(call, 'data')
    call.cancel()
    assert.equal((await over).code, status.CANCELLED)
    await waitUntil(() => server.seen.get(tag)?.cancelled)
  })

  test('because its client cancels it within its own stream is cancelled at the server', async () => {
    const { tag, metadata } = tagged()
    let cancel = (): void => {}
    const over = hearOne((answered) => {
      const call = client.collect(metadata, answered)
      cancel = () => call.cancel()
      call.write('one')
      return call
    })
    const seen = await seenOf(tag)
    await waitUntil(() => seen.messages === 1)
    cancel()
    assert.equal((await over).code, status.CANCELLED)
    await waitUntil(() => seen.cancelled)
  })

  test('because its client hangs up is cancelled at the server', async () => {
    const own = front.open()
    const { tag, metadata } = tagged()
    const call = own.talk(metadata)
    const over = hearStream(call)
    call.write('one')
    await once(call, 'data')
    own.close()
    call.cancel()
    await over
    await waitUntil(() => server.seen.get(tag)?.cancelled)
  })

  test('because its server cancels it says so to the client', async () => {
    const heard = await hearStream(client.failLate(`${status.CANCELLED}`, tagged().metadata))
    assert.deepEqual([heard.messages, heard.code], [['one'], status.CANCELLED])
  })

  test('by its deadline, of which the server knows, is DEADLINE_EXCEEDED and cancelled there', async () => {
    for (const begin of ['never', 'hang'] as const) {
      const { tag, metadata } = tagged()
      const options = { deadline: Date.now() + 700 }
      const heard = await (begin === 'never'
        ? hearOne((answered) => client.never('x', metadata, options, answered))
        : hearStream(client.hang('x', metadata, options)))
      assert.equal(heard.code, status.DEADLINE_EXCEEDED)
      const seen = await seenOf(tag)
      assert.ok(Number.isFinite(seen.deadline) && seen.deadline > 0, `${seen.deadline}`)
      await waitUntil(() => seen.cancelled)
    }
    const { tag, metadata } = tagged()
    await unary(client, 'x', metadata)
    assert.equal((await seenOf(tag)).deadline, Number.POSITIVE_INFINITY)
  })

  test('does no harm to its neighbours on the channel', async () => {
    const talk = client.talk(tagged().metadata)
    const over = hearStream(talk)
    for (let i = 0; i < 50; i++) {
      const call = client.hang('x', tagged().metadata)
      const ended = hearStream(call)
      await once(call, 'data')
      call.cancel()
      talk.write(`${i}`)
      assert.equal((await ended).code, status.CANCELLED)
    }
    talk.end()
    const heard = await over
    assert.deepEqual([heard.messages.length, heard.code], [50, status.OK])
  })

  test('because its server is gone is an error, and the next call finds the server that came back', async () => {
    const own = front.open(mortalOne)
    const call = own.hang('x', tagged().metadata)
    const over = hearStream(call)
    await once(call, 'data')
    mortal.close()
    const heard = await over
    assert.deepEqual([heard.messages, heard.code], [['begun'], status.INTERNAL], heard.details)
    const nobody = await unary(own, 'x')
    assert.equal(nobody.code, status.UNAVAILABLE)
    assert.match(nobody.details, /\(AEGIS_UPSTREAM_UNREACHABLE\)$/)
    const next = new EchoServer(services)
    await next.listen(mortal.port)
    assert.deepEqual((await unary(own, 'x')).messages, ['re x'])
    own.close()
    next.close()
  })
})

const grpcHead = ['content-type', 'application/grpc'] as const
const message = Buffer.from([0, 0, 0, 0, 2, 111, 107])

/** A whole answer of one message, `ok`. */
const answer = (id: number): Buffer =>
  Buffer.concat([
    headers(id, 0, httpStatus(200), grpcHead),
    frame(types.data, 0, id, message),
    headers(id, endStream, ['grpc-status', '0']),
  ])

type Fail = (to: RawConnection, id: number) => void

describe('a unary call', () => {
  /** What comes of one that the first server fails so, and how often one was asked. */
  async function askOnce(fail: Fail): Promise<{ heard: Heard; heads: number }> {
    const before = raw.heads
    raw.serve = (to, id, nth) => (nth === before ? fail(to, id) : to.send(answer(id)))
    const heard = await unary(front.open(rawOne), 'x')
    return { heard, heads: raw.heads - before }
  }
  const leave =
    (lastId: (id: number) => number): Fail =>
    (to, id) => {
      to.send(goAway(lastId(id), 0))
      to.socket.end()
    }

  const notBegun: [string, Fail][] = [
    ['refuses the stream', (to, id) => to.send(reset(id, 7))],
    ['goes away before it', (to) => to.send(goAway(0, 0))],
    ['goes away before it and closes', leave(() => 0)],
  ]
  for (const [title, fail] of notBegun) {
    test(`that its server, which ${title}, has not begun is made anew, and its client hears nothing of it`, async () => {
      const { heard, heads } = await askOnce(fail)
      assert.deepEqual([heard.code, heard.messages, heads], [status.OK, ['ok'], 2], heard.details)
    })
  }

  const begun: [string, Fail][] = [
    ['resets it', (to, id) => to.send(reset(id, 2))],
    ['closes', (to) => to.socket.end()],
    ['goes away behind it and closes', leave((id) => id)],
  ]
  for (const [title, fail] of begun) {
    test(`that its server, which ${title}, may have made is not made again`, async () => {
      const { heard, heads } = await askOnce(fail)
      assert.deepEqual([heard.code, heard.messages, heads], [status.UNAVAILABLE, [], 1])
      assert.match(heard.details, /\(AEGIS_UPSTREAM_BROKEN\)$/)
    })
  }

  // Servers may encode only what is not printable (grpc-go does): white space at an end then comes as HTTP/2 forbids it.
  test('is heard with the words of its server where these begin or end with white space', async () => {
    const words = ['grpc-message', ' not now: '] as const
    const { heard } = await askOnce((to, id) =>
      to.send(headers(id, endStream, httpStatus(200), grpcHead, ['grpc-status', '10'], words)),
    )
    assert.deepEqual([heard.code, heard.details], [status.ABORTED, 'not now:'])
  })

  test('finds the server that is there, where another is away', async () => {
    const own = front.open(lame)
    for (let i = 0; i < 10; i++) assert.deepEqual((await unary(own, `${i}`)).messages, [`re ${i}`])
  })

  test('is made once, and well, while servers restart one after the other', async () => {
    const own = front.open(rolling)
    const all = [...restarted]
    let made = 0
    const failed: string[] = []
    let restarting = true
    const calls = Promise.all(
      [1, 2, 3, 4].map(async () => {
        while (restarting) {
          const text = `${made++}`
          const heard = await unary(own, text)
          if (heard.messages[0] !== `re ${text}`) failed.push(heard.details)
        }
      }),
    )
    for (const i of [0, 1, 0, 1, 0, 1]) {
      const old = restarted[i] as EchoServer
      const until = made + 50
      await waitUntil(() => made > until)
      await old.end()
      const next = new EchoServer(services)
      await next.listen(old.port)
      restarted[i] = next
      all.push(next)
    }
    const until = made + 50
    await waitUntil(() => made > until)
    restarting = false
    await calls
    assert.deepEqual(failed, [])
    const served = all.reduce((sum, { unaries }) => sum + unaries, 0)
    assert.equal(served, made)
  })
})

describe('a gateway that stops', () => {
  test('lets calls end, and the next one goes to the gateway that is left', async () => {
    const one = await createFront({ [echo]: [server.url] })
    const two = front
    const both = openChannel(`ipv4:127.0.0.1:${one.gateway.port},127.0.0.1:${two.gateway.port}`)
    const only = one.open()
    const { tag, metadata } = tagged()
    const call = both.talk(metadata)
    const over = hearStream(call)
    call.write('before')
    await once(call, 'data')
    const waiting = tagged({ 'x-hold': 'yes' })
    const collected = hearOne((answered) => {
      const stream = only.collect(waiting.metadata, answered)
      stream.write('before')
      stream.end()
      return stream
    })
    await waitUntil(() => server.seen.has(waiting.tag))
    const before = String(server.seen.get(tag)?.metadata.get('via'))
    const stopped = one.gateway.stop()
    await waitUntil(() => one.gateway.logs().some(({ msg }) => /drain|stopping/.test(String(msg))))
    // GOAWAY has it connect anew: to the other one, where there is one.
    const elsewhere = tagged()
    await waitUntil(async () => {
      const heard = await unary(both, 'after', elsewhere.metadata)
      assert.deepEqual([heard.code, heard.messages], [status.OK, ['re after']])
      return String(server.seen.get(elsewhere.tag)?.metadata.get('via')) !== before
    })
    const refused = await waitUntil(async () => {
      const heard = await unary(only, 'after', tagged().metadata, { deadline: Date.now() + 8_000 })
      return heard.code !== status.OK && heard
    })
    assert.equal(refused.code, status.UNAVAILABLE, refused.details)
    call.write('still')
    await once(call, 'data')
    call.end()
    const heard = await over
    assert.deepEqual([heard.messages, heard.code], [['re before', 're still'], status.OK])
    server.seen.get(waiting.tag)?.release()
    assert.equal((await collected).code, status.OK)
    assert.equal(await stopped, 0)
    both.close()
    await one.close()
  })
})
