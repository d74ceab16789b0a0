// llhttp's own cases of requests: what it refuses we refuse; what both take is the same; what only we refuse has its reason here.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LlhttpCase, readLlhttpCases, readRequests } from '../../../support/llhttp-vectors.ts'
import { createRandom } from '../../../support/random.ts'
import { toBytes, toRandomPieces } from './parse.ts'
import { type ParsedRequests, parseRequests } from './parse-requests.ts'

const lenient = 'a lenience of llhttp that is off by default'
const zeros = 'a Content-Length with leading zeros, which others read as octal'
const coding = 'a transfer coding other than chunked, once: RFC 9112 section 6.1 leaves room for two readings'
const otherProtocol = 'not HTTP/1.0 or HTTP/1.1'
const emptyLines = 'two empty lines before a request line; RFC 9112 section 2.2 speaks of one'
const escapes = 'an escape within a quoted chunk extension'

const onlyWeRefuse: Readonly<Record<string, string>> = {
  'connection.md: CRLF between requests, implicit `keep-alive` (request)': emptyLines,
  'connection.md: Invalid whitespace token with `Connection` header field (lenient) (request-lenient-headers)':
    lenient,
  'connection.md: Multiple tokens with folding (request-lenient-headers)': lenient,
  'connection.md: Multiple tokens with folding, LWS, and CRLF (request-lenient-headers)': lenient,
  'content-length.md: Invalid whitespace token with `Content-Length` header field (lenient) (request-lenient-headers)':
    lenient,
  'content-length.md: No error on simultaneous `Content-Length` and `Transfer-Encoding: identity` (lenient) (request-lenient-chunked-length)':
    lenient,
  'content-length.md: `Content-Length` with follow-up headers (request)': zeros,
  'content-length.md: `Content-Length` with zeroes (request)': zeros,
  'invalid.md: Only LFs present (lenient) (request-lenient-all)': lenient,
  'invalid.md: Spaces before headers (lenient) (request-lenient-headers)': lenient,
  'lenient-header-value-relaxed.md: Control char in header value (relaxed) (request-lenient-header-value-relaxed)':
    lenient,
  'lenient-headers.md: Empty headers separated by CR (lenient) (request-lenient-headers)': lenient,
  'lenient-headers.md: Header value (lenient) (request-lenient-headers)': lenient,
  'lenient-headers.md: Second request header value (lenient) (request-lenient-headers)': lenient,
  'lenient-version.md: Invalid HTTP version (lenient) (request-lenient-version)': lenient,
  'method.md: ANNOUNCE request with RTSP (request)': otherProtocol,
  'method.md: OPTIONS request with RTSP (request)': otherProtocol,
  'method.md: PRI request HTTP2 (request)': otherProtocol,
  'method.md: SOURCE request with ICE (request)': otherProtocol,
  'sample.md: Line folding in header value with CRLF (request-lenient-headers)': lenient,
  'sample.md: No HTTP version (request)': otherProtocol,
  'sample.md: X-SSL-Nonsense (request-lenient-headers)': lenient,
  'transfer-encoding.md: Chunk data not terminated by CRLF (lenient) (request-lenient-optional-crlf-after-chunk)':
    lenient,
  'transfer-encoding.md: Chunk extensions quoting (request)': escapes,
  'transfer-encoding.md: Chunk header not terminated by CRLF (lenient) (request-lenient-optional-lf-after-cr)':
    lenient,
  'transfer-encoding.md: POST with `Transfer-Encoding` and `Content-Length` (lenient) (request-lenient-chunked-length)':
    lenient,
  'transfer-encoding.md: POST with `chunked` and duplicate transfer-encoding (lenient) (request-lenient-transfer-encoding)':
    lenient,
  'transfer-encoding.md: POST with `chunked` as last transfer-encoding (multiple headers) (request)': coding,
  'transfer-encoding.md: POST with `chunked` as last transfer-encoding (request)': coding,
  'transfer-encoding.md: POST with `chunked` before other transfer-coding (lenient) (request-lenient-transfer-encoding)':
    lenient,
  'transfer-encoding.md: Space after chunk header (lenient) (request-lenient-spaces-after-chunk-size)':
    lenient,
}

function countComplete({ requests }: ParsedRequests): number {
  return requests.filter(({ complete }) => complete).length
}

function judge({ input }: LlhttpCase): ParsedRequests {
  return parseRequests([input])
}

describe("llhttp's own cases of requests", () => {
  const cases = readLlhttpCases('request')

  it('are all there', () => {
    assert.equal(cases.length, 166)
  })

  it('never become a request where llhttp refuses them, not even with the end of a head behind them', () => {
    const refusedByLlhttp = cases.filter(({ refused }) => refused)
    assert.equal(refusedByLlhttp.length, 60)
    const taken = refusedByLlhttp.filter((one) => {
      const theirs = readRequests(one).filter(({ complete }) => complete).length
      const ended = Buffer.concat([one.input, Buffer.from('\r\n\r\n')])
      return [one.input, ended].some((input) => countComplete(parseRequests([input])) > theirs)
    })
    assert.deepEqual(
      taken.map(({ name }) => name),
      [],
    )
  })

  it('are refused beyond that only for a reason that is written down', () => {
    const refused = cases.filter((one) => !one.refused && judge(one).fault !== null).map(({ name }) => name)
    assert.deepEqual(refused.sort(), Object.keys(onlyWeRefuse).sort())
  })

  it('are read as llhttp reads them where both take them', () => {
    let compared = 0
    for (const one of cases) {
      // A server of CONNECT reads no body; we refuse it, and read nothing behind it.
      if (one.bodiless || one.name.includes('CONNECT')) continue
      const theirs = readRequests(one)
      const { requests, fault } = judge(one)
      for (const [at, { method, target, headers, body, complete }] of requests.entries()) {
        if (!complete && fault !== null) continue
        const ours = { method, target, headerCount: headers.length / 2, body, complete }
        assert.deepEqual(ours, theirs[at], one.name)
        compared += 1
      }
    }
    assert.equal(compared, 75)
  })

  it('give the same however they are cut into segments', () => {
    const random = createRandom(1)
    const toVerdict = ({ requests, fault }: ParsedRequests) => ({ requests, status: fault?.status })
    for (const { name, input } of cases) {
      const whole = toVerdict(parseRequests([input]))
      assert.deepEqual(toVerdict(parseRequests(toBytes(input))), whole, name)
      for (let i = 0; i < 20; i++) {
        const pieces = toRandomPieces(input, random)
        assert.deepEqual(toVerdict(parseRequests(pieces, { pausing: i % 2 === 0 })), whole, name)
      }
    }
  })
})
