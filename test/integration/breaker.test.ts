// An upstream that fails as a whole is not asked until single probes find it well; one of its targets that fails alone
// is passed over for a while. Through a running gateway with one worker, over real sockets.
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createAdmin } from '../support/admin.ts'
import { type Answer, ask } from '../support/ask.ts'
import { waitUntil } from '../support/gateway.ts'
import { countStatuses } from '../support/load.ts'
import { type Served, serve } from '../support/serve.ts'
import type { TestUpstream } from '../support/upstream.ts'

/** A server whose mood a test sets. What a slow one was asked waits in `held`. */
class Moody {
  mood: 'well' | 'failing' | 'slow' = 'well'
  readonly held: ServerResponse[] = []
  asked = 0

  readonly handler = (_: IncomingMessage, res: ServerResponse): void => {
    this.asked += 1
    if (this.mood === 'slow') this.held.push(res)
    else res.writeHead(this.mood === 'well' ? 200 : 503).end('of the upstream')
  }
}

const breakers = { few: new Moody(), half: new Moody(), probed: new Moody() }
const pairs = { passed: [new Moody(), new Moody()], back: [new Moody(), new Moody()] } as const

let served: Served & { readonly servers: TestUpstream[] }
const cleanUp: (() => Promise<unknown>)[] = []
before(async () => {
  const all = [...Object.values(breakers), ...Object.values(pairs).flat()]
  served = await serve(
    { after: (callback) => void cleanUp.push(callback) },
    {
      handlers: all.map(({ handler }) => handler),
      upstreams: (urls) => {
        const [few, half, probed, ...others] = urls.map((url) => ({ url }))
        const breaker = { errorPercent: 50 }
        const ejecting = (ejectMs: number) => ({ health: { passive: { failures: 3, ejectMs } } })
        return {
          few: { targets: [few], breaker },
          half: { targets: [half], breaker },
          probed: { targets: [probed], breaker },
          passed: { targets: others.slice(0, 2), ...ejecting(600_000) },
          back: { targets: others.slice(2), ...ejecting(1_000) },
        }
      },
    },
  )
})
after(() => Promise.all(cleanUp.map((callback) => callback())))

const askOnce = (upstream: string) =>
  ask(served.gateway.port, `/${upstream}/x`, { host: 'noisy.example.com' })
const askAtOnce = (upstream: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => askOnce(upstream)))
const isOpen = (upstream: string) =>
  served.metric(`aegis_upstream_breaker_open{worker="0",upstream="${upstream}"}`)
const heldBack = (upstream: string) =>
  served.metric(`aegis_upstream_refusals_total{upstream="${upstream}",reason="breaker"}`)

function assertHeldBack(answers: readonly Answer[]): void {
  for (const { status, headers, json } of answers) {
    assert.equal(status, 503)
    assert.equal(headers['retry-after'], '5')
    assert.equal(headers['content-type'], 'application/problem+json')
    const problem = json<{ status: number; code: string }>()
    assert.deepEqual([problem.status, problem.code], [503, 'AEGIS_BREAKER_OPEN'])
  }
}

describe('the breaker of an upstream', () => {
  test('stays closed while fewer than half of the answers are failures', async () => {
    breakers.few.mood = 'failing'
    assert.deepEqual(countStatuses(await askAtOnce('few', 9)), { 503: 9 })
    breakers.few.mood = 'well'
    assert.deepEqual(countStatuses(await askAtOnce('few', 21)), { 200: 21 })
    assert.equal(breakers.few.asked, 30)
    assert.equal(await isOpen('few'), 0)
    assert.equal(await heldBack('few'), 0)
  })

  test('opens when half of them are, and the upstream is not asked', async () => {
    assert.deepEqual(countStatuses(await askAtOnce('half', 10)), { 200: 10 })
    breakers.half.mood = 'failing'
    for (const { text } of await askAtOnce('half', 10)) assert.equal(text, 'of the upstream')
    assert.equal(breakers.half.asked, 20)
    assertHeldBack(await askAtOnce('half', 30))
    assert.equal(breakers.half.asked, 20)
    assert.equal(await isOpen('half'), 1)
    assert.equal(await heldBack('half'), 30)
  })

  /** The first one that gets through, which is held; it ends with `status`, after `meanwhile`. */
  async function probe(status: number, meanwhile: () => Promise<void>): Promise<void> {
    const { held } = breakers.probed
    breakers.probed.mood = 'slow'
    const through = await waitUntil(async () => {
      let over = false
      const answer = askOnce('probed').finally(() => {
        over = true
      })
      await waitUntil(() => over || held.length > 0)
      return held.length > 0 && { answer }
    }, 20_000)
    await meanwhile()
    held.shift()?.writeHead(status).end('of the upstream')
    const { status: got, text } = await through.answer
    assert.deepEqual([got, text], [status, 'of the upstream'])
  }

  test('lets single probes through: a bad one opens it again, three good ones close it', async () => {
    const upstream = breakers.probed
    upstream.mood = 'failing'
    await askAtOnce('probed', 20)
    assertHeldBack(await askAtOnce('probed', 1))
    assert.equal(upstream.asked, 20)

    await probe(503, async () => {})
    assert.equal(upstream.asked, 21)
    assertHeldBack(await askAtOnce('probed', 5))
    assert.equal(upstream.asked, 21, 'a bad probe holds back all again')

    for (const asked of [22, 23, 24]) {
      await probe(200, async () => {
        assertHeldBack(await askAtOnce('probed', 5))
        assert.equal(upstream.asked, asked, 'one at a time')
      })
      assert.equal(await isOpen('probed'), asked === 24 ? 0 : 1)
    }
    upstream.mood = 'well'
    const refused = await heldBack('probed')
    assert.deepEqual(countStatuses(await askAtOnce('probed', 20)), { 200: 20 })
    assert.equal(upstream.asked, 44)
    assert.equal(await heldBack('probed'), refused)
  })
})

describe('of two targets', () => {
  /** One after the other, so that they take turns. */
  async function askInTurn(upstream: string, times: number): Promise<Answer[]> {
    const answers: Answer[] = []
    for (let i = 0; i < times; i++) answers.push(await askOnce(upstream))
    return answers
  }
  const isShownAs = (value: number, upstream: string, url: string) => {
    const name = `aegis_upstream_health{upstream="${upstream}",target="${url}"}`
    return waitUntil(async () => (await served.metric(name)) === value)
  }
  /** As the log tells. */
  const isEjected = (times: number, url: string) =>
    waitUntil(() => {
      const lines = served.gateway.logs().filter(({ msg }) => msg === 'target was ejected')
      return lines.filter(({ target }) => target === url).length === times
    })

  test('the one that fails three times in a row gets nothing more, and all else is served', async () => {
    const [well, sick] = pairs.passed
    sick.mood = 'failing'
    assert.deepEqual(countStatuses(await askInTurn('passed', 60)), { 200: 57, 503: 3 })
    assert.deepEqual([well.asked, sick.asked], [57, 3])
    const url = served.servers[4]?.url as string
    await isShownAs(0, 'passed', url)
    const { endpoints } = (await createAdmin(served.gateway)('GET', '/admin/upstreams/passed')).body
    const shown = (endpoints as { target: string; healthy: boolean; ejectedForMs: number }[]).map(
      ({ target, healthy, ejectedForMs }) => [target, healthy, ejectedForMs > 0],
    )
    assert.deepEqual(shown, [
      [served.servers[3]?.url, true, false],
      [url, true, true],
    ])
  })

  test('the ejected one returns: ejected again while it fails, and it stays when it is well', async () => {
    const [well, sick] = pairs.back
    const url = served.servers[6]?.url as string
    const isAskedAgain = async () => {
      const before = sick.asked
      await waitUntil(async () => {
        await askOnce('back')
        return sick.asked > before
      })
    }
    sick.mood = 'failing'
    for (let i = 0; i < 3; i++) await isAskedAgain()
    await isEjected(1, url)
    await isAskedAgain()
    await isEjected(2, url)
    sick.mood = 'well'
    await isAskedAgain()
    await isShownAs(1, 'back', url)
    const before = [well.asked, sick.asked] as const
    assert.deepEqual(countStatuses(await askInTurn('back', 40)), { 200: 40 })
    assert.deepEqual([well.asked - before[0], sick.asked - before[1]], [20, 20])
  })
})
