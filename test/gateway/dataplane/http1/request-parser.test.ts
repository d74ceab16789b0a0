// Each rule of the request parser, one row each; every row is fed whole, byte by byte, in random pieces, and with pauses.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRandom } from '../../../support/random.ts'
import { toBytes, toRandomPieces } from './parse.ts'
import { type ParsedRequests, parseRequests } from './parse-requests.ts'
import {
  brokenBodies,
  chunked,
  get,
  host,
  line,
  refusedFramings,
  refusedHeads,
  taken,
  unfinished,
} from './request-cases.ts'

function parseEveryWay(text: string): ParsedRequests {
  const bytes = Buffer.from(text, 'latin1')
  const whole = parseRequests([bytes])
  const random = createRandom(bytes.length)
  const ways = [toBytes(bytes), ...Array.from({ length: 5 }, () => toRandomPieces(bytes, random))]
  for (const pieces of [[bytes], ...ways]) {
    assert.deepEqual(toVerdict(parseRequests(pieces)), toVerdict(whole))
    assert.deepEqual(toVerdict(parseRequests(pieces, { pausing: true })), toVerdict(whole))
  }
  return whole
}

/** The words of a refusal may depend on where the segments end; its status may not. */
function toVerdict({ requests, fault }: ParsedRequests): object {
  return { requests, status: fault?.status ?? 0 }
}

/** Behind everything that is refused: it must be no request. */
const next = `GET /smuggled HTTP/1.1\r\n${host}\r\n`

describe('the request parser refuses', () => {
  for (const [title, text, status] of [...refusedHeads, ...refusedFramings]) {
    it(title, () => assert.deepEqual(toVerdict(parseEveryWay(text + next)), { requests: [], status }))
  }

  for (const [title, text] of brokenBodies) {
    it(title, () => {
      const { requests, fault } = parseEveryWay(text + next)
      assert.equal(fault?.status, 400)
      assert.deepEqual(
        requests.map(({ target, complete }) => ({ target, complete })),
        [{ target: '/', complete: false }],
      )
    })
  }

  it('says 400 to a count of headers that policy did not get to see', () => {
    const most = { mostFields: 300 }
    const bytes = (count: number) => [Buffer.from(`${line}${'A:b\r\n'.repeat(count)}\r\n`)]
    assert.equal(parseRequests(bytes(301), most).fault, null)
    assert.equal(parseRequests(bytes(302), most).fault?.status, 400)
  })

  it('needs no more time for a head that comes byte by byte than for the bytes', () => {
    const bytes = toBytes(Buffer.from(`${line}${'a:\r\n'.repeat(16_000)}`))
    const startedAt = performance.now()
    assert.notEqual(parseRequests(bytes, { headLimitBytes: 65_536, mostFields: 20_000 }).requests.length, 1)
    assert.ok(performance.now() - startedAt < 5_000)
  })
})

describe('the request parser waits for the rest of', () => {
  for (const [title, text] of unfinished) {
    it(title, () => {
      const { requests, fault } = parseEveryWay(text)
      assert.equal(fault, null)
      assert.ok(requests.every(({ complete }) => !complete))
    })
  }
})

describe('the request parser takes', () => {
  for (const {
    title,
    text,
    headers,
    trailers = null,
    method = 'GET',
    target = '/',
    version = '1.1',
    body = '',
    keepAlive = true,
  } of taken) {
    it(title, () => {
      const { requests, fault } = parseEveryWay(text)
      assert.equal(fault, null)
      assert.deepEqual(requests, [
        {
          method,
          target,
          version,
          keepAlive,
          body,
          trailers,
          complete: true,
          headers: headers ?? requests[0]?.headers,
        },
      ])
    })

    it(`${title}, and finds what is behind it`, () => {
      const { requests, fault } = parseEveryWay(text + next)
      assert.equal(fault, null)
      const found = requests.map((request) => request.target)
      // Behind the last request on a connection there is none.
      assert.deepEqual(found, keepAlive ? [target, '/smuggled'] : [target])
    })
  }

  it('what is exactly as long as it may be, however it is cut', () => {
    const head = `${line}${host}`
    const field = `A: ${'b'.repeat(16_384 - head.length - 3)}`
    const size = `3;${'e'.repeat(254)}`
    const trailer = `T: ${'u'.repeat(16_384 - 3)}`
    const texts = [`${head}${field}\r\n\r\n`, `${chunked}${size}\r\nabc\r\n0\r\n${trailer}\r\n\r\n`]
    for (const text of texts) {
      const { requests, fault } = parseEveryWay(text)
      assert.equal(fault, null)
      assert.deepEqual(
        requests.map(({ complete }) => complete),
        [true],
      )
    }
  })

  it('a run of requests, with and without bodies', () => {
    const post = `POST /b HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`
    const { requests, fault } = parseEveryWay(`${get}${post}${chunked}3\r\ndef\r\n0\r\n\r\n${get}`)
    assert.equal(fault, null)
    assert.deepEqual(
      requests.map(({ method, body }) => `${method} ${body}`),
      ['GET ', 'POST abc', 'POST def', 'GET '],
    )
  })
})
