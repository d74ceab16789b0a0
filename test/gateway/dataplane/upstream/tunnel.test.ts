// Two real sockets joined to a tunnel, each with a peer of the test's at its other end.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import type { Exchange } from '../../../../gateway/dataplane/exchange.ts'
import { type Lasting, LongLived } from '../../../../gateway/dataplane/long-lived.ts'
import { joinTunnel } from '../../../../gateway/dataplane/upstream/tunnel.ts'
import { createTestClock } from '../../../support/clock.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { closeAtEnd, frame } from '../../../support/tunnels.ts'
import { createExchange, createFakeRuntime } from '../snapshot.ts'

/** A peer, and what came to it. */
interface Peer {
  readonly socket: Socket
  readonly received: () => Buffer
  readonly events: string[]
}

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

/** Both ends of one connection. */
async function createPair(): Promise<[ours: Socket, theirs: Socket]> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const theirs = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [ours] = (await once(server, 'connection')) as [Socket]
  server.close()
  open.push(ours, theirs)
  return [ours, theirs]
}

function watch(socket: Socket): Peer {
  const chunks: Buffer[] = []
  const events: string[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('end', () => events.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? ''))
  return { socket, events, received: () => Buffer.concat(chunks) }
}

class Watching extends LongLived {
  lasting: Lasting | null = null
  override add(ex: Exchange, lasting: Lasting): void {
    this.lasting = lasting
    super.add(ex, lasting)
  }
}

async function join(ahead: { client?: string; upstream?: string } = {}) {
  const [[ourClient, client], [ourUpstream, upstream]] = [await createPair(), await createPair()]
  const quiet = () => ({ inc() {}, set() {} })
  const longLived = new Watching({ clock: createTestClock(), random: () => 0, ended: quiet, open: quiet })
  const ex = createExchange({}, createFakeRuntime([], { longLived }))
  ourClient.on('error', () => {})
  const detach = () => ({ socket: ourClient, ahead: Buffer.from(ahead.client ?? '') })
  Object.assign(ex.down, { detach })
  joinTunnel(ex, ourUpstream, Buffer.from(ahead.upstream ?? ''))
  return {
    client: watch(client),
    upstream: watch(upstream),
    ours: { client: ourClient, upstream: ourUpstream },
    tunnel: longLived.lasting as Lasting,
  }
}

const sides = [
  ['client', 'upstream'],
  ['upstream', 'client'],
] as const
const mask = Buffer.from([1, 2, 3, 4])

describe('a tunnel', () => {
  test('passes first what was there before it', async () => {
    const { client, upstream } = await join({
      client: 'early of the client',
      upstream: 'early of the service',
    })
    await waitUntil(() => client.received().length > 0 && upstream.received().length > 0)
    assert.equal(upstream.received().toString(), 'early of the client')
    assert.equal(client.received().toString(), 'early of the service')
  })

  for (const [one, other] of sides) {
    test(`passes the end of the ${one}, and then what the ${other} still says`, async () => {
      const both = await join()
      both[one].socket.end('last words')
      await waitUntil(() => both[other].events.includes('end'))
      assert.equal(both[other].received().toString(), 'last words')
      both[other].socket.end('an answer')
      await waitUntil(() => both[one].events.includes('end'))
      assert.equal(both[one].received().toString(), 'an answer')
    })

    test(`passes a reset of the ${one} as a reset`, async () => {
      const both = await join()
      both[one].socket.resetAndDestroy()
      await waitUntil(() => both[other].events.length > 0)
      assert.deepEqual(both[other].events, ['ECONNRESET'])
    })

    test(`reads no more from the ${one} than the ${other} takes, and loses nothing`, async () => {
      const both = await join()
      both[other].socket.pause()
      const offered = randomBytes(1 << 20)
      for (let i = 0; i < 64; i++) both[one].socket.write(offered)
      // Our own buffers: what the kernel holds is not ours to bound.
      await waitUntil(() => both.ours[other].writableNeedDrain)
      await waitUntil(() => both.ours[one].isPaused())
      assert.ok(
        both.ours[other].writableLength < 1 << 20,
        `${both.ours[other].writableLength} bytes are held`,
      )
      both[other].socket.resume()
      await waitUntil(() => both[other].socket.bytesRead === 64 << 20, 60_000)
      assert.ok(
        both[other]
          .received()
          .subarray(63 << 20)
          .equals(offered),
      )
    })

    test(`says why it ends to the ${other} once the frame of the ${one} is whole, and nothing after it`, async () => {
      const both = await join()
      const last = frame(2, randomBytes(100_000), one === 'client' ? mask : undefined)
      both[one].socket.write(last.subarray(0, 70_000))
      await waitUntil(() => both[other].received().length === 70_000)
      both.tunnel.close(1008, 'AEGIS_TEST')
      both[one].socket.write(Buffer.concat([last.subarray(70_000), frame(1, 'too late')]))
      await waitUntil(() => both[other].events.includes('end'))
      assert.ok(both[other].received().subarray(0, last.length).equals(last))
      assert.equal(closeAtEnd(both[other].received().subarray(last.length)), '1008 AEGIS_TEST')
      await waitUntil(() => both[one].events.includes('end'))
      assert.equal(closeAtEnd(both[one].received()), '1008 AEGIS_TEST')
    })
  }

  test('says nothing twice, and nothing to a side that was told that the other one has ended', async () => {
    const { client, upstream, tunnel } = await join()
    upstream.socket.end()
    await waitUntil(() => client.events.includes('end'))
    tunnel.close(1008, 'AEGIS_TEST')
    tunnel.close(1001, 'AEGIS_AGAIN')
    await waitUntil(() => upstream.events.includes('end'))
    assert.equal(closeAtEnd(upstream.received()), '1008 AEGIS_TEST')
    assert.equal(client.received().length, 0)
  })

  test('is over for one side when the other one is gone', async () => {
    const { client, upstream, ours } = await join()
    ours.client.destroy()
    await waitUntil(() => upstream.events.length > 0)
    assert.ok(ours.upstream.destroyed)
    client.socket.destroy()
  })
})
