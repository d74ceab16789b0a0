// What passes through a WebSocket, byte for byte, over both clients of upstreams and over TLS.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createRandom, readSeed } from '../support/random.ts'
import {
  createTunnelService,
  frame,
  handshake,
  openRaw,
  type Side,
  statusOfSide,
  type TunnelService,
} from '../support/tunnels.ts'

const seed = readSeed()
const hostName = 'acme.example.com'

describe(`bytes of a WebSocket (AEGIS_TEST_SEED=${seed})`, () => {
  const random = createRandom(seed)
  let service: TunnelService
  let gateway: TestGateway
  let remove: () => Promise<void>
  let tlsPort = 0
  const open: Socket[] = []

  before(async () => {
    service = await createTunnelService()
    const target = { targets: [{ url: service.url }] }
    const certificates = [{ hosts: ['*.example.com'], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]
    const config = await createConfigDir({
      gateway: {
        listeners: [
          { name: 'plain', host: '127.0.0.1', port: 0 },
          { name: 'tls', host: '127.0.0.1', port: 0, tls: { certificates } },
        ],
      },
      routes: {
        upstreams: { http1: target, undici: { ...target, transport: 'undici' } },
        routes: ['http1', 'undici'].map((name) => ({
          ...{ id: name, paths: [`/${name}/*`], upstream: name, auth: 'none' },
        })),
      },
    })
    remove = config.remove
    const shop = createCertificateShop(join(config.dir, 'tls'))
    shop.put('a', shop.issue(shop.authority('one'), { names: 'DNS:*.example.com' }))
    gateway = await startGateway({ configDir: config.dir })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as { listeners: { port: number }[] }
    tlsPort = ready.listeners[1]?.port as number
  })
  after(async () => {
    for (const socket of open) socket.destroy()
    await service.close()
    await gateway.stop()
    await remove()
  })

  let count = 0
  async function tunnel(transport: string): Promise<{ client: Side; upstream: Side; path: string }> {
    count += 1
    const path = `/${transport}/${count}`
    const client = await openRaw(gateway.port, handshake(path))
    assert.equal(statusOfSide(client), 101)
    const upstream = await service.find(path)
    open.push(client.socket)
    return { client, upstream, path }
  }

  /** Valid frames of every kind, and what no WebSocket allows: the gateway is not there to judge. */
  function createTraffic(): Buffer {
    const mask = () => (random.chance(0.5) ? randomBytes(4) : undefined)
    const pieces = Array.from({ length: 120 }, () => {
      const size = random.pick([0, 1, 125, 126, 127, 1000, 65_535, 65_536, 100_000])
      const control = random.chance(0.3)
      const one = frame(
        control ? random.pick([8, 9, 10]) : random.int(16),
        randomBytes(control ? size % 126 : size),
        mask(),
        control || random.chance(0.5),
      )
      if (random.chance(0.2)) one[0] = (one[0] as number) | 0x70
      return one
    })
    return Buffer.concat([...pieces, randomBytes(500)])
  }

  /** In pieces of any size, some of them with a turn of the event loop in between. */
  async function sendInPieces(socket: Socket, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + 1 + random.int(random.pick([3, 2_000, 200_000])))
      at += piece.length
      if (!socket.write(piece)) await once(socket, 'drain')
      else if (random.chance(0.05)) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  for (const transport of ['http1', 'undici']) {
    describe(`over ${transport}`, () => {
      test('are the same at the other end, whatever they are: fragments, control frames between, closes, noise', async () => {
        const { client, upstream } = await tunnel(transport)
        const [up, down] = [createTraffic(), createTraffic()]
        await Promise.all([sendInPieces(client.socket, up), sendInPieces(upstream.socket, down)])
        await waitUntil(() => upstream.received.length >= up.length && client.received.length >= down.length)
        assert.ok(upstream.received.equals(up))
        assert.ok(client.received.equals(down))
      })

      test('a frame of 64 MiB passes each way at once', async () => {
        const { client, upstream } = await tunnel(transport)
        const size = 64 << 20
        const payload = Buffer.alloc(size, randomBytes(65_521))
        const mask = Buffer.from([0, 0, 0, 0])
        const sums = [client, upstream].map(({ socket }) => sumOf(socket))
        const sent = [
          [upstream.socket, frame(2, payload)],
          [client.socket, frame(2, payload, mask)],
        ] as const
        for (const [socket, bytes] of sent) socket.write(bytes)
        for (const [i, [, bytes]] of sent.entries()) {
          await waitUntil(() => (sums[i]?.bytes as number) >= bytes.length, 60_000)
          assert.equal(sums[i]?.digest(), createHash('sha256').update(bytes).digest('hex'))
        }
      })

      test('a side that has closed its half still gets what the other one says', async () => {
        const first = await tunnel(transport)
        first.client.socket.end('last of the client')
        await waitUntil(() => first.upstream.ended)
        assert.equal(first.upstream.received.toString(), 'last of the client')
        first.upstream.socket.end('last of the service')
        await waitUntil(() => first.client.closed)
        assert.equal(first.client.received.toString(), 'last of the service')
        const second = await tunnel(transport)
        second.upstream.socket.end('last of the service')
        await waitUntil(() => second.client.ended)
        assert.equal(second.client.received.toString(), 'last of the service')
        if (transport === 'undici') return
        second.client.socket.end('last of the client')
        await waitUntil(() => second.upstream.closed)
        assert.equal(second.upstream.received.toString(), 'last of the client')
      })

      test('a reset passes as one: it must not look like an end', async () => {
        const one = await tunnel(transport)
        one.upstream.socket.resetAndDestroy()
        await waitUntil(() => one.client.closed)
        assert.deepEqual([one.client.error, one.client.ended], ['ECONNRESET', false])
        const other = await tunnel(transport)
        other.client.socket.resetAndDestroy()
        await waitUntil(() => other.upstream.closed)
        assert.deepEqual([other.upstream.error, other.upstream.ended], ['ECONNRESET', false])
      })

      const directions = [
        ['client', 'upstream'],
        ['upstream', 'client'],
      ] as const
      for (const [reader, writer] of directions) {
        test(`what the ${reader} does not read is not read from the ${writer}; all of it comes later`, async () => {
          const both = await tunnel(transport)
          const [stalled, busy] = [both[reader].socket, both[writer].socket]
          stalled.pause()
          const offered = 256
          const block = randomBytes(1 << 20)
          const expected = createHash('sha256')
          let taken = 0
          for (let i = 0; i < offered; i++) {
            expected.update(block)
            busy.write(block, () => {
              taken += 1
            })
          }
          await untilQuiet(() => taken)
          assert.ok(taken < 64, `${taken} MiB of ${offered} were taken from a peer whose reader stands still`)
          const sum = sumOf(stalled)
          stalled.resume()
          await waitUntil(() => sum.bytes === offered << 20, 60_000)
          assert.equal(sum.digest(), expected.digest('hex'))
        })
      }

      test('two hundred at once keep to themselves', async () => {
        const all = await Promise.all(Array.from({ length: 200 }, () => tunnel(transport)))
        for (const { client, upstream, path } of all) {
          client.socket.write(`up ${path} `)
          upstream.socket.write(`down ${path} `)
        }
        for (const { client, upstream, path } of all) {
          await waitUntil(() => client.received.length > 0 && upstream.received.length > 0)
          assert.equal(upstream.received.toString(), `up ${path} `)
          assert.equal(client.received.toString(), `down ${path} `)
          client.socket.destroy()
        }
      })
    })
  }

  test('pass over TLS as they do without, until the client says that it is over', async () => {
    const socket = connectTls({
      port: tlsPort,
      host: '127.0.0.1',
      servername: hostName,
      rejectUnauthorized: false,
    })
    open.push(socket)
    await once(socket, 'secureConnect')
    const [up, down] = [createTraffic(), createTraffic()]
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(handshake('/http1/tls'))
    const upstream = await service.find('/http1/tls')
    await Promise.all([sendInPieces(socket, up), sendInPieces(upstream.socket, down)])
    await waitUntil(() => upstream.received.length === up.length)
    assert.ok(upstream.received.equals(up))
    const received = () => Buffer.concat(chunks)
    await waitUntil(() => received().length >= down.length + received().indexOf('\r\n\r\n') + 4)
    assert.ok(
      received()
        .subarray(received().indexOf('\r\n\r\n') + 4)
        .equals(down),
    )
    socket.end()
    await waitUntil(() => upstream.ended)
  })

  test('have nothing left open behind them', async () => {
    for (const socket of open) socket.destroy()
    await waitUntil(() => service.sides.every(({ ended, closed }) => ended || closed))
    await waitUntil(async () => {
      const answer = await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
      const { workers } = (await answer.json()) as { workers: { inFlight: number }[] }
      return workers.every(({ inFlight }) => inFlight === 0)
    })
  })
})

/** Bytes that come from now on, and their digest; they are not kept. */
function sumOf(socket: Socket): { bytes: number; digest(): string } {
  socket.removeAllListeners('data')
  const hash = createHash('sha256')
  const sum = { bytes: 0, digest: () => hash.digest('hex') }
  socket.on('data', (chunk: Buffer) => {
    sum.bytes += chunk.length
    hash.update(chunk)
  })
  return sum
}

/** Resolves once the number stands still for a while. */
async function untilQuiet(read: () => number): Promise<void> {
  let last = -1
  let same = 0
  await waitUntil(() => {
    same = read() === last ? same + 1 : 0
    last = read()
    return same > 50
  }, 60_000)
}
