// Upstreams that do what no server should, through the running gateway, by each way in which it asks them: clients never get
// the bytes of another's answer, a broken body never ends well, no connection that was used badly is used again, and memory
// stays bounded.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import { readFirstAnswer, readLlhttpCases } from '../support/llhttp-vectors.ts'
import { statusOf } from '../support/raw.ts'
import { untilStalled } from '../support/stall.ts'
import { type Act, acts, type Does, passedByUndici, refusedByUndici, surplus, whole } from './hostile-acts.ts'
import { type Carrier, carriers, createHostileScene, type HostileScene } from './hostile-scene.ts'

const megabyte = 1024 * 1024
const bigBytes = 1024 * megabyte
/** On the way to a client that does not read: in the gateway, and in the kernel on both sides of it. */
const mostOnTheWay = 32 * megabyte

describe('a hostile upstream', () => {
  let scene: HostileScene

  before(async () => {
    scene = await createHostileScene(bigBytes)
  })
  after(() => scene.close())

  test('that sends a gigabyte to a slow client has it arrive whole, in little memory', async (t) => {
    const before = await scene.rssBytes()
    const socket = connect(scene.gateway.port, '127.0.0.1')
    let received = 0
    let most = 0
    socket.on('data', (chunk) => {
      received += chunk.length
      // It stops every 64 MB until the way is full.
      if (Math.floor(received / (64 * megabyte)) === Math.floor((received - chunk.length) / (64 * megabyte)))
        return
      socket.pause()
      void scene.rssBytes().then((bytes) => {
        most = Math.max(most, bytes - before)
        socket.resume()
      })
    })
    socket.write('GET /own/big HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n')
    await waitUntil(() => socket.destroyed || socket.readableEnded, 120_000)
    assert.ok(received > bigBytes, `${received} bytes`)
    assert.ok(most < 80 * megabyte, `${most} bytes more`)
    t.diagnostic(`${Math.round(most / megabyte)} MB more at the most`)
  })

  for (const carrier of carriers) {
    describe(`asked by ${carrier}`, () => {
      const excluded = carrier === 'undici' ? passedByUndici : new Map<string, string>()
      for (const act of acts.filter(({ title }) => !excluded.has(title))) {
        test(`that ${act.title} harms nobody but who asked it`, () => checkAct(carrier, act))
      }

      for (const [title, bytes] of surplus) {
        test(`that sends ${title} is not believed`, async () => {
          scene.act = (socket) => void socket.write(bytes)
          const [answer, others] = await Promise.all([
            scene.ask(carrier, '/hostile'),
            scene.askOthers(carrier, 5),
          ])
          assert.ok([200, 204, 304].includes(statusOf(answer)), answer)
          assert.doesNotMatch(answer, /evil/)
          await checkOthers(carrier, others)
        })
      }

      test('that closes or resets right behind its answer costs no other request', async () => {
        const ends: Does[] = [(socket) => socket.end(), (_, reset) => reset()]
        for (const end of ends) {
          scene.act = (socket, reset) => void socket.write(whole, () => end(socket, reset))
          assert.match(await scene.ask(carrier, '/hostile'), /^HTTP\/1\.1 (200|502) /)
          await checkOthers(carrier, [])
        }
      })

      test('that sends what llhttp was tried with harms nobody', async (t) => {
        const cases = readLlhttpCases('response')
        const lenient: string[] = []
        for (const one of cases) {
          scene.act = (socket) => void socket.end(one.input)
          const answer = await scene.ask(carrier, '/hostile')
          assert.deepEqual(await scene.askOthers(carrier, 2), [], one.name)
          // What llhttp refuses may only be what stands behind an answer that was whole.
          const passed = ![502, 504].includes(statusOf(answer)) && !isBrokenOff(answer)
          if (passed && one.refused && !readFirstAnswer(one)?.complete) lenient.push(one.name)
        }
        if (carrier !== 'undici') assert.deepEqual(lenient, [])
        t.diagnostic(`${cases.length} cases tried, none excluded, nobody harmed by any`)
        for (const name of lenient) t.diagnostic(`passed on as if it were whole: ${name}`)
      })

      test('that sends one byte at a time is waited for', async () => {
        scene.act = (socket) => {
          let at = 0
          const next = (): void => {
            if (at < whole.length) socket.write(whole.slice(at, ++at), () => setImmediate(next))
          }
          next()
        }
        assert.match(await scene.ask(carrier, '/hostile'), /ok$/)
      })

      test('that sends a gigabyte to clients who stop reading fills no memory', () => checkStalled(carrier))
    })
  }

  test('never crashed the gateway', async (t) => {
    assert.equal((await fetch(`${scene.gateway.url}/health`)).status, 200)
    const failures = scene.gateway
      .logs()
      .filter(({ msg }) => msg === 'an exchange failed inside the gateway' || /worker .*ended/.test(`${msg}`))
    assert.deepEqual(failures, [])
    const tried = carriers.length * (acts.length + surplus.length)
    t.diagnostic(`${tried} ways to be hostile, ${passedByUndici.size} of them excluded over undici:`)
    for (const [title, why] of passedByUndici) t.diagnostic(`that ${title}: ${why}`)
  })

  async function checkAct(carrier: Carrier, { title, does, ...act }: Act): Promise<void> {
    const status = (carrier === 'undici' && refusedByUndici.get(title)) || act.status
    scene.act = does
    const [answer, others] = await Promise.all([scene.ask(carrier, '/hostile'), scene.askOthers(carrier, 3)])
    const got = [...answer.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(([, code]) => Number(code))
    // A body that broke off before its head went out leaves nothing to be sent.
    const expected = status === 200 ? [200, 502] : [status]
    assert.ok(
      got.length === 1 ? expected.includes(got[0] as number) : status === 200 && got.length === 0,
      answer.slice(0, 300),
    )
    assert.doesNotMatch(answer, /evil/)
    if (status === 200) assert.ok(got[0] !== 200 || isBrokenOff(answer), answer.slice(0, 300))
    await checkOthers(carrier, others)
  }

  /** Nobody got the wrong bytes while it was asked, and nobody does once it was; the connection itself is gone. */
  async function checkOthers(carrier: Carrier, before: string[]): Promise<void> {
    assert.deepEqual(before, [])
    await waitUntil(() => scene.bad.size === 0)
    assert.deepEqual(await scene.askOthers(carrier, 4), [])
  }

  /** What the upstream has written in answer to one request for /big when it cannot write any more. */
  function stalledAt(carrier: Carrier, at: number): Promise<number> {
    return untilStalled(
      () => scene.bigWritten.at(at) ?? 0,
      () => scene.askOthers(carrier, 1),
    )
  }

  async function checkStalled(carrier: Carrier): Promise<void> {
    const before = await scene.rssBytes()
    const first = scene.bigWritten.length
    const slow = Array.from({ length: 2 }, () => {
      const socket = connect(scene.gateway.port, '127.0.0.1')
      socket.pause()
      socket.on('error', () => {})
      socket.write(`GET /${carrier}/big HTTP/1.1\r\nHost: acme.example.com\r\n\r\n`)
      return socket
    })
    let most = 0
    for (let i = 0; i < 20; i++) {
      most = Math.max(most, (await scene.rssBytes()) - before)
      assert.deepEqual(await scene.askOthers(carrier, 1), [])
    }
    for (const at of [first, first + 1]) {
      const written = await stalledAt(carrier, at)
      assert.ok(written > 0 && written < mostOnTheWay, `${written} bytes were written`)
    }
    for (const socket of slow) socket.destroy()
    assert.ok(most < 80 * megabyte, `${most} bytes more`)
  }
})

/** The client can tell that there should have been more (RFC 9112 section 8). */
function isBrokenOff(answer: string): boolean {
  if (answer === '') return true
  const end = answer.indexOf('\r\n\r\n')
  const length = /^content-length: (\d+)/im.exec(answer.slice(0, end))
  if (length !== null) return answer.length - end - 4 < Number(length[1])
  return /^transfer-encoding: chunked/im.test(answer.slice(0, end)) && !answer.endsWith('\r\n0\r\n\r\n')
}
