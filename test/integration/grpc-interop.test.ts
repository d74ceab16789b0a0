// gRPC as the field does it: calls of a @grpc/grpc-js client to a @grpc/grpc-js server, first without the gateway, so that what
// is expected is what gRPC does, then through it, over plain text and over TLS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ChannelCredentials, Metadata } from '@grpc/grpc-js'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas } from '../support/saas.ts'
import {
  assertBinary,
  collectedOf,
  details,
  type EchoClient,
  EchoServer,
  empty,
  everyByte,
  failureText,
  hearOne,
  hearStream,
  openChannel,
  pieceOf,
  status,
  tagged,
  unary,
} from './grpc-interop-scene.ts'

const megabyte = 1 << 20
const certificates = [{ hosts: ['*.example.com'], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]

describe('gRPC by @grpc/grpc-js', () => {
  const server = new EchoServer(['interop.Echo'])
  const ports: Record<string, number> = {}
  let gateway: TestGateway
  let remove: () => Promise<void>
  let trusted: Buffer

  before(async () => {
    const targets = [{ url: await server.listen() }]
    const config = await createConfigDir(
      createSaas('', {
        gateway: {
          listeners: [
            { name: 'plain', host: '127.0.0.1', port: 0, http2: true },
            { name: 'tls', host: '127.0.0.1', port: 0, tls: { certificates } },
          ],
          limits: { bodyBytes: 50 * megabyte },
        },
        routes: {
          upstreams: { api: { transport: 'http2', targets } },
          routes: [{ id: 'echo', paths: ['/interop.Echo/*'], upstream: 'api', auth: 'none' }],
        },
      }),
    )
    remove = config.remove
    const shop = createCertificateShop(join(config.dir, 'tls'))
    const authority = shop.authority('one')
    shop.put('a', shop.issue(authority, { names: 'DNS:*.example.com' }))
    trusted = Buffer.from(authority.cert, 'latin1')
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as {
      listeners: { name: string; port: number }[]
    }
    for (const { name, port } of ready.listeners) ports[name] = port
  })
  after(async () => {
    await gateway.stop()
    server.close()
    await remove()
  })

  const ways: [string, () => EchoClient][] = [
    ['without the gateway', () => openChannel(`127.0.0.1:${server.port}`)],
    ['through the gateway', () => openChannel(`127.0.0.1:${ports.plain}`)],
    [
      'through the gateway over TLS',
      () =>
        openChannel(`127.0.0.1:${ports.tls}`, {
          credentials: ChannelCredentials.createSsl(trusted),
          options: { 'grpc.ssl_target_name_override': 'acme.example.com' },
        }),
    ],
  ]
  for (const [way, open] of ways) {
    describe(way, () => {
      let client: EchoClient
      before(() => {
        client = open()
      })
      after(() => client.close())

      test('a unary call has its answer, and metadata of both kinds before and behind it', async () => {
        const { tag, metadata } = tagged({ 'x-text': 'plain text' })
        metadata.set('x-bytes-bin', everyByte)
        metadata.add('x-many', 'one')
        metadata.add('x-many', 'two')
        metadata.add('x-many-bin', Buffer.from([0]))
        metadata.add('x-many-bin', Buffer.from([255, 254]))
        const heard = await unary(client, 'ada', metadata)
        assert.deepEqual([heard.messages, heard.code, heard.details], [['re ada'], status.OK, 'OK'])
        assertBinary(heard.head, 'x-head')
        assertBinary(heard.end, 'x-end')
        const seen = server.seen.get(tag)?.metadata
        assert.deepEqual(seen?.get('x-text'), ['plain text'])
        assert.deepEqual(seen?.get('x-bytes-bin'), [everyByte])
        assert.equal(seen?.get('x-many').join(', '), 'one, two')
        assert.deepEqual(seen?.get('x-many-bin'), [Buffer.from([0]), Buffer.from([255, 254])])
        assert.match(String(seen?.get('user-agent')), /^grpc-node-js\//)
      })

      test('a message of no bytes is one, and any byte passes', async () => {
        assert.deepEqual((await unary(client, empty)).messages, [empty])
        const text = everyByte.toString('latin1')
        assert.deepEqual((await unary(client, text)).messages, [`re ${text}`])
      })

      test('a stream of the server comes whole and in order', async () => {
        const heard = await hearStream(client.count('500 0', tagged().metadata))
        assert.deepEqual(
          heard.messages,
          Array.from({ length: 500 }, (_, i) => String(i)),
        )
        assert.equal(heard.code, status.OK)
      })

      test('a stream of the client arrives whole and in order', async () => {
        const pieces = Array.from({ length: 500 }, (_, i) => pieceOf(i, i % 7))
        const heard = await hearOne((answered) => {
          const call = client.collect(tagged().metadata, answered)
          for (const piece of pieces) call.write(piece)
          call.end()
          return call
        })
        assert.deepEqual(heard.messages, [collectedOf(pieces)])
      })

      test('both sides talk by turns', async () => {
        const call = client.talk(tagged().metadata)
        const over = hearStream(call)
        for (let i = 0; i < 100; i++) {
          const answer = new Promise((resolve) => call.once('data', resolve))
          call.write(`m${i}`)
          assert.equal(await answer, `re m${i}`)
        }
        call.end()
        const heard = await over
        assert.deepEqual([heard.messages.length, heard.code], [100, status.OK])
        assertBinary(heard.end, 'x-end')
      })

      test('both sides talk at once, in messages of megabytes and of bytes', async () => {
        const sizes = [3 * megabyte, 1, megabyte, 0, 100, 2 * megabyte, 16_384, 3 * megabyte, 65_535]
        const pieces = sizes.map((size, i) => pieceOf(i, size))
        const call = client.talk(tagged().metadata)
        const over = hearStream(call)
        for (const piece of pieces) call.write(piece)
        call.end()
        const heard = await over
        assert.equal(heard.code, status.OK, heard.details)
        assert.ok(heard.messages.every((text, i) => text === `re ${pieces[i]}`))
        assert.equal(heard.messages.length, pieces.length)
      })

      test('a server is held back by a client that does not read', async () => {
        const many = 70
        const { tag, metadata } = tagged()
        const call = client.count(`${many} ${megabyte / 4}`, metadata)
        const over = hearStream(call)
        // This client lets everything come until it has read for the first time.
        await once(call, 'data')
        call.pause()
        const sent = await settled(() => server.seen.get(tag)?.messages ?? 0)
        assert.ok(sent < many, `${sent}`)
        call.resume()
        const heard = await over
        assert.ok(heard.messages.every((text, at) => text === pieceOf(at, megabyte / 4)))
        assert.deepEqual([heard.messages.length, heard.code], [many, status.OK])
      })

      test('a client is held back by a server that does not read', async () => {
        const pieces = Array.from({ length: 70 }, (_, i) => pieceOf(i, megabyte / 4))
        const { tag, metadata } = tagged({ 'x-hold': 'yes' })
        let sent = 0
        const over = hearOne((answered) => {
          const call = client.collect(metadata, answered)
          const next = (): void => {
            const piece = pieces[sent]
            if (piece === undefined) return void call.end()
            call.write(piece, () => {
              sent += 1
              next()
            })
          }
          next()
          return call
        })
        assert.ok((await settled(() => sent)) < pieces.length)
        server.seen.get(tag)?.release()
        assert.deepEqual((await over).messages, [collectedOf(pieces)])
      })

      for (const [name, code] of Object.entries(status)) {
        if (typeof code !== 'number' || code === status.OK) continue
        test(`a server that ends with ${name} and no message is heard with all that it says`, async () => {
          const heard = await hearOne((answered) => client.fail(`${code}`, tagged().metadata, {}, answered))
          assert.deepEqual([heard.messages, heard.code, heard.details], [[], code, failureText])
          assert.deepEqual(heard.end.get('grpc-status-details-bin'), [details])
          assertBinary(heard.end, 'x-end')
        })
      }

      test('a server that fails behind a message is heard with both', async () => {
        const heard = await hearStream(client.failLate(`${status.ABORTED}`, tagged().metadata))
        assert.deepEqual([heard.messages, heard.code, heard.details], [['one'], status.ABORTED, failureText])
        assert.deepEqual(heard.end.get('grpc-status-details-bin'), [details])
        assertBinary(heard.end, 'x-end')
      })

      test('calls side by side on one channel each have their own answer', async () => {
        const texts = Array.from({ length: 300 }, (_, i) => `${i}-${'x'.repeat((i * 997) % 20_000)}`)
        const streams = Array.from({ length: 20 }, (_, i) => 50 + i)
        const [answers, counts] = await Promise.all([
          Promise.all(texts.map((text) => unary(client, text))),
          Promise.all(streams.map((many) => hearStream(client.count(`${many} ${many}`, tagged().metadata)))),
        ])
        assert.ok(answers.every(({ messages }, i) => messages[0] === `re ${texts[i]}`))
        for (const [i, { messages, code }] of counts.entries()) {
          const many = streams[i] as number
          assert.equal(code, status.OK)
          assert.ok(messages.length === many && messages.every((text, at) => text === pieceOf(at, many)))
        }
      })

      test('as much metadata as a server takes passes', async () => {
        const metadata = new Metadata()
        for (let i = 0; i < 50; i++) metadata.set(`x-key-${i}`, 'v'.repeat(100))
        metadata.set('x-tag', 'wide')
        assert.equal((await unary(client, 'x', metadata)).code, status.OK)
        const seen = server.seen.get('wide')?.metadata
        for (let i = 0; i < 50; i++) assert.deepEqual(seen?.get(`x-key-${i}`), ['v'.repeat(100)])
      })
    })
  }
})

/** What a number comes to rest at. */
async function settled(read: () => number): Promise<number> {
  let last = -1
  let since = Date.now()
  await waitUntil(() => {
    const now = read()
    if (now !== last) since = Date.now()
    last = now
    return now > 0 && Date.now() - since > 500
  }, 30_000)
  return last
}
