// Upstreams that break HTTP/2, by frames written by hand: none of them may crash us, fill our memory, have a broken answer
// look whole, or harm the request that comes next.
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Http2Client } from '../../../../gateway/dataplane/http2/client.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { Heard } from '../http1/client-scene.ts'
import { ask, createClient, over } from './client-scene.ts'
import { broken, data, invalidFields, ok } from './hostile-cases.ts'
import {
  endStream,
  frame,
  goAway,
  headers,
  RawUpstream,
  reset,
  type SeenFrame,
  status,
  types,
  whole,
} from './raw-upstream.ts'

describe('the HTTP/2 client before an upstream that', () => {
  let upstream: RawUpstream
  let client: Http2Client

  async function open(
    serve: RawUpstream['serve'],
    timeouts: Parameters<typeof createClient>[1] = {},
  ): Promise<void> {
    upstream = new RawUpstream(serve)
    client = createClient(await upstream.listen(), timeouts)
  }
  afterEach(async () => {
    const closed = client.close()
    upstream.close()
    await closed
  })

  for (const { title, serve, noHead } of broken) {
    it(`${title} is not believed, and the next request is served`, async () => {
      await open((to, id, nth) => {
        if (nth === 0) serve(to, id)
        else to.send(whole(id, 'next'))
      })
      const source = pausedHeard()
      ask(client, '/', {}, source)
      await over(source)
      assert.notEqual(source.error, null)
      assert.doesNotMatch(source.body, /evil/)
      if (noHead === true) assert.equal(source.status, 0)
      const next = ask(client, '/next')
      await over(next)
      assert.deepEqual([next.status, next.body, next.error], [200, 'next', null])
    })
  }

  // node:http2 drops them without a word, so that the answer cannot be refused as it should (docs/decisions/http2-upstream.md).
  for (const [name, value] of invalidFields) {
    const shown = JSON.stringify(`${name}: ${value}`)
    it(`says ${shown} in its head, where no field can be so, gets nothing of it through`, async () => {
      await open((to, id) => to.send(ok(id, [name, value], ['y', '1']), data(id, 'some', endStream)))
      const heard = ask(client, '/')
      await over(heard)
      assert.deepEqual([heard.status, heard.headers, heard.body], [200, ['y', '1'], 'some'])
    })
    it(`says ${shown} in its trailers gets nothing of it through`, async () => {
      await open((to, id) =>
        to.send(ok(id), data(id, 'some'), headers(id, endStream, [name, value], ['y', '1'])),
      )
      const heard = ask(client, '/')
      await over(heard)
      assert.deepEqual([heard.headers, heard.trailers, heard.body], [[], ['y', '1'], 'some'])
    })
  }

  it('puts white space around a value has it taken off', async () => {
    const padded = [' a', 'a ', '\ta\t', ' \t a b \t '].map((value, i) => [`x-${i}`, value] as const)
    const bare = ['x-0', 'a', 'x-1', 'a', 'x-2', 'a', 'x-3', 'a b']
    await open((to, id) => to.send(ok(id, ...padded), data(id, 'some'), headers(id, endStream, ...padded)))
    const heard = ask(client, '/')
    await over(heard)
    assert.deepEqual([heard.headers, heard.trailers], [bare, bare])
  })

  for (const end of ['closes', 'resets its connection', 'goes away with an error and closes']) {
    it(`${end} behind a whole answer is heard to its end, however late that is read`, async () => {
      const body = 'b'.repeat(16_384)
      await open((to, id) => {
        to.send(ok(id), ...Array.from({ length: 10 }, () => data(id, body)), data(id, 'end', endStream))
        if (end.startsWith('goes')) to.send(goAway(id, 2))
        if (end.startsWith('resets')) setTimeout(() => to.socket.resetAndDestroy(), 50)
        else to.socket.end()
      })
      const heard = new Heard()
      heard.onHeadDo = (stream) => stream.pause()
      ask(client, '/', {}, heard)
      await waitUntil(() => upstream.open.length === 0 && heard.status === 200)
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal(heard.ends, 0)
      heard.stream?.resume()
      await over(heard)
      assert.deepEqual([heard.body.length, heard.error], [163_843, null])
    })
  }

  it('sends data behind its end does no harm to an answer that is whole', async () => {
    await open((to, id, nth) =>
      to.send(whole(id, `${nth}`), ...(nth === 0 ? [data(id, 'evil', endStream)] : [])),
    )
    const first = ask(client, '/')
    await over(first)
    assert.equal(first.body, '0')
    const next = ask(client, '/')
    await over(next)
    assert.equal(next.body, '1')
  })

  it('has answered and resets without an error is heard to the end, though the request still comes', async () => {
    await open((to, id) => to.send(whole(id, 'early'), reset(id, 0)))
    const heard = ask(client, '/', {
      method: 'POST',
      body: { start: () => {}, resume: () => {}, rewind: () => false },
    })
    await over(heard)
    assert.deepEqual([heard.status, heard.body, heard.error], [200, 'early', null])
  })

  it('goes away before it has seen a request is asked again over a new connection, and no more than twice', async () => {
    await open((to, id, nth) => to.send(nth < 2 ? goAway(0, nth * 11) : whole(id, 'third')))
    const heard = ask(client, '/')
    await over(heard)
    assert.deepEqual([heard.body, heard.error], ['third', null])
    upstream.serve = (to) => to.send(goAway(0, 0))
    const lost = ask(client, '/', { method: 'POST', body: Buffer.from('x'), length: 1 })
    const before = upstream.heads
    await over(lost)
    assert.equal(lost.error?.code, 'UPSTREAM_UNPROCESSED')
    assert.equal(upstream.heads - before, 3)
  })

  it('goes away before it has seen a request, and is not there any more, has the request fail as one that it never saw', async () => {
    await open((to) => {
      upstream.server.close()
      to.send(goAway(0, 0))
      to.socket.end()
    })
    const lost = ask(client, '/', { method: 'POST', body: Buffer.from('x'), length: 1 })
    await over(lost)
    assert.equal(lost.error?.code, 'UPSTREAM_UNPROCESSED')
    assert.match(lost.error?.message ?? '', /ECONNREFUSED/)
  })

  it('goes away is not sent a body anew that does not rewind', async () => {
    await open((to) => to.send(goAway(0, 0)))
    let starts = 0
    const body = { start: () => void starts++, resume: () => {}, rewind: () => false }
    const heard = ask(client, '/', { method: 'POST', body })
    await over(heard)
    assert.deepEqual([heard.error?.code, starts], ['UPSTREAM_UNPROCESSED', 1])
  })

  it('announces its end and tells the last stream later loses nothing of what it acts on', async () => {
    await open((to, id, nth) => {
      if (nth === 0) to.send(goAway(0x7fffffff, 0))
      if (nth === 1) return
      setImmediate(() => to.send(goAway(id, 0), whole(id, `${nth}`)))
    })
    const heard = ask(client, '/')
    await over(heard)
    assert.deepEqual([heard.body, heard.error], ['0', null])
  })

  it('says nothing at all any more is found out, and the next request goes over another connection', async () => {
    await open(
      (to, id, nth) => {
        if (nth === 0) to.socket.pause()
        else to.send(whole(id, 'next'))
      },
      { headersMs: 300, connectMs: 300 },
    )
    const dead = ask(client, '/')
    await over(dead)
    assert.equal(dead.error?.code, 'UPSTREAM_HEADERS_TIMEOUT')
    const next = ask(client, '/')
    await over(next)
    assert.equal(next.body, 'next')
    assert.equal(upstream.connections.length, 2)
  })

  it('is dead is found out also when its clients leave before it is late', async () => {
    await open(
      (to, id, nth) => {
        if (nth === 0) to.socket.pause()
        else to.send(whole(id, 'next'))
      },
      { headersMs: 60_000, connectMs: 200 },
    )
    const dead = ask(client, '/')
    await waitUntil(() => upstream.heads === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    dead.stream?.abort(new Error('left'))
    const next = ask(client, '/')
    await over(next)
    assert.equal(next.body, 'next')
    assert.equal(upstream.connections.length, 2)
  })

  for (const until of ['nobody has used it for a while', 'the client is closed']) {
    it(`never closes its side is left when ${until}`, { timeout: 15_000 }, async () => {
      await open((to, id) => to.send(whole(id, 'whole')), {
        keepAliveMs: until.startsWith('nobody') ? 200 : 60_000,
        connectMs: 200,
      })
      await over(ask(client, '/'))
      // It reads nothing from here on, the end of the connection least of all.
      for (const { socket } of upstream.connections) socket.pause()
      if (until.startsWith('nobody')) await new Promise((resolve) => setTimeout(resolve, 1_000))
      await client.close()
    })
  }

  it('is only slow keeps its connection', async () => {
    await open(
      (to, id, nth) => {
        if (nth > 0) to.send(whole(id, 'next'))
      },
      { headersMs: 300 },
    )
    await over(ask(client, '/'))
    const [first] = upstream.connections
    // Until it has answered the check, others may go over another connection.
    await waitUntil(async () => {
      await over(ask(client, '/'))
      return first?.frames.filter(({ type }) => type === types.headers).length === 2
    })
    assert.equal(first?.socket.destroyed, false)
  })

  it('lowers what it allows gets no more than that', async () => {
    await open((to, id, nth) => {
      if (nth === 0) to.send(frame(types.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 1])), whole(id, 'first'))
    })
    await over(ask(client, '/'))
    const held = [ask(client, '/1'), ask(client, '/2'), ask(client, '/3')]
    await waitUntil(() => upstream.heads === 4)
    const [first] = upstream.connections
    assert.equal(first?.frames.filter(({ type }) => type === types.headers).length, 2)
    assert.ok(held.every(({ ends }) => ends === 0))
  })

  it('sends interim heads without end is cut off by whoever counts them', async () => {
    await open((to, id) => {
      const interim = headers(id, 0, status(103))
      for (let i = 0; i < 100; i++) to.send(interim)
    })
    const heard = new Heard()
    let interims = 0
    const onHead = heard.onHead.bind(heard)
    heard.onHead = (stream, code, fields) => {
      interims += 1
      if (interims > 32) stream.abort(new Error('too many'))
      else onHead(stream, code, fields)
    }
    ask(client, '/', {}, heard)
    await over(heard)
    assert.equal(heard.error?.message, 'too many')
    assert.equal(interims, 33)
  })

  for (const [name, type] of [
    ['SETTINGS', types.settings],
    ['PING', types.ping],
  ] as const) {
    it(`sends ${name} without end, though it waits for the answers, is given up`, async () => {
      const payload = type === types.ping ? '12345678' : ''
      await open(
        (to) => {
          const isAnswer = (seen: SeenFrame): boolean => seen.type === type && (seen.flags & 1) === 1
          const before = to.frames.filter(isAnswer).length
          // nghttp2 minds only what it could not answer yet.
          for (let sent = 0; sent < 200; sent++) to.send(frame(type, 0, 0, payload))
          let rounds = 1
          to.onFrame = () => {
            if (to.frames.filter(isAnswer).length < before + 200 * rounds) return
            rounds += 1
            for (let sent = 0; sent < 200; sent++) to.send(frame(type, 0, 0, payload))
          }
        },
        { headersMs: 60_000 },
      )
      const heard = ask(client, '/')
      await over(heard)
      assert.match(heard.error?.message ?? '', /floods the connection/)
    })
  }

  it('sends empty frames without end does not live on them', async () => {
    await open(
      (to, id) => {
        to.send(ok(id))
        const more = (): void => {
          to.send(frame(types.data, 0, id))
          if (!to.isOver(id)) setTimeout(more, 20)
        }
        more()
      },
      { bodyIdleMs: 300 },
    )
    const heard = ask(client, '/')
    await over(heard)
    assert.equal(heard.error?.code, 'UPSTREAM_BODY_TIMEOUT')
  })
})

/** Reads as the gateway does: the head first, the body once it is told to. */
function pausedHeard(): Heard {
  const heard = new Heard()
  heard.onHeadDo = (stream) => {
    stream.pause()
    setImmediate(() => stream.resume())
  }
  return heard
}
