import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Plugin, Verdict } from '../../../gateway/contract/plugin.ts'
import { deny } from '../../../gateway/contract/reply.ts'
import type { PluginScope } from '../../../gateway/contract/snapshot.ts'
import {
  compileChain,
  type Instance,
  runBodyHooks,
  runLogHooks,
  runRecheckHooks,
  runRequestHooks,
  runResponseBodyHooks,
  runResponseHooks,
} from '../../../gateway/dataplane/chain.ts'
import { createRoute, createTenant } from '../../support/view.ts'
import { createEntry, createExchange, createFakeRuntime, createInstance, entered } from './snapshot.ts'

const route = createRoute({ id: 'r' })
const refusal = deny(403, 'AEGIS_NO', 'No.')

/** One instance per plugin, in order, all global. */
function chainOf(
  plugins: Record<string, Plugin>,
  onFailure: 'deny' | 'allow' = 'deny',
  hookTimeoutMs = 5_000,
) {
  const instances = Object.entries(plugins).map(([id, plugin]) =>
    createInstance(createEntry(id, {}, id), plugin, { onFailure, hookTimeoutMs }),
  )
  return compileChain(instances, route)
}

/** A thenable that is no Promise, as of another realm or library. */
function foreign<T>(value: T, error?: Error): Promise<T> {
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: it is what this test is about
    then(resolve: (value: T) => void, reject: (error: Error) => void) {
      if (error === undefined) setImmediate(() => resolve(value))
      else setImmediate(() => reject(error))
    },
  }
  return thenable as unknown as Promise<T>
}

describe('which instance of a plugin serves', () => {
  const scopes: Record<string, Partial<PluginScope>> = {
    'tenant+route': { tenants: ['acme'], routes: ['r'] },
    tenant: { tenants: ['acme'] },
    'plan+route': { plans: ['pro'], routes: ['r'] },
    plan: { plans: ['pro'] },
    route: { routes: ['r'] },
    global: {},
  }
  const acme = createTenant('acme', { plan: 'pro' })
  const names = Object.keys(scopes)
  for (let left = 0; left < names.length; left++) {
    const there = names.slice(left)
    for (const turned of [false, true]) {
      test(`${there[0]} among ${there.join(', ')}${turned ? ' listed the other way round' : ''}`, () => {
        const instances = there.map((name) => createInstance(createEntry(name, scopes[name]), {}))
        const chain = compileChain(turned ? instances.reverse() : instances, route)
        const ex = createExchange()
        ex.tenant = acme
        assert.equal(runRequestHooks(ex, chain), undefined)
        assert.deepEqual(entered(ex), [there[0]])
      })
    }
  }

  const others: [string, string | null, string, string[]][] = [
    ['another tenant of the plan', 'globex', 'pro', ['plan+route']],
    ['a tenant of another plan', 'globex', 'free', ['route']],
    ['no tenant', null, '', ['route']],
  ]
  for (const [title, id, plan, expected] of others) {
    test(`${title} gets ${expected[0]}`, () => {
      const chain = compileChain(
        names.map((name) => createInstance(createEntry(name, scopes[name]), {})),
        route,
      )
      const ex = createExchange()
      if (id !== null) ex.tenant = createTenant(id, { plan })
      runRequestHooks(ex, chain)
      assert.deepEqual(entered(ex), expected)
    })
  }

  test('the host names the tenant until a plugin has said who it is', () => {
    const setTenant: Plugin = {
      onRequest: (ex) => {
        ex.tenant = createTenant('globex')
      },
    }
    const instances = [
      createInstance(createEntry('for-acme', { tenants: ['acme'] }, 'a'), {}),
      createInstance(createEntry('sets', {}, 'sets'), setTenant),
      createInstance(createEntry('for-globex', { tenants: ['globex'] }, 'b'), {}),
      createInstance(createEntry('not-acme', { tenants: ['acme'] }, 'c'), {}),
    ]
    const ex = createExchange()
    ex.hostTenant = acme
    runRequestHooks(ex, compileChain(instances, route))
    assert.deepEqual(entered(ex), ['for-acme', 'sets', 'for-globex'])
  })

  test('a scope on another route does not reach this one', () => {
    const chain = compileChain([createInstance(createEntry('x', { routes: ['other'] }), {})], route)
    assert.deepEqual(chain.steps, [])
  })

  test('unrouted requests are seen by globally scoped instances only', () => {
    const instances = names.map((name) => createInstance(createEntry(name, scopes[name], name), {}))
    assert.deepEqual(
      compileChain(instances, null).steps.map((step) => step.fallback?.entry.id),
      ['global'],
    )
  })
})

describe('request hooks', () => {
  test('make no promise while no plugin does', () => {
    const chain = chainOf({ a: { onRequest: () => undefined }, b: { onRequest: () => refusal }, c: {} })
    const ex = createExchange()
    assert.equal(runRequestHooks(ex, chain), refusal)
    assert.deepEqual(entered(ex), ['a', 'b'])
  })

  test('go on after null, which plain JavaScript may say', () => {
    const chain = chainOf({
      a: { onRequest: () => null as unknown as Verdict },
      b: { onRequest: () => refusal },
    })
    assert.equal(runRequestHooks(createExchange(), chain), refusal)
  })

  const late: [string, () => Promise<Verdict>, Verdict][] = [
    ['a promise that lets pass', async () => undefined, undefined],
    ['a promise that refuses', async () => refusal, refusal],
    ['a foreign thenable that lets pass', () => foreign(undefined), undefined],
    ['a foreign thenable that refuses', () => foreign(refusal), refusal],
  ]
  for (const [title, onRequest, expected] of late) {
    test(`wait for ${title}`, async () => {
      const order: string[] = []
      const chain = chainOf({
        a: { onRequest },
        b: { onRequest: () => void order.push('b') },
      })
      const verdict = runRequestHooks(createExchange(), chain)
      assert.ok(verdict instanceof Promise)
      assert.deepEqual(order, [])
      assert.equal(await verdict, expected)
      assert.deepEqual(order, expected === undefined ? ['b'] : [])
    })
  }

  const failures: [string, () => Verdict | Promise<Verdict>][] = [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['rejects as a foreign thenable', () => foreign<Verdict>(undefined, new Error('broken'))],
    ['never answers', () => new Promise<Verdict>(() => {})],
  ]
  for (const [title, onRequest] of failures) {
    for (const onFailure of ['deny', 'allow'] as const) {
      test(`${onFailure === 'deny' ? 'refuse with 500' : 'go on'} when one that says ${onFailure} ${title}`, async () => {
        const logged: string[] = []
        const order: string[] = []
        const chain = chainOf(
          { a: { onRequest }, b: { onRequest: () => void order.push('b') } },
          onFailure,
          200,
        )
        const ex = createExchange({}, createFakeRuntime(logged))
        const verdict = await runRequestHooks(ex, chain)
        assert.equal(verdict?.status, onFailure === 'deny' ? 500 : undefined)
        assert.equal(verdict?.code, onFailure === 'deny' ? 'AEGIS_PLUGIN_FAILED' : undefined)
        assert.deepEqual(order, onFailure === 'deny' ? [] : ['b'])
        assert.deepEqual(logged, ['a plugin failed'])
        assert.match(ex.failure, /^plugin a: /)
      })
    }
  }

  test('stop when the client has gone meanwhile', async () => {
    const order: string[] = []
    const chain = chainOf({
      a: { onRequest: async () => undefined },
      b: { onRequest: () => void order.push('b') },
    })
    const ex = createExchange()
    const verdict = runRequestHooks(ex, chain)
    ex.ended = true
    assert.equal(await verdict, undefined)
    assert.deepEqual(order, [])
  })
})

describe('response body hooks', () => {
  test('run in reverse over what was entered, and any of them may take the answer back', async () => {
    const order: string[] = []
    const chain = chainOf({
      a: { onResponseBody: () => void order.push('a') },
      b: { onResponseBody: () => foreign(refusal) },
      c: {},
      d: { onResponseBody: async () => void order.push('d') },
    })
    const ex = createExchange()
    runRequestHooks(ex, chain)
    assert.equal(await runResponseBodyHooks(ex), refusal)
    assert.deepEqual(order, ['d'])
  })

  for (const onFailure of ['deny', 'allow'] as const) {
    test(`heed onFailure ${onFailure}`, async () => {
      const chain = chainOf(
        { a: { onResponseBody: () => Promise.reject(new Error('broken')) } },
        onFailure,
        200,
      )
      const ex = createExchange()
      runRequestHooks(ex, chain)
      assert.equal((await runResponseBodyHooks(ex))?.status, onFailure === 'deny' ? 500 : undefined)
    })
  }
})

describe('body hooks', () => {
  test('run in order over what was entered, and any of them may refuse', async () => {
    const order: string[] = []
    const chain = chainOf({
      a: { onRequestBody: () => void order.push('a') },
      b: {},
      c: { onRequestBody: () => foreign(refusal) },
      d: { onRequestBody: () => void order.push('d') },
    })
    const ex = createExchange()
    runRequestHooks(ex, chain)
    assert.equal(await runBodyHooks(ex), refusal)
    assert.deepEqual(order, ['a'])
  })

  for (const onFailure of ['deny', 'allow'] as const) {
    test(`heed onFailure ${onFailure}`, async () => {
      const broken = () => {
        throw new Error('broken')
      }
      const chain = chainOf({ a: { onRequestBody: broken } }, onFailure, 200)
      const ex = createExchange()
      runRequestHooks(ex, chain)
      assert.equal((await runBodyHooks(ex))?.status, onFailure === 'deny' ? 500 : undefined)
    })
  }

  test('ask for as many bytes as the greediest plugin', () => {
    const instances = [10, 30, 20].map((inspectUpTo, i) =>
      createInstance(createEntry(`${i}`, {}, `${i}`), {}, { body: { inspectUpTo } }),
    )
    assert.equal(compileChain(instances, route).inspectUpTo, 30)
  })
})

describe('hooks that are asked again about what lasts', () => {
  test('run in order, and any of them may refuse', async () => {
    const order: string[] = []
    const chain = chainOf({
      a: { onRecheck: () => void order.push('a') },
      b: {},
      c: { onRecheck: () => foreign(refusal) },
      d: { onRecheck: () => void order.push('d') },
    })
    assert.equal(await runRecheckHooks(createExchange(), chain), refusal)
    assert.deepEqual(order, ['a'])
  })

  const failures: readonly [string, () => Verdict | Promise<Verdict>][] = [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['breaks its promise', () => Promise.reject(new Error('broken'))],
  ]
  for (const [title, onRecheck] of failures)
    for (const onFailure of ['deny', 'allow'] as const) {
      test(`heed onFailure ${onFailure} when one ${title}`, async () => {
        const verdict = await runRecheckHooks(createExchange(), chainOf({ a: { onRecheck } }, onFailure))
        assert.equal(verdict?.status, onFailure === 'deny' ? 500 : undefined)
      })
    }
})

describe('response hooks', () => {
  test('run in reverse over what was entered, without a promise while no plugin makes one', () => {
    const order: string[] = []
    const note = (name: string): Plugin => ({ onResponse: () => void order.push(name) })
    const chain = chainOf({ a: note('a'), b: { ...note('b'), onRequest: () => refusal }, c: note('c') })
    const ex = createExchange()
    runRequestHooks(ex, chain)
    assert.equal(runResponseHooks(ex), undefined)
    assert.deepEqual(order, ['b', 'a'])
  })

  test('keep that order across promises, thenables, throws and time-outs', async () => {
    const order: string[] = []
    const chain = chainOf(
      {
        a: { onResponse: () => void order.push('a') },
        b: { onResponse: () => Promise.reject(new Error('broken')) },
        c: { onResponse: () => foreign(void order.push('c')) },
        d: {
          onResponse: () => {
            throw new Error('broken')
          },
        },
        e: { onResponse: () => new Promise(() => {}) },
        f: { onResponse: async () => void order.push('f') },
      },
      'deny',
      200,
    )
    const ex = createExchange()
    runRequestHooks(ex, chain)
    await runResponseHooks(ex)
    assert.deepEqual(order, ['f', 'c', 'a'])
  })
})

describe('log hooks', () => {
  test('run once for every plugin of the chain, entered or not, whatever one of them does', async () => {
    const logged: string[] = []
    const order: string[] = []
    const chain = chainOf({
      a: { onRequest: () => refusal, onLog: () => void order.push('a') },
      b: {
        onLog: () => {
          throw new Error('broken')
        },
      },
      c: { onLog: (() => Promise.reject(new Error('late'))) as unknown as Plugin['onLog'] & (() => void) },
      d: { onLog: () => void order.push('d') },
      e: {},
    })
    const ex = createExchange({}, createFakeRuntime(logged))
    runRequestHooks(ex, chain)
    runLogHooks(ex, chain)
    assert.deepEqual(order, ['a', 'd'])
    await new Promise(setImmediate)
    assert.deepEqual(logged, ['a plugin failed', 'a plugin failed'])
  })

  test('tell the instance that saw the request, though the tenant became known later', () => {
    const order: string[] = []
    const note = (id: string, scope: Partial<PluginScope>): Instance =>
      createInstance(createEntry(id, scope, 'noted'), { onLog: () => void order.push(id) })
    const instances = [
      note('global', {}),
      note('for-acme', { tenants: ['acme'] }),
      createInstance(createEntry('sets', {}, 'sets'), {
        onRequest: (ex) => {
          ex.tenant = createTenant('acme')
        },
      }),
    ]
    const chain = compileChain(instances, route)
    const ex = createExchange()
    runRequestHooks(ex, chain)
    runLogHooks(ex, chain)
    assert.deepEqual(order, ['global'])
  })
})
