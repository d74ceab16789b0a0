// Paths that can be read in more ways than one, and the routes that they belong to.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RouteConfig, Slashes } from '../../../gateway/contract/snapshot.ts'
import { admit } from '../../../gateway/dataplane/admission.ts'
import type { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { createRouter, type Router } from '../../../gateway/dataplane/router.ts'
import { findRoute } from '../../../gateway/dataplane/routing.ts'
import type { CompiledRoute } from '../../../gateway/dataplane/runtime.ts'
import { createRoute } from '../../support/view.ts'
import { createExchange, createFakeRuntime, createSnapshot } from './snapshot.ts'

type Routes = Readonly<Record<string, Partial<RouteConfig>>>

interface Found {
  readonly ex: Exchange
  /** Id of the route, or status and sentence of the refusal. */
  readonly outcome: string
}

function find(routes: Routes, target: string, slashes: Slashes = 'merge'): Found {
  const configs = Object.entries(routes).map(([id, over]) => createRoute({ id, ...over }))
  const compiled = { chain: { inspectUpTo: 0 }, rewrite: (path: string) => path }
  const runtime = createFakeRuntime([], {
    snapshot: createSnapshot({ slashes }),
    router: createRouter(configs, () => compiled) as unknown as Router<CompiledRoute>,
    tenants: { byHost: () => null } as never,
  })
  const ex = createExchange({ url: target, host: 'a' }, runtime)
  const refusal = admit(ex) ?? findRoute(ex)
  return { ex, outcome: refusal === undefined ? ex.route.id : `${refusal.status} ${refusal.detail}` }
}

const twoWays = '400 The path can be read in two ways that do not belong to the same route.'

describe('a path that can be read in two ways', () => {
  const routes: Routes = {
    open: { paths: ['/svc/*'], encodedSlashes: 'keep' },
    admin: { paths: ['/svc/admin/*'] },
    posts: { paths: ['/svc/posts'], methods: ['POST'] },
    item: { paths: ['/items/{id}/parts'], encodedSlashes: 'keep' },
    parts: { paths: ['/items/{id}/{more}/parts'], encodedSlashes: 'keep' },
    plain: { paths: ['/plain/*'] },
  }
  const cases: [string, string, Slashes][] = [
    ['/svc/a;v=1/b', 'open', 'merge'],
    ['/svc/admin;v=1/b', twoWays, 'merge'],
    ['/svc/admin;v=1', twoWays, 'merge'],
    ['/svc/admin%3Bv/b', twoWays, 'merge'],
    ['/svc/;/admin/b', twoWays, 'merge'],
    ['/svc/admin/b;v=1', 'admin', 'merge'],
    ['/svc;v/admin/b', '404 No route matches this host and path.', 'merge'],
    ['/svc/admin%2Fb', twoWays, 'merge'],
    ['/svc/%2Fadmin/b', twoWays, 'merge'],
    ['/svc/a%2Fb', 'open', 'merge'],
    [
      '/svc/x%2F..%2Fadmin',
      '400 The path holds a dot segment beside an encoded slash, or encoded twice.',
      'merge',
    ],
    ['/svc/admin/a%2Fb', '400 An encoded slash in the path is not accepted.', 'merge'],
    ['/svc/%2561dmin/b', twoWays, 'merge'],
    ['/svc/%252561dmin/b', twoWays, 'merge'],
    ['/svc/admin%252Fb', twoWays, 'merge'],
    ['/svc/100%25', 'open', 'merge'],
    ['/svc/posts;v', 'open', 'merge'],
    ['/items/a%2Fb/parts', 'item', 'merge'],
    ['/items/a%2Fb%2Fc/parts', 'item', 'merge'],
    ['/items/;/parts', twoWays, 'merge'],
    ['/plain/a%2Fb', '400 An encoded slash in the path is not accepted.', 'merge'],
    ['/plain/https%253A%252F%252Fa', 'plain', 'merge'],
    ['/svc//admin/b', 'admin', 'merge'],
    ['/svc//admin/b', twoWays, 'keep'],
    ['//svc/admin/b', '404 No route matches this host and path.', 'keep'],
    ['/svc/admin//b', 'admin', 'keep'],
    ['/svc//a', 'open', 'keep'],
  ]
  for (const [target, expected, slashes] of cases) {
    test(`${target} is for ${expected}, slashes ${slashes}`, () =>
      assert.equal(find(routes, target, slashes).outcome, expected))
  }

  test('that is refused is the last on its connection', () => {
    assert.equal(find(routes, '/svc/admin;v=1').ex.lastOnConnection, true)
  })

  test('goes up as it was judged', () => {
    assert.equal(find(routes, '/svc/a%2fb;v').ex.upstreamPath, '/svc/a%2Fb;v')
    assert.equal(find(routes, '/svc//a', 'keep').ex.upstreamPath, '/svc//a')
  })
})
