// A sample of CRS 4's regression tests through the running gateway; crs4.test.ts runs all of them on the engine,
// `npm run test:crs` all of them through here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type FtwTest, readTests } from './ftw-case.ts'
import { type CrsGateway, startCrsGateway } from './through-gateway.ts'

const exceptions = JSON.parse(readFileSync(join(import.meta.dirname, 'exceptions.json'), 'utf8')) as {
  rule: number
  tests: number[]
}[]
const tests = readTests().filter(
  ({ rule, test }) => !exceptions.some((one) => one.rule === rule && one.tests.includes(test)),
)
const every = (nth: number): FtwTest[] => tests.filter((_, index) => index % nth === 0)

describe('CRS 4 through the running gateway', () => {
  let crs: CrsGateway
  before(async () => {
    crs = await startCrsGateway()
  })
  after(() => crs.close())

  async function failuresOf(
    sample: readonly FtwTest[],
    run: (test: FtwTest) => Promise<{ passed: boolean; why: string }>,
  ) {
    const failures: string[] = []
    for (const test of sample) {
      const { passed, why } = await run(test)
      if (!passed) failures.push(`${test.rule}-${test.test}: ${why}`)
    }
    return failures
  }

  it('says by POST /admin/waf/test what the tests expect', async () => {
    const sample = every(10)
    assert.ok(sample.length > 300)
    assert.deepEqual(await failuresOf(sample, crs.byAdmin), [])
  })

  it('sees on the wire what the tests expect', async () => {
    // Protocol violations (920, 921) are mostly refused before any rule sees them.
    const sample = every(40).filter(({ rule }) => rule >= 930_000)
    assert.ok(sample.length > 50)
    assert.deepEqual(await failuresOf(sample, crs.byFrontDoor), [])
  })
})
