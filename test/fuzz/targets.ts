// What is fuzzed: each target makes an input out of a seed and throws when a promise is broken on it.
import assert from 'node:assert/strict'
import { parseConfigText } from '../../config/load.ts'
import { build, goodFiles } from '../config/files.ts'
import { parse, toRandomPieces, toVerdict } from '../gateway/dataplane/http1/parse.ts'
import { parseRequests } from '../gateway/dataplane/http1/parse-requests.ts'
import { taken as requests } from '../gateway/dataplane/http1/request-cases.ts'
import { taken as responses } from '../gateway/dataplane/http1/response-cases.ts'
import { type Gate, openGate, sign } from '../plugins/jwt/gate.ts'
import { mutate } from '../support/mutate.ts'
import type { Random } from '../support/random.ts'

export interface Target {
  readonly name: string
  /** latin1 */
  create(random: Random): string
  check(input: string, random: Random): void | Promise<void>
}

const hidden = 'GET /hidden HTTP/1.1\r\n\r\n'

function mutateOften(text: string, random: Random): string {
  let out = text
  for (let i = random.int(3); i >= 0; i--) out = mutate(out, random)
  return out
}

/** No throw, no hang, the same however it is cut. */
const requestBytes: Target = {
  name: 'request bytes',
  create: (random) => mutateOften(random.pick(requests).text + random.pick(requests).text, random),
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const whole = parseRequests([bytes])
    const cut = parseRequests(toRandomPieces(bytes, random), { pausing: random.chance(0.5) })
    // Where two things are wrong, which of them is seen first may depend on the cuts.
    assert.deepEqual([cut.requests, cut.fault === null], [whole.requests, whole.fault === null])
  },
}

/** Whatever a body holds, and whatever stands in other headers: it is no request. */
const requestBodies: Target = {
  name: 'request bodies',
  create(random) {
    const body = mutateOften(hidden.repeat(1 + random.int(3)), random)
    const extra = random.pick([
      '',
      'X: y\r\n',
      'Expect: 100-continue\r\n',
      'content_length: 0\r\n',
      'TE: trailers\r\n',
    ])
    const head = `POST / HTTP/1.1\r\nHost: a\r\n${extra}`
    if (random.chance(0.5)) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
    return `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  },
  check(input, random) {
    const { requests, fault } = parseRequests(toRandomPieces(Buffer.from(input, 'latin1'), random))
    assert.equal(fault, null)
    assert.equal(requests.length, 1)
    assert.ok(requests[0]?.complete && input.includes(requests[0].body))
  },
}

const responseBytes: Target = {
  name: 'response bytes',
  create: (random) => mutateOften(random.pick(responses).text, random),
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1')
    const method = random.pick(['GET', 'HEAD'])
    const whole = toVerdict(parse([bytes], method))
    assert.deepEqual(toVerdict(parse(toRandomPieces(bytes, random), method)), whole)
  },
}

/** Every text is a config or a list of problems, each of which names its place. */
const configFiles: Target = {
  name: 'config files',
  create: (random) =>
    mutateOften(JSON.stringify(goodFiles()[random.pick(['routes', 'gateway', 'plugins'] as const)]), random),
  check(input) {
    const read = parseConfigText(input)
    if ('problem' in read) return assert.ok(read.problem.length > 0)
    for (const name of ['routes', 'gateway', 'plugins'] as const) {
      const built = build({ ...goodFiles(), [name]: read.value })
      if (!built.ok)
        assert.ok(built.problems.length > 0 && built.problems.every(({ message }) => message !== ''))
    }
  },
}

/** A token that was changed in any way is refused, but where its signature is the same bytes. */
function createTokens(gate: Gate, token: string): Target {
  const [header, payload, signature = ''] = token.split('.')
  const isSame = (input: string): boolean => {
    const parts = input.trim().split('.')
    const sameBytes = Buffer.from(parts[2] ?? '', 'base64url').equals(Buffer.from(signature, 'base64url'))
    return parts.length === 3 && parts[0] === header && parts[1] === payload && sameBytes
  }
  return {
    name: 'tokens',
    create: (random) => mutateOften(token, random),
    async check(input) {
      const { status } = await gate.send(input)
      if (isSame(input)) return
      assert.equal(status, 401, 'a changed token passed')
    },
  }
}

export async function createTargets(): Promise<readonly Target[]> {
  const gate = await openGate()
  const tokens = createTokens(gate, await sign(gate.ports))
  return [requestBytes, requestBodies, responseBytes, configFiles, tokens]
}
