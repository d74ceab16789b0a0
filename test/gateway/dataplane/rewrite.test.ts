import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RouteConfig } from '../../../gateway/contract/snapshot.ts'
import { createRewrite } from '../../../gateway/dataplane/rewrite.ts'
import { createRouter } from '../../../gateway/dataplane/router.ts'
import { createRoute } from '../../support/view.ts'

/** What the upstream gets for `path` on a route of that pattern. */
function rewritten(pattern: string, rewrite: RouteConfig['rewrite'], path: string): string {
  const router = createRouter([createRoute({ paths: [pattern], rewrite })], () => null)
  const match = router.find({ method: 'GET', host: '', path, header: () => undefined })
  assert.ok(match !== undefined && 'entry' in match, `${pattern} does not match ${path}`)
  return createRewrite(rewrite)(path, match)
}

const strip = (stripPrefix: string) => ({ stripPrefix, path: null })
const template = (path: string) => ({ stripPrefix: null, path })

describe('rewrite', () => {
  const cases: [string, RouteConfig['rewrite'], string, string][] = [
    ['/a/*', null, '/a/b', '/a/b'],
    ['/a/*', { stripPrefix: null, path: null }, '/a/b', '/a/b'],
    ['/api/v1/items/*', strip('/api/v1'), '/api/v1/items/7', '/items/7'],
    ['/api/v1/*', strip('/api/v1'), '/api/v1', '/'],
    ['/api/v1/*', strip('/api/v1'), '/api/v1/', '/'],
    ['/api/v1/*', strip('/api/v1'), '/api/v1/a/', '/a/'],
    ['/a:b/*', strip('/a:b'), '/a%3Ab/c', '/c'],
    ['/api/v1/*', strip('/api/v1'), '/api/v1/http:x', '/http:x'],
    [
      '/agents/{id}/stream/{conv}',
      template('/conversations/{conv}/stream'),
      '/agents/7/stream/c9',
      '/conversations/c9/stream',
    ],
    ['/agents/{id}/execute', template('/execute'), '/agents/7/execute', '/execute'],
    ['/x/{id}', template('/y/{id}/{id}'), '/x/a%2Ab', '/y/a%2Ab/a%2Ab'],
    ['/graph/*', template('/context/*'), '/graph/a/b', '/context/a/b'],
    ['/graph/*', template('/context/*'), '/graph', '/context'],
    ['/graph/*', template('/context/*'), '/graph/', '/context/'],
    ['/graph/*', template('/*'), '/graph', '/'],
    ['/t/{tenant}/*', template('/{tenant}/all/*'), '/t/acme/a/b', '/acme/all/a/b'],
  ]
  for (const [pattern, rewrite, path, expected] of cases) {
    test(`sends ${path} of ${pattern} up as ${expected}`, () =>
      assert.equal(rewritten(pattern, rewrite, path), expected))
  }
})
