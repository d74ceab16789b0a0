// Runs ModSecurity 3's tests of transformations and operators against ours: npm run test:modsecurity [folder of its tests].
// Outside of the suite, because it fetches a source package from Debian's archive.
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOperator } from '../../../../plugins/waf/seclang/operators/create.ts'
import { transformations } from '../../../../plugins/waf/seclang/transformations/table.ts'
import { exclusionOf, type ModsecurityTest } from './exclusions.ts'
import { fetchModsecurity } from './fetch.ts'

interface Tally {
  tried: number
  passed: number
  readonly excluded: Map<string, number>
  readonly failed: string[]
}

/** Their test program writes bytes as \xHH and \uHHHH inside of JSON strings. */
function bytesOf(text: string | undefined): string {
  const latin1 = Buffer.from(text ?? '', 'utf8').toString('latin1')
  const byte = (_: string, hex: string) => String.fromCharCode(Number.parseInt(`0${hex}`, 16) & 255)
  return latin1.replace(/\\x([a-zA-Z0-9]{2})/g, byte).replace(/\\u([a-zA-Z0-9]{4})/g, byte)
}

function runTest(test: ModsecurityTest, folder: string): boolean {
  const input = bytesOf(test.input)
  if (test.type === 'tfn') {
    const transformation = transformations.get(test.name.toLowerCase().replace('_', ''))
    return transformation?.(input) === bytesOf(test.output)
  }
  const readFile = (name: string) => readFileSync(join(folder, name), 'latin1')
  const operator = createOperator(test.name, bytesOf(test.param), { readFile })
  return operator.evaluate(input, { capturing: false, capture: () => {} }) === (test.ret === 1)
}

function tallyOf(type: 'op' | 'tfn', pattern: string, folder: string): Tally {
  const tally: Tally = { tried: 0, passed: 0, excluded: new Map(), failed: [] }
  for (const file of globSync(join(folder, 'test-cases/secrules-language-tests', pattern)).sort()) {
    for (const read of JSON.parse(readFileSync(file, 'utf8')) as ModsecurityTest[]) {
      const test = { ...read, type }
      const reason = exclusionOf({ ...test, output: bytesOf(test.output) })
      tally.tried++
      if (reason !== null) tally.excluded.set(reason, (tally.excluded.get(reason) ?? 0) + 1)
      else if (runTest(test, folder)) tally.passed++
      else tally.failed.push(JSON.stringify(test))
    }
  }
  return tally
}

function report(title: string, tally: Tally): void {
  const excluded = [...tally.excluded.values()].reduce((sum, count) => sum + count, 0)
  console.log(
    `${title}: ${tally.tried} tried, ${tally.passed} passed, ${excluded} excluded, ${tally.failed.length} failed`,
  )
  for (const [reason, count] of tally.excluded) console.log(`  ${count} excluded: ${reason}`)
  for (const test of tally.failed) console.log(`  failed: ${test}`)
}

const own = mkdtempSync(join(tmpdir(), 'aegis-modsecurity-'))
try {
  const folder = process.argv[2] ?? fetchModsecurity(own)
  const tallies = [
    tallyOf('tfn', 'transformations/*.json', folder),
    tallyOf('op', 'operators/*.json', folder),
  ]
  tallies.forEach((tally, at) => {
    report(at === 0 ? 'transformations' : 'operators', tally)
  })
  if (tallies.some((tally) => tally.failed.length > 0 || tally.tried === 0)) process.exitCode = 1
} finally {
  rmSync(own, { recursive: true, force: true })
}
