import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RouteConfig } from '../../../gateway/contract/snapshot.ts'
import { createRouter, type Router } from '../../../gateway/dataplane/router.ts'
import { createRoute } from '../../support/view.ts'
import { createRandom } from './upstream/fixture.ts'

type Ask = { method?: string; host?: string; path: string; headers?: Record<string, string> }

function build(routes: Record<string, Partial<RouteConfig>>): Router<string> {
  return createRouter(
    Object.entries(routes).map(([id, over]) => createRoute({ id, ...over })),
    (route) => route.id,
  )
}

/** The route's id, `405 GET, HEAD`, or nothing. */
function ask(router: Router<string>, { method = 'GET', host = 'x.test', path, headers = {} }: Ask): string {
  const found = router.find({ method, host, path, header: (name) => headers[name] })
  if (found === undefined) return 'nothing'
  return 'allow' in found ? `405 ${found.allow.join(', ')}` : found.entry.compiled
}

describe('router', () => {
  const table: [string, Record<string, Partial<RouteConfig>>, [Ask, string][]][] = [
    [
      'exact host over wildcard over none',
      {
        any: { paths: ['/a/b/c'] },
        wild: { hosts: ['*.example.com'], paths: ['/a/*'] },
        exact: { hosts: ['api.example.com'], paths: ['/*'] },
      },
      [
        [{ host: 'api.example.com', path: '/a/b/c' }, 'exact'],
        [{ host: 'acme.example.com', path: '/a/b/c' }, 'wild'],
        [{ host: 'a.b.example.com', path: '/a/b/c' }, 'any'],
        [{ host: 'example.com', path: '/a/b/c' }, 'any'],
        [{ host: '', path: '/a/b/c' }, 'any'],
        [{ host: 'acme.example.com', path: '/other' }, 'nothing'],
      ],
    ],
    [
      'a host whose routes do not match falls back to the wider one',
      { any: { paths: ['/a'] }, exact: { hosts: ['x.test'], paths: ['/b'] } },
      [
        [{ path: '/a' }, 'any'],
        [{ path: '/b' }, 'exact'],
        [{ host: 'y.test', path: '/b' }, 'nothing'],
      ],
    ],
    [
      'literal over {name} over /*',
      { rest: { paths: ['/v/*'] }, name: { paths: ['/v/{id}'] }, literal: { paths: ['/v/me'] } },
      [
        [{ path: '/v/me' }, 'literal'],
        [{ path: '/v/you' }, 'name'],
        [{ path: '/v/you/there' }, 'rest'],
        [{ path: '/v' }, 'rest'],
        [{ path: '/v/' }, 'rest'],
        [{ path: '/vv' }, 'nothing'],
        [{ path: '/' }, 'nothing'],
      ],
    ],
    [
      'the earlier segment decides',
      { a: { paths: ['/{x}/b/c'] }, b: { paths: ['/a/{y}/{z}'] } },
      [
        [{ path: '/a/b/c' }, 'b'],
        [{ path: '/q/b/c' }, 'a'],
      ],
    ],
    [
      'a dead end is gone back from',
      { deep: { paths: ['/a/b/c/d'] }, name: { paths: ['/a/{x}/c/e'] }, rest: { paths: ['/a/*'] } },
      [
        [{ path: '/a/b/c/d' }, 'deep'],
        [{ path: '/a/b/c/e' }, 'name'],
        [{ path: '/a/b/c/f' }, 'rest'],
      ],
    ],
    [
      'methods given over not given, headers given over not given',
      {
        plain: { paths: ['/a'] },
        header: { paths: ['/a'], headers: { 'x-v': '2' } },
        method: { paths: ['/a'], methods: ['GET'] },
        both: { paths: ['/a'], methods: ['GET'], headers: { 'x-v': '2' } },
      },
      [
        [{ path: '/a' }, 'method'],
        [{ path: '/a', headers: { 'x-v': '2' } }, 'both'],
        [{ path: '/a', headers: { 'x-v': '3' } }, 'method'],
        [{ path: '/a', method: 'PUT', headers: { 'x-v': '2' } }, 'header'],
        [{ path: '/a', method: 'PUT' }, 'plain'],
      ],
    ],
    [
      'HEAD is served by GET',
      { get: { paths: ['/a'], methods: ['GET'] }, head: { paths: ['/b'], methods: ['HEAD'] } },
      [
        [{ path: '/a', method: 'HEAD' }, 'get'],
        [{ path: '/b', method: 'HEAD' }, 'head'],
        [{ path: '/b' }, '405 HEAD'],
      ],
    ],
    [
      'a wrong method gets the right ones',
      {
        get: { paths: ['/a'], methods: ['GET'] },
        post: { paths: ['/a'], methods: ['POST'] },
        header: { paths: ['/a'], methods: ['PUT'], headers: { 'x-v': '2' } },
      },
      [
        [{ path: '/a', method: 'DELETE' }, '405 GET, HEAD, POST'],
        [{ path: '/a', method: 'DELETE', headers: { 'x-v': '2' } }, '405 GET, HEAD, POST, PUT'],
      ],
    ],
    [
      'a wrong method on the narrow route is right on the wider one',
      { narrow: { paths: ['/a/b'], methods: ['POST'] }, wide: { paths: ['/a/*'], methods: ['GET'] } },
      [
        [{ path: '/a/b', method: 'GET' }, 'wide'],
        [{ path: '/a/b', method: 'PUT' }, '405 GET, HEAD, POST'],
      ],
    ],
    [
      'a literal matches however its characters are escaped',
      { all: { paths: ['/v/*'] }, batch: { paths: ['/v/items:batch'] }, pipe: { paths: ['/v/a%7Cb'] } },
      [
        [{ path: '/v/items:batch' }, 'batch'],
        [{ path: '/v/items%3Abatch' }, 'batch'],
        [{ path: '/v/a%7Cb' }, 'pipe'],
        [{ path: '/v/a%257Cb' }, 'all'],
        [{ path: '/v/%FF' }, 'all'],
      ],
    ],
    [
      'trailing slashes are their own paths, names never empty',
      {
        bare: { paths: ['/a'] },
        slash: { paths: ['/a/'] },
        name: { paths: ['/n/{id}'] },
        root: { paths: ['/'] },
      },
      [
        [{ path: '/a' }, 'bare'],
        [{ path: '/a/' }, 'slash'],
        [{ path: '/n/' }, 'nothing'],
        [{ path: '/' }, 'root'],
      ],
    ],
  ]
  for (const [title, routes, asks] of table) {
    test(title, () => {
      // Whatever order the operator wrote them in.
      for (const turned of [false, true]) {
        const entries = Object.entries(routes)
        const router = build(Object.fromEntries(turned ? entries.reverse() : entries))
        for (const [one, expected] of asks) assert.equal(ask(router, one), expected, JSON.stringify(one))
      }
    })
  }

  test('gives the values of the names and the rest, still encoded', () => {
    const router = build({ r: { paths: ['/a/{x}/b/{y}/*'] } })
    const found = router.find({ method: 'GET', host: '', path: '/a/1%2A/b/2/c/d', header: () => undefined })
    assert.ok(found !== undefined && 'entry' in found)
    assert.deepEqual(found.values, ['1%2A', '2'])
    assert.deepEqual(found.entry.names, ['x', 'y'])
    assert.equal(found.rest, '/c/d')
  })

  test('forgets the values of a dead end', () => {
    const router = build({ a: { paths: ['/{a}/{b}/x'] }, b: { paths: ['/{c}/*'] } })
    const found = router.find({ method: 'GET', host: '', path: '/1/2/y', header: () => undefined })
    assert.ok(found !== undefined && 'entry' in found)
    assert.deepEqual(found.values, ['1'])
    assert.equal(found.rest, '/2/y')
  })

  test('agrees with a naive reading on random requests over 10,000 routes', () => {
    const random = createRandom(3)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
    const routes = new Map<string, RouteConfig>()
    const segments = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    for (let i = 0; routes.size < 10_000; i++) {
      const parts = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, at) =>
        random() < 0.2 ? `{n${at}}` : pick(segments),
      )
      if (random() < 0.3) parts.push('*')
      const hosts = pick([[], [], ['x.test'], ['y.test'], ['*.test'], ['*.w.test']])
      const methods = pick([[], [], ['GET'], ['POST']])
      const shape = `${hosts} /${parts.join('/').replaceAll(/\{n\d\}/g, '{}')} ${methods}`
      routes.set(shape, createRoute({ id: `r${i}`, hosts, methods, paths: [`/${parts.join('/')}`] }))
    }
    const list = [...routes.values()]
    const router = createRouter(list, (route) => route.id)
    for (let i = 0; i < 150; i++) {
      const path = `/${Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick([...segments, 'zz'])).join('/')}`
      const one = {
        path,
        host: pick(['x.test', 'y.test', 'q.test', 'v.w.test', 'z.z.z']),
        method: pick(['GET', 'HEAD', 'POST', 'PUT']),
      }
      assert.equal(ask(router, one), askNaively(list, one), JSON.stringify(one))
    }
  })
})

/** Reads every route and keeps the best by the order of behaviour.md, section 3. */
function askNaively(
  routes: readonly RouteConfig[],
  one: { path: string; host: string; method: string },
): string {
  const allow = new Set<string>()
  let best: { rank: string; id: string } | null = null
  for (const route of routes) {
    const host = rankHost(route, one.host)
    const pathRank = rankPath(route.paths[0] as string, one.path)
    if (host === null || pathRank === null) continue
    const { methods } = route
    if (
      methods.length > 0 &&
      !methods.includes(one.method) &&
      !(one.method === 'HEAD' && methods.includes('GET'))
    ) {
      for (const method of methods) allow.add(method)
      continue
    }
    const rank = `${host}${pathRank}${methods.length > 0 ? 0 : 1}`
    if (best === null || rank < best.rank) best = { rank, id: route.id }
  }
  if (best !== null) return best.id
  if (allow.has('GET')) allow.add('HEAD')
  return allow.size > 0 ? `405 ${[...allow].sort().join(', ')}` : 'nothing'
}

function rankHost({ hosts: [host] }: RouteConfig, asked: string): string | null {
  if (host === undefined) return '2'
  if (host === asked) return '0'
  return host.startsWith('*.') && asked.slice(asked.indexOf('.')) === host.slice(1) ? '1' : null
}

/** One digit a segment, lower is more specific; '9' ends a rest, so that longer literals come first. */
function rankPath(pattern: string, path: string): string | null {
  const wanted = pattern.split('/').slice(1)
  const given = path.split('/').slice(1)
  let rank = ''
  for (const [at, segment] of wanted.entries()) {
    if (segment === '*') return `${rank}9`
    if (given[at] === undefined) return null
    if (segment.startsWith('{')) rank += '5'
    else if (segment === given[at]) rank += '3'
    else return null
  }
  return given.length === wanted.length ? `${rank}0` : null
}
