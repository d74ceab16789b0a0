// llhttp's own cases: what it refuses we refuse; what both take is the same; what only we refuse has its reason here.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LlhttpCase, readFirstAnswer, readLlhttpCases } from '../../../support/llhttp-vectors.ts'
import { createRandom } from '../../../support/random.ts'
import { parse, toBytes, toRandomPieces, toVerdict } from './parse.ts'

const behind = 'the answer is passed on; the bytes behind it end the connection'
const unasked = 'we never ask for another protocol'
const lenient = 'a lenience of llhttp that is off by default'
const otherProtocol = 'not HTTP/1.0 or HTTP/1.1'
const coding = 'a transfer coding other than chunked, once: RFC 9112 section 6.1 leaves room for two readings'
const emptyLine = 'an empty line before the status line'
const tab = 'llhttp takes this one with the tab, but reads Transfer-Encoding otherwise with it'
const cutOff = 'the bytes end before the body does'

const onlyWeRefuse: Readonly<Record<string, string>> = {
  'connection.md: HTTP/1.0 with keep-alive and 204 status (response)': behind,
  'connection.md: HTTP/1.1 with 204 status (response)': behind,
  'connection.md: HTTP/1.1 with keep-alive disabled, content-length (lenient) (response-lenient-data-after-close)':
    behind,
  'connection.md: HTTP/1.1 with keep-alive disabled and 204 status (lenient) (response-lenient-keep-alive)':
    behind,
  'connection.md: HTTP 101 response with Upgrade and Content-Length header (response)': unasked,
  'connection.md: HTTP 101 response with Upgrade and Transfer-Encoding header (response)': unasked,
  'connection.md: HTTP 304 with Content-Length (response)': behind,
  'connection.md: HTTP 304 with Transfer-Encoding (response)': behind,
  'connection.md: HTTP 100 first, then 400 (response)': emptyLine,
  'connection.md: HTTP 103 first, then 200 (response)': cutOff,
  'content-length.md: Content-Length reset when no body is received (response)': behind,
  'content-length.md: Tabs in `Content-Length` (surrounding) (response)': tab,
  'invalid.md: Bare CR after response line (lenient) (response-lenient-optional-lf-after-cr)': lenient,
  'invalid.md: Only LFs present and no body (lenient) (response-lenient-all)': lenient,
  'invalid.md: Only LFs present (lenient) (response-lenient-all)': lenient,
  'lenient-version.md: Invalid HTTP version (lenient) (response-lenient-version)': lenient,
  'pipelining.md: Should parse multiple events (response)': behind,
  'sample.md: RTSP response (response)': otherProtocol,
  'sample.md: ICE response (response)': otherProtocol,
  'sample.md: Google 301 (response)': cutOff,
  'sample.md: No carriage ret (lenient) (response-lenient-optional-cr-before-lf)': lenient,
  'sample.md: HTTP version 0.9 (response)': otherProtocol,
  'sample.md: Response starting with CRLF (response)': emptyLine,
  'transfer-encoding.md: `chunked` before other transfer-encoding (response)': coding,
  'transfer-encoding.md: multiple transfer-encoding where chunked is not the last one (response)': coding,
  'transfer-encoding.md: `chunkedchunked` transfer-encoding does not enable chunked enconding (response)':
    coding,
  'transfer-encoding.md: Chunk extensions quoting (response)': cutOff,
  'transfer-encoding.md: Invalid OBS fold after chunked value (response-lenient-headers)': lenient,
}

function judge({ input, bodiless }: LlhttpCase) {
  return parse([input], bodiless ? 'HEAD' : 'GET')
}

describe("llhttp's own cases of responses", () => {
  const cases = readLlhttpCases('response')

  it('are all there', () => {
    assert.equal(cases.length, 85)
  })

  it('are refused where llhttp refuses them', () => {
    const refusedByLlhttp = cases.filter(({ refused }) => refused)
    assert.ok(refusedByLlhttp.length >= 20)
    const taken = refusedByLlhttp.filter((one) => judge(one).refused === null)
    assert.deepEqual(
      taken.map(({ name }) => name),
      [],
    )
  })

  it('are refused beyond that only for a reason that is written down', () => {
    const refused = cases.filter((one) => !one.refused && judge(one).refused !== null).map(({ name }) => name)
    assert.deepEqual(refused.sort(), Object.keys(onlyWeRefuse).sort())
  })

  it('are read as llhttp reads them where both take them', () => {
    let compared = 0
    for (const one of cases) {
      const theirs = readFirstAnswer(one)
      const ours = judge(one)
      const reason = onlyWeRefuse[one.name]
      if (theirs === null || (ours.refused !== null && reason !== behind && reason !== cutOff)) continue
      const { status, headers, body } = ours
      const theirBody = theirs.body.toString('latin1')
      assert.deepEqual(
        { status, headerCount: headers.length / 2, body: body.toString('latin1') },
        { status: theirs.status, headerCount: theirs.headerCount, body: theirBody },
        one.name,
      )
      if (theirs.complete) assert.ok(ours.complete, one.name)
      compared += 1
    }
    assert.equal(compared, 44)
  })

  it('give the same however they are cut into segments', () => {
    const random = createRandom(1)
    for (const { name, input, bodiless } of cases) {
      const method = bodiless ? 'HEAD' : 'GET'
      const whole = toVerdict(parse([input], method))
      assert.deepEqual(toVerdict(parse(toBytes(input), method)), whole, name)
      for (let i = 0; i < 20; i++) {
        assert.deepEqual(toVerdict(parse(toRandomPieces(input, random), method)), whole, name)
      }
    }
  })
})
