// The names that prepare.ts hands to apt.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { programs } from './programs.ts'

test('each package is named by itself, for apt takes one name an argument', () => {
  for (const { name, debian } of programs) {
    assert.notEqual(debian.length, 0, name)
    for (const one of debian) assert.match(one, /^[a-z0-9][a-z0-9+.-]+$/, name)
  }
})
