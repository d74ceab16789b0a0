// Bytes of both sides to the parsers of http1/: against a second reader, against llhttp, and however they are cut.
import assert from 'node:assert/strict'
import { canonicalTarget } from '../../../gateway/dataplane/path.ts'
import { parse, toRandomPieces, toVerdict } from '../../gateway/dataplane/http1/parse.ts'
import { parseRequests } from '../../gateway/dataplane/http1/parse-requests.ts'
import { taken as requests } from '../../gateway/dataplane/http1/request-cases.ts'
import { taken as responses } from '../../gateway/dataplane/http1/response-cases.ts'
import { readLlhttpCases } from '../../support/llhttp-vectors.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { createFiller, createRequest, createResponse } from '../http-grammar.ts'
import { readByLlhttp } from '../llhttp.ts'
import type { StrictField } from '../strict/field-reader.ts'
import { readRequestsStrictly } from '../strict/request-reader.ts'
import { readResponseStrictly } from '../strict/response-reader.ts'
import type { Target } from '../target.ts'

const vectors = {
  request: readLlhttpCases('request').map(({ input }) => input.toString('latin1')),
  response: readLlhttpCases('response').map(({ input }) => input.toString('latin1')),
}
const knownRequests = requests.map(({ text }) => text)
const knownResponses = responses.map(({ text }) => text)

function mutateSome(text: string, random: Random): string {
  let out = text
  for (let i = random.pick([0, 0, 1, 1, 2, 4]); i > 0; i--) out = mutate(out, random)
  return out
}

/** The beginning of one and the end of the other. */
function splice(one: string, other: string, random: Random): string {
  return one.slice(0, random.int(one.length + 1)) + other.slice(random.int(other.length + 1))
}

/** As long as a head may be, or nearly. */
function fill(text: string, random: Random): string {
  const at = text.indexOf('\r\n') + 2
  const end = text.indexOf('\r\n\r\n')
  return at < 2 || end < at ? text : text.slice(0, at) + createFiller(random, 16_384 - end) + text.slice(at)
}

function createRequestBytes(random: Random): string {
  const kind = random.int(20)
  if (kind < 2) return mutateSome(random.pick(knownRequests) + random.pick(knownRequests), random)
  if (kind < 4) return mutateSome(random.pick(vectors.request), random)
  if (kind < 5) return splice(random.pick(vectors.request), createRequest(random), random)
  const pipelined = Array.from({ length: 1 + random.int(3) }, () => createRequest(random)).join('')
  if (random.chance(0.004)) return fill(pipelined, random)
  return mutateSome(pipelined, random)
}

export function createResponseBytes(random: Random): string {
  const kind = random.int(20)
  if (kind < 2) return mutateSome(random.pick(knownResponses), random)
  if (kind < 4) return mutateSome(random.pick(vectors.response), random)
  if (kind < 5) return splice(random.pick(vectors.response), createResponse(random), random)
  return mutateSome(createResponse(random) + (random.chance(0.1) ? createResponse(random) : ''), random)
}

function toFlat(fields: readonly StrictField[] | null): string[] | null {
  return fields?.flatMap(({ name, value }) => [name, value]) ?? null
}

/** Read as the second reader reads it, and the same however it is cut. */
const requestBytes: Target = {
  name: 'request bytes',
  share: 200,
  create: createRequestBytes,
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const whole = parseRequests([bytes])
    const strict = readRequestsStrictly(input)
    const expected = strict.requests.map(({ fields, trailers, ...request }) => ({
      ...request,
      headers: toFlat(fields),
      trailers: toFlat(trailers),
    }))
    assert.deepEqual(whole.requests, expected)
    assert.equal(whole.fault !== null, strict.end === 'refused')
    const cut = parseRequests(toRandomPieces(bytes, random), { pausing: random.chance(0.5) })
    // Where two things are wrong, which of them is seen first may depend on the cuts.
    assert.deepEqual([cut.requests, cut.fault === null], [whole.requests, whole.fault === null])
  },
}

/** Behind these llhttp reads no further: CONNECT, Upgrade, and Proxy-Connection, which no RFC knows. */
function endsLlhttp(headers: readonly string[]): boolean {
  return headers.some((name, at) => at % 2 === 0 && /^(upgrade|proxy-connection)$/i.test(name))
}

/** What admission.ts refuses, and with it all that is behind it. */
function isAdmitted(method: string, target: string): boolean {
  if (method === 'CONNECT') return false
  return target.startsWith('/')
    ? typeof canonicalTarget(target, 'merge') !== 'string'
    : /^(?:\*|https?:\/\/a\/b)$/.test(target)
}

/** Whole requests that we take, llhttp takes too and in the same way. */
const requestsByLlhttp: Target = {
  name: 'requests, llhttp beside us',
  share: 200,
  create: createRequestBytes,
  check(input) {
    const ours = parseRequests([Buffer.from(input, 'latin1')]).requests.filter(({ complete }) => complete)
    const { messages } = readByLlhttp(input, null)
    for (const [at, { method, target, headers, body, complete }] of ours.entries()) {
      if (!isAdmitted(method, target)) return
      assert.deepEqual(messages[at], { status: 0, method, target, headers, body, complete })
      if (endsLlhttp(headers)) return
    }
  },
}

/** Read as the second reader reads it; never a clean end of a broken body; another request only behind whole framing. */
const responseBytes: Target = {
  name: 'response bytes',
  share: 200,
  create: createResponseBytes,
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const method = random.pick(['GET', 'GET', 'HEAD'])
    const whole = toVerdict(parse([bytes], method))
    const { fields, trailers, ...strict } = readResponseStrictly(input, method)
    assert.deepEqual(whole, { ...strict, headers: toFlat(fields), trailers: toFlat(trailers) })
    assert.deepEqual(toVerdict(parse(toRandomPieces(bytes, random), method)), whole)
  },
}

/** Whole answers that we take, llhttp takes too and in the same way. */
const responsesByLlhttp: Target = {
  name: 'responses, llhttp beside us',
  share: 200,
  create: createResponseBytes,
  check(input, random) {
    const method = random.pick(['GET', 'HEAD'])
    const parsed = parse([Buffer.from(input, 'latin1')], method)
    const { complete, refused, interim, status, headers, body, reusable } = parsed
    if (!complete || refused !== null || /^proxy-connection/im.test(input)) return
    // An interim answer that speaks of a body has none (RFC 9112 section 6.3); llhttp waits for one. We never use such a
    // connection again.
    if (interim.length > 0 && !reusable) return
    const { messages } = readByLlhttp(input, method)
    const expected = { method: '', target: '', status, headers, body: body.toString('latin1'), complete }
    assert.deepEqual(messages[interim.length], expected)
  },
}

const hidden = 'GET /hidden HTTP/1.1\r\n\r\n'
const besideFraming = [
  '',
  'X: y\r\n',
  'Expect: 100-continue\r\n',
  'content_length: 0\r\n',
  'TE: trailers\r\n',
  'Upgrade: websocket\r\nConnection: upgrade\r\n',
]

/** Whatever a body holds, and whatever stands in other headers: it is no request. The input is the body. */
const requestBodies: Target = {
  name: 'request bodies',
  share: 100,
  create: (random) => mutateSome(hidden.repeat(1 + random.int(3)), random),
  check(body, random) {
    const head = `POST / HTTP/1.1\r\nHost: a\r\n${random.pick(besideFraming)}`
    const message = random.chance(0.5)
      ? `${head}Content-Length: ${body.length}\r\n\r\n${body}`
      : `${head}Transfer-Encoding: chunked\r\n\r\n${toChunks(body, random)}0\r\n\r\n`
    const { requests, fault } = parseRequests(toRandomPieces(Buffer.from(message, 'latin1'), random))
    assert.equal(fault, null)
    assert.deepEqual(
      requests.map((one) => [one.body, one.complete]),
      [[body, true]],
    )
  },
}

function toChunks(body: string, random: Random): string {
  let text = ''
  for (let at = 0; at < body.length; ) {
    const length = 1 + random.int(body.length - at)
    text += `${length.toString(16)}\r\n${body.slice(at, at + length)}\r\n`
    at += length
  }
  return text
}

export const parserTargets: readonly Target[] = [
  requestBytes,
  requestsByLlhttp,
  requestBodies,
  responseBytes,
  responsesByLlhttp,
]
