// The threat model says how each promise is tested: those tests exist, and each promise has some.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { targets } from '../fuzz/targets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/security.md`, 'utf8')

interface Promised {
  readonly number: number
  readonly text: string
}

/** The numbered items of the section, up to the next number or heading. */
function readPromises(): Promised[] {
  const section = page.slice(page.indexOf('## What we promise'), page.indexOf('## What we do not promise'))
  return section
    .split(/^(?=\d+\. |### )/m)
    .filter((item) => /^\d/.test(item))
    .map((text) => ({ number: Number.parseInt(text, 10), text }))
}

const promises = readPromises()

describe('the promises of docs/security.md', () => {
  it('are numbered one by one', () => {
    assert.ok(promises.length > 0)
    assert.deepEqual(
      promises.map(({ number }) => number),
      promises.map((_, at) => at + 1),
    )
  })

  for (const { number, text } of promises) {
    it(`are held by tests that exist: ${number}`, () => {
      const files = [...text.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] as string)
      assert.ok(files.length > 0, 'no test is named')
      for (const file of files) assert.ok(file.endsWith('.test.ts') && existsSync(`${root}/${file}`), file)
    })
  }

  it('are searched by as many targets as there are ways in', () => assert.ok(targets.length >= 15))
})

describe('SECURITY.md', () => {
  const text = readFileSync(`${root}/SECURITY.md`, 'utf8')

  it('says how to report, what is supported, and what counts', () => {
    for (const heading of ['Report', 'Supported versions', 'What counts', 'What does not'])
      assert.ok(text.includes(`\n## ${heading}\n`), heading)
  })

  it('links to the promises', () => assert.match(text, /\(docs\/security\.md#what-we-promise\)/))
})
