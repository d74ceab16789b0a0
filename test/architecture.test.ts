// Enforces the architecture's import rules and house style over the whole tree. The rules are in architecture/rules.ts.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Rule, rules } from './architecture/rules.ts'
import { parseSource, readSources } from './architecture/source.ts'
import { tokenize } from './architecture/tokens.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function findingsOf(rule: Rule, tree: Readonly<Record<string, string>>): string[] {
  return rule.check(Object.entries(tree).map(([path, text]) => parseSource(path, text))).map(toLine)
}

function toLine({ path, line, message }: { path: string; line: number; message: string }): string {
  return `${path}:${line} ${message}`
}

describe('Aegis', () => {
  const sources = readSources(root)

  it('has sources to look at', () => {
    assert.ok(sources.some(({ path }) => path === 'gateway/contract/plugin.ts'))
    assert.ok(sources.some(({ path }) => path === 'test/architecture.test.ts'))
  })

  for (const rule of rules) {
    it(rule.name, () => {
      assert.deepEqual(rule.check(sources).map(toLine), [])
    })
  }

  it('depends on no package that nothing imports', () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
    const product = sources.filter(({ path }) => !/^(test|bench)\//.test(path))
    const used = new Set(product.flatMap(({ imports }) => imports.map(({ library }) => library)))
    const runtime = 'node' // The pinned Node.js itself: docs/decisions/runtime.md.
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => name !== runtime && !used.has(name)),
      [],
    )
  })
})

describe('each rule', () => {
  for (const rule of rules) {
    it(`catches what breaks it: Aegis ${rule.name}`, () => {
      assert.notEqual(rule.caught.length, 0)
      for (const tree of rule.caught) assert.notDeepEqual(findingsOf(rule, tree), [], JSON.stringify(tree))
      for (const tree of rule.allowed ?? [])
        assert.deepEqual(findingsOf(rule, tree), [], JSON.stringify(tree))
    })
  }
})

describe('the tokenizer', () => {
  const cases: readonly [string, readonly string[]][] = [
    ["a /* import 'x' */ b // import 'y'\nc", ['a', 'b', 'c']],
    ['const s = "it\\"s" + \'x\'', ['const', 's', '=', 'it\\"s', '+', 'x']],
    ['`a${ `b${c}` }d` e', ['`a${', '`b${', 'c', '}`', '}d`', 'e']],
    ['f(/[/"]\\//g) / 2', ['f', '(', '/[/"]\\//g', ')', '/', '2']],
    ['#!/usr/bin/env node\na', ['a']],
    ['a?.b ??= c => d', ['a', '?.', 'b', '??=', 'c', '=>', 'd']],
  ]
  for (const [text, expected] of cases) {
    it(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(
        tokenize(text).map((token) => token.text),
        expected,
      )
    })
  }

  it('tells the depth and the place of a token', () => {
    const { depth, line, column } = tokenize('a(\n  [{ b }]\n)').find(({ text }) => text === 'b') ?? {}
    assert.deepEqual({ depth, line, column }, { depth: 3, line: 2, column: 5 })
  })
})
