// Through a running gateway: what its upstream gets, and what its client is told.
import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { canonicalTarget } from '../../../gateway/dataplane/path.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { createRequest, createResponse } from '../http-grammar.ts'
import { answerOk, createServedScene, type Seen, type ServedScene } from '../served-scene.ts'
import { readChunks } from '../strict/chunk-reader.ts'
import { valuesOf } from '../strict/field-reader.ts'
import { readRequestsStrictly, type StrictRequest } from '../strict/request-reader.ts'
import { readResponseStrictly } from '../strict/response-reader.ts'
import type { Target } from '../target.ts'

/** Final answers that are whole, by status. Those to HEAD have no body. */
function readAnswers(text: string, methods: readonly string[]): number[] {
  const statuses: number[] = []
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(rest)?.[1] ?? 0)
    if (end < 0 || status === 0) return statuses
    const head = rest.slice(0, end)
    rest = rest.slice(end + 4)
    if (status < 200) continue
    const bodiless = methods[statuses.length] === 'HEAD' || status === 204 || status === 304
    const length = bodiless ? 0 : Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? -1)
    if (length < 0) {
      const chunks = readChunks(rest, 65_536)
      if (!chunks.complete) return statuses
      rest = chunks.behind
    } else {
      if (rest.length < length) return statuses
      rest = rest.slice(length)
    }
    statuses.push(status)
  }
}

/** As it must go up; null: it goes up as nothing. */
function pathOf({ method, target, fields }: StrictRequest): string | null {
  if (!METHODS.includes(method) || method === 'TRACE' || method === 'CONNECT') return null
  const [host = ''] = valuesOf(fields, 'host')
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target)
  if (absolute !== null && absolute[1]?.toLowerCase() !== host.toLowerCase()) return null
  const origin = absolute === null ? target : (absolute[2] as string)
  const canonical = canonicalTarget(origin.startsWith('?') || origin === '' ? `/${origin}` : origin, 'merge')
  if (typeof canonical === 'string') return null
  return canonical.query === '' && !origin.endsWith('?')
    ? canonical.path
    : `${canonical.path}?${canonical.query}`
}

function isSame(request: StrictRequest, seen: Seen): boolean {
  const path = pathOf(request)
  // An empty query may be kept or dropped: both are the same to everybody.
  return (
    request.method === seen.method &&
    path?.replace(/\?$/, '') === seen.target.replace(/\?$/, '') &&
    request.body === seen.body
  )
}

function checkUpstream(requests: readonly StrictRequest[], seen: readonly Seen[]): void {
  let next = 0
  for (const one of seen) {
    while (next < requests.length && !isSame(requests[next] as StrictRequest, one)) next += 1
    assert.ok(next < requests.length, `the upstream got a request that nobody sent: ${JSON.stringify(one)}`)
    next += 1
    const names = one.fields.map(({ name }) => name.toLowerCase().replaceAll(/[_.]/g, '-'))
    for (const name of [
      'x-tenant-id',
      'x-user-id',
      'keep-alive',
      'te',
      'upgrade',
      'http2-settings',
      'proxy-connection',
    ])
      assert.ok(!names.includes(name), `${name} went up`)
    assert.ok(names.filter((name) => name === 'content-length' || name === 'transfer-encoding').length <= 1)
    assert.equal(names.filter((name) => name === 'host').length, 1)
  }
}

/** What the upstream gets are the requests that a strict reader sees, in their order, and nothing else. */
function createServedRequests(): Target {
  let scene: ServedScene
  return {
    name: 'served requests',
    share: 3,
    start: async () => {
      scene = await createServedScene()
    },
    close: () => scene.close(),
    create(random) {
      const text = Array.from({ length: 1 + random.int(3) }, () => createRequest(random)).join('')
      return random.chance(0.5) ? mutate(text, random) : text
    },
    async check(input) {
      const { requests, end } = readRequestsStrictly(input)
      const whole = requests.filter(({ complete }) => complete)
      const methods = requests.map(({ method }) => method)
      // A refusal is an answer too, and the last one; the rest of what is not whole is not waited for.
      const due = whole.length + (end === 'refused' ? 1 : 0)
      const from = scene.seen.length
      const faults = scene.faults.length
      const received = await scene.send(
        Buffer.from(input, 'latin1'),
        (text) => readAnswers(text, methods).length >= due,
      )
      const answers = readAnswers(received, methods)
      const seen = scene.seen.slice(from)
      assert.deepEqual(scene.faults.slice(faults), [], 'the upstream got what is no request')
      checkUpstream(whole, seen)
      // A head may be refused before its body is there.
      const most = requests.length + (end === 'refused' ? 1 : 0)
      assert.ok(answers.length <= most, 'there are more answers than requests')
      const fine = answers.filter((status) => status === 200).length
      assert.ok(fine <= seen.length, `${fine} answers of an upstream that got ${seen.length} requests`)
      assert.ok(
        answers.every((status) => status < 500 || status === 505 || status === 508),
        `answered with ${answers}`,
      )
      assert.equal(scene.gateway.process.exitCode, null, 'the gateway ended')
      scene.seen.length = 0
    },
  }
}

function createAnswerBytes(random: Random): string {
  const text = createResponse(random) + (random.chance(0.1) ? createResponse(random) : '')
  return random.chance(0.5) ? mutate(text, random) : text
}

/** A broken answer never looks whole, a whole one is passed as it is, and no request follows on a connection in doubt. */
function createServedAnswers(): Target {
  let scene: ServedScene
  const spoiled = new Set<number>()
  return {
    name: 'served answers',
    share: 3,
    start: async () => {
      scene = await createServedScene()
    },
    close: () => scene.close(),
    create: createAnswerBytes,
    async check(input, random) {
      const method = random.pick(['GET', 'GET', 'HEAD'])
      const strict = readResponseStrictly(input, method)
      scene.answer = (request, socket) => {
        assert.ok(!spoiled.has(request.connection))
        if (request.target === '/after') return answerOk(request, socket)
        if (!strict.reusable) spoiled.add(request.connection)
        socket.write(input, 'latin1')
        // Else it would be waited for what is missing.
        if (!strict.reusable) socket.end()
      }
      const ask = (verb: string, path: string): Promise<string> =>
        scene.send(
          Buffer.from(`${verb} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
          () => false,
        )
      const told = readResponseStrictly(await ask(method, '/'), method)
      if (told.complete && !told.refused && told.status !== 502) {
        assert.ok(strict.complete, 'a broken answer looks whole')
        assert.equal(told.status, strict.status)
        assert.equal(told.body, strict.body)
      } else assert.ok(!strict.reusable, `an answer that is whole was not passed: ${told.status}`)
      const after = readResponseStrictly(await ask('GET', '/after'), 'GET')
      assert.deepEqual(
        [after.status, after.body, after.complete],
        [200, 'ok', true],
        'the next one got another answer',
      )
      const [last, before] = [scene.seen.at(-1), scene.seen.at(-2)]
      assert.ok(
        strict.reusable || last?.connection !== before?.connection,
        'a connection in doubt was used again',
      )
      assert.deepEqual(scene.faults, [])
      assert.equal(scene.gateway.process.exitCode, null, 'the gateway ended')
      scene.seen.length = 0
    },
  }
}

export const servedTargets: readonly Target[] = [createServedRequests(), createServedAnswers()]
