// The plugin contract over every plugin of the registry. The rules are in contract/rules.ts.
import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { registry } from '../plugins/registry.ts'
import { soundPlugin } from './contract/broken.ts'
import { rules } from './contract/rules.ts'
import { toSubject } from './contract/subject.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

for (const definition of registry) {
  describe(`plugin ${definition.name}`, () => {
    it('has the name of its folder and is what its index.ts exports by default', async () => {
      const index = await import(`../plugins/${definition.name}/index.ts`)
      assert.equal(index.default, definition)
    })

    it('has tests and a page of documentation', () => {
      assert.notDeepEqual(globSync(`test/plugins/${definition.name}/*.test.ts`, { cwd: root }), [])
      assert.ok(existsSync(`${root}/docs/plugins/${definition.name}.md`))
    })

    for (const rule of rules) {
      it(rule.name, () => rule.check(toSubject(definition)))
    }
  })
}

describe('the registry', () => {
  it('lists every plugin folder once', () => {
    const folders = globSync('plugins/*/index.ts', { cwd: root }).map((path) => path.split(/[\\/]/)[1])
    assert.deepEqual(registry.map(({ name }) => name).sort(), folders.sort())
  })
})

describe('the plugin contract suite', () => {
  for (const rule of rules) {
    it(`passes a sound plugin and catches one that breaks: ${rule.name}`, async () => {
      await rule.check(toSubject(soundPlugin))
      assert.notEqual(rule.caught.length, 0)
      for (const [index, definition] of rule.caught.entries()) {
        const caught = async () => rule.check(toSubject(definition))
        await assert.rejects(caught, `number ${index} went through`)
      }
    })
  }
})
