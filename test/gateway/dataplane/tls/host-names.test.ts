import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HostIndex, HostNames } from '../../../../gateway/dataplane/tls/host-names.ts'

describe('hosts of a certificate', () => {
  const names = new HostNames(['a.test', '*.b.test'])
  const cases: [string, boolean][] = [
    ['a.test', true],
    ['x.a.test', false],
    ['x.b.test', true],
    ['x.y.b.test', false],
    ['b.test', false],
    ['.b.test', false],
    ['*.b.test', true],
    ['xb.test', false],
    ['', false],
  ]
  for (const [host, covered] of cases) {
    // A Host with a star is refused before; one that spells the wildcard is below it in any case.
    test(`${JSON.stringify(host)} is ${covered ? 'one' : 'none'} of them`, () =>
      assert.equal(names.covers(host), covered))
  }

  test('* is all of them', () => assert.equal(new HostNames(['*']).covers('any.where'), true))
})

describe('the certificate for a host', () => {
  const lists = [['*.b.test'], ['x.b.test'], ['*']]
  const cases: [string, number][] = [
    ['x.b.test', 1],
    ['y.b.test', 0],
    ['x.y.b.test', 2],
    ['', 2],
  ]
  for (const [host, index] of cases) {
    test(`${JSON.stringify(host)}: number ${index}`, () =>
      assert.equal(new HostIndex(lists).find(host), index))
  }

  test('without one for all it is the first', () =>
    assert.equal(new HostIndex(lists.slice(0, 2)).find('c.test'), 0))
})
