// The list of rules stays true to the code: running it (`npm run test:mutants`) takes too long for the suite.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { test } from 'node:test'
import { applyMutant, readAreas } from './mutant.ts'

const root = new URL('../../', import.meta.url)

test('every rule that can be taken out stands in the code once, and its tests exist', async () => {
  const areas = await readAreas()
  assert.notEqual(areas.length, 0)
  for (const mutant of areas.flatMap(({ mutants }) => mutants)) {
    const text = applyMutant(mutant, readFileSync(new URL(mutant.file, root), 'utf8'))
    // What does not even load would fail every test.
    if (mutant.file.endsWith('.ts')) assert.doesNotThrow(() => stripTypeScriptTypes(text), mutant.rule)
    assert.notEqual(mutant.tests.length, 0, mutant.rule)
    for (const file of mutant.tests) assert.ok(existsSync(new URL(file, root)), `${mutant.rule}: ${file}`)
  }
})

test('a rule whose text stands nowhere, or twice, is told by its name', () => {
  const mutant = { rule: 'a is b', file: 'x.ts', find: 'a', replace: 'b', tests: [] }
  assert.throws(() => applyMutant(mutant, 'nothing'), /"a is b": its text stands 0 times in x\.ts/)
  assert.throws(() => applyMutant(mutant, 'a a'), /stands 2 times/)
  assert.throws(() => applyMutant({ ...mutant, replace: 'a' }, 'a'), /nothing is taken out/)
  assert.equal(applyMutant(mutant, '(a)'), '(b)')
})
