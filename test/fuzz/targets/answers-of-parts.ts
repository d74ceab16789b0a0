// What other parts say to plugins, and what plugins say in headers and logs: the authorize backend's answers, the fields
// of rate limits, lines of the access log.
import assert from 'node:assert/strict'
import { toSafeLine } from '../../../gateway/contract/log-line.ts'
import { createCounterBuffer, createLocalCounters } from '../../../gateway/shared-state/counter-table.ts'
import { createAccessLog } from '../../../plugins/observability/access-log.ts'
import { toLimitItem, toPolicyItem } from '../../../plugins/rate-limit/fields.ts'
import type { LimitConfig } from '../../../plugins/rate-limit/schema.ts'
import { parseAnswer } from '../../../plugins/rbac/authorize.ts'
import { createTestClock } from '../../support/clock.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { createView } from '../../support/view.ts'
import { createJsonObject } from '../json-grammar.ts'
import { readListStrictly } from '../strict/structured-fields.ts'
import type { Target } from '../target.ts'

const answerLimitBytes = 4_096

/** `allowed` is what the text says at its top and nothing else; all else is an error that says why. */
const authorizeAnswers: Target = {
  name: 'authorize answers',
  share: 50,
  create(random) {
    const text = createJsonObject(
      [
        ['allowed', random.pick(['true', 'false', 'true', '"true"', '1', 'null'])],
        [
          'permissions',
          random.pick(['["items:read"]', '[]', '["*"]', '[""]', '[1]', '"items:read"', 'null']),
        ],
        ['ttl', random.pick(['60', '0', '-1', '1e999', '1.5', '"60"', 'null', '9007199254740993'])],
      ],
      random,
    )
    return random.chance(0.1) ? mutate(text, random) : text
  },
  check(input, random) {
    const status = random.chance(0.9) ? 200 : random.pick([204, 301, 403, 500])
    let answer: ReturnType<typeof parseAnswer>
    try {
      answer = parseAnswer({ status, body: input }, answerLimitBytes)
    } catch (error) {
      return assert.ok(
        error instanceof Error && /^("|answered|the answer)/.test(error.message),
        String(error),
      )
    }
    assert.equal(status, 200)
    const said = new Map(Object.entries(JSON.parse(input)))
    assert.equal(answer.allowed, said.get('allowed') === true)
    assert.equal(said.get('allowed') === false, !answer.allowed)
    const { permissions, ttlSeconds } = answer
    assert.deepEqual(permissions, said.get('permissions') ?? null)
    assert.ok(permissions === null || permissions.every((one) => typeof one === 'string' && one !== ''))
    assert.ok(
      ttlSeconds === null ||
        (ttlSeconds === said.get('ttl') && ttlSeconds >= 0 && ttlSeconds < Number.POSITIVE_INFINITY),
    )
  },
}

/** As schema.ts has them. */
const mostUnits = 1_000_000_000
const mostWindowMs = 366 * 86_400_000
const limitAlgorithms = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const

/** Fields that any reader of structured fields reads, with what the counters said. The input: numbers of a limit. */
const limitFields: Target = {
  name: 'rate limit fields',
  share: 20,
  create(random) {
    const number = (): number => random.pick([1, 2, 7, 100, 1_000_000, mostUnits])
    const windowMs = random.pick([1, 999, 1_000, 1_001, 60_000, 86_400_000, mostWindowMs])
    const name = random.pick(['a', 'per-tenant', 'A.b_c-9', 'x'.repeat(64)])
    return [
      random.pick(limitAlgorithms),
      name,
      number(),
      windowMs,
      random.pick([0, 0, number()]),
      random.pick([1, 1, 3, number()]),
    ].join(' ')
  },
  check(input, random) {
    const [algorithm, name = '', ...numbers] = input.split(' ')
    const [limit = 0, windowMs = 0, burst = 0, cost = 0] = numbers.map(Number)
    const known = limitAlgorithms.find((one) => one === algorithm)
    // What no config could say.
    if (known === undefined || !/^[A-Za-z0-9_.-]{1,64}$/.test(name) || windowMs > mostWindowMs) return
    if (![limit, windowMs, cost].every((one) => one >= 1) || Math.max(limit, burst, cost) > mostUnits) return
    const clock = createTestClock()
    const counters = createLocalCounters(createCounterBuffer({ slots: 16 }), clock)
    const check = { key: 'k', algorithm: known, limit, windowMs, burst, cost, shape: false }
    for (let i = 0; i < 4; i++) {
      const [state] = counters.take([check])
      assert.ok(state !== undefined)
      checkItem(toLimitItem(name, state), name, { r: [0, limit + burst], t: [0, Number.MAX_SAFE_INTEGER] })
      clock.advance(random.pick([0, 1, windowMs / 3, windowMs, windowMs * 2.5]))
    }
    checkItem(toPolicyItem({ name, limit, windowMs, burst, algorithm: known } as LimitConfig), name, {
      q: [limit, limit],
    })
  },
}

function checkItem(
  text: string,
  name: string,
  bounds: Readonly<Record<string, readonly [number, number]>>,
): void {
  const list = readListStrictly(text)
  assert.ok(list?.length === 1, `not a list of one: ${text}`)
  const [item] = list
  assert.equal(item?.value, name)
  for (const [parameter, [least, most]] of Object.entries(bounds)) {
    const value = item?.parameters.get(parameter)
    assert.ok(typeof value === 'number' && value >= least && value <= most, `${parameter} of ${text}`)
  }
}

const scraps = [
  'a',
  '"',
  '\\',
  '\n',
  '\r',
  '\0',
  '\x1b[31m',
  '\x7f',
  '\x85',
  '\xff',
  '\u2028',
  '\ud800',
  '\udc00',
  '},{',
  '"level":60',
  '%0a',
  '\t',
  '/',
  '?a=b&token=x',
]

function createScraps(random: Random): string {
  return Array.from({ length: random.int(12) }, () => random.pick(scraps)).join('')
}

/** One line of printable ASCII, one JSON object, every field what it was. */
const logLines: Target = {
  name: 'access log lines',
  share: 50,
  create: createScraps,
  check(input) {
    const lines: string[] = []
    const log = createAccessLog(
      { sample: 1, redactQuery: [], headers: ['x-a'] },
      (line) => void lines.push(toSafeLine(line)),
    )
    const requestHeaders = { 'user-agent': input, 'x-a': input }
    log(
      createView({
        method: input,
        host: input,
        path: input,
        query: input,
        clientIp: input,
        failure: input,
        requestHeaders,
      }),
    )
    assert.equal(lines.length, 1)
    const [line = ''] = lines
    assert.match(line, /^[\x20-\x7e]*$/)
    const { method, host, path, query, failure, client_ip, user_agent, headers, level, msg } =
      JSON.parse(line)
    assert.deepEqual(
      [level, msg, method, host, path, client_ip, user_agent, headers['x-a']],
      [30, 'request', ...Array(6).fill(input)],
    )
    for (const optional of [query, failure]) assert.equal(optional ?? '', input)
  },
}

export const partTargets: readonly Target[] = [authorizeAnswers, limitFields, logLines]
