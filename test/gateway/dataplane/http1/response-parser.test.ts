// Each rule of the response parser, one row each; every row is fed whole, byte by byte and in random pieces.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRandom } from '../../../support/random.ts'
import { type Parsed, parse, toBytes, toRandomPieces, toVerdict } from './parse.ts'
import {
  chunked,
  empty,
  ok,
  refusedBodies,
  refusedFramings,
  refusedHeads,
  refusedSizes,
  taken,
} from './response-cases.ts'

function parseEveryWay(text: string, method = 'GET'): Parsed {
  const bytes = Buffer.from(text, 'latin1')
  const whole = parse([bytes], method)
  const random = createRandom(bytes.length)
  assert.deepEqual(toVerdict(parse(toBytes(bytes), method)), toVerdict(whole))
  for (let i = 0; i < 5; i++)
    assert.deepEqual(toVerdict(parse(toRandomPieces(bytes, random), method)), toVerdict(whole))
  return whole
}

function refuse(text: string): Parsed {
  const parsed = parseEveryWay(text)
  assert.equal(typeof parsed.refused, 'string')
  assert.equal(parsed.complete, false)
  return parsed
}

describe('the response parser refuses', () => {
  for (const [title, text] of [...refusedHeads, ...refusedFramings]) {
    it(title, () => {
      const { status, interim } = refuse(text)
      assert.deepEqual({ status, interim }, { status: 0, interim: [] })
    })
  }
  for (const [title, text] of refusedSizes) it(title, () => assert.equal(refuse(text).body.length, 0))
  for (const [title, text] of refusedBodies) it(title, () => void refuse(text))

  it('needs no more time for a head that comes byte by byte than for the bytes', () => {
    const bytes = toBytes(Buffer.from(`${ok}${'a:\r\n'.repeat(16_000)}`))
    const startedAt = performance.now()
    assert.equal(typeof parse(bytes).refused, 'string')
    // It was half a minute when each byte had all those before it searched again.
    assert.ok(performance.now() - startedAt < 5_000)
  })
})

describe('the response parser takes', () => {
  for (const {
    title,
    text,
    method,
    status = 200,
    body = '',
    headers,
    trailers = null,
    interim = [],
    reusable = true,
  } of taken) {
    it(title, () => {
      const parsed = parseEveryWay(text, method)
      assert.deepEqual(
        {
          ...parsed,
          body: parsed.body.toString('latin1'),
          headers: headers ?? parsed.headers,
          keepAliveMs: 0,
          pieces: 1,
        },
        {
          complete: true,
          refused: null,
          status,
          body,
          trailers,
          interim,
          reusable,
          headers: headers ?? parsed.headers,
          keepAliveMs: 0,
          pieces: 1,
        },
      )
      if (headers !== undefined) assert.deepEqual(parsed.headers, headers)
    })
  }
})

describe('behind an answer the response parser', () => {
  const answers = [
    empty,
    `${ok}Content-Length: 2\r\n\r\nhi`,
    `${chunked}2\r\nhi\r\n0\r\n\r\n`,
    'HTTP/1.1 204 No\r\n\r\n',
  ]
  for (const answer of answers) {
    for (const more of [empty, 'x', '\r\n', '\0']) {
      it(`takes no ${JSON.stringify(more)} for anything: ${JSON.stringify(answer)}`, () => {
        const { complete, refused, status, reusable } = parseEveryWay(answer + more)
        assert.ok(complete)
        assert.notEqual(status, 0)
        assert.equal(typeof refused, 'string')
        assert.equal(reusable, false)
      })
    }
  }
})

describe('the response parser reads Keep-Alive', () => {
  const cases: readonly [string, number | null][] = [
    ['timeout=5', 4_000],
    ['timeout=5, max=100', 4_000],
    ['max=100, timeout=60', 59_000],
    ['timeout=soon', Number.POSITIVE_INFINITY],
    ['timeout=99999999', Number.POSITIVE_INFINITY],
    ['', Number.POSITIVE_INFINITY],
    // Too short to be used: the next request would meet the end of the connection.
    ['timeout=1', null],
    ['timeout=0', null],
  ]
  for (const [value, expectedMs] of cases) {
    it(JSON.stringify(value), () => {
      const { keepAliveMs, reusable } = parseEveryWay(
        `${ok}Keep-Alive: ${value}\r\nContent-Length: 0\r\n\r\n`,
      )
      assert.equal(reusable, expectedMs !== null)
      if (expectedMs !== null) assert.equal(keepAliveMs, expectedMs)
    })
  }
})
