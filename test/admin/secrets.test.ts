import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact } from '../../admin/redact.ts'
import { restoreSecrets } from '../../admin/restore.ts'
import { placeOf } from '../../admin/secret-places.ts'
import type { JsonObject } from '../../gateway/contract/control-api.ts'
import { startAdmin } from './fixture.ts'

const placeholder = '$'.concat('{JWT_SECRET}')

test('secrets are shown to admins only, placeholders to everybody', async (t) => {
  const { ask } = await startAdmin(t)
  const reads = ['/admin/plugins/jwt', '/admin/plugins', '/admin/config', '/admin/config/versions/1']
  for (const path of reads) {
    for (const role of ['viewer', 'operator'] as const) {
      const { text } = await ask('GET', path, { role })
      for (const secret of ['first-key', 'second-key', 'named-secret', 'consul-secret', 'hunter2']) {
        assert.ok(!text.includes(secret), `${role} ${path} ${secret}`)
      }
      assert.ok(text.includes('***'))
      assert.ok(text.includes(placeholder))
    }
    assert.ok((await ask('GET', path)).text.includes('first-key'))
  }
  // The hash of a token is no secret.
  assert.ok((await ask('GET', '/admin/config', { role: 'viewer' })).text.includes('aaaaaaaa'))
})

test('answers to writes show no secret either, real or rehearsed', async (t) => {
  const { ask } = await startAdmin(t)
  for (const path of ['/admin/plugins/jwt/disable?dry_run=true', '/admin/plugins/jwt/enable']) {
    const { text, status } = await ask('POST', path, { role: 'operator' })
    assert.equal(status, 200)
    assert.ok(!/first-key|second-key|named-secret/.test(text))
  }
})

test('the tag is the same for every role, so that an operator can write what they read', async (t) => {
  const { ask } = await startAdmin(t)
  const tags = await Promise.all(
    (['viewer', 'operator', 'admin'] as const).map(async (role) =>
      (await ask('GET', '/admin/plugins/jwt', { role })).headers.get('etag'),
    ),
  )
  assert.equal(new Set(tags).size, 1)
})

test('what an operator read, edited and sent back keeps every secret at its own issuer', async (t) => {
  const { ask, control } = await startAdmin(t)
  const stored = () => (control.files().plugins.plugins as JsonObject[])[1]?.config as JsonObject
  const { body, headers } = await ask('GET', '/admin/plugins/jwt', { role: 'operator' })
  const [one, two, three] = body.config.issuers
  assert.deepEqual([one.hmac, two.hmac, three.hmac], ['***', '***', placeholder])

  // The first issuer goes, the others change places, a new one comes with a secret of its own.
  const issuers = [three, { issuer: 'four', hmac: 'fourth-key' }, { ...two, audience: 'new' }]
  const written = await ask('PUT', '/admin/plugins/jwt', {
    role: 'operator',
    body: { ...body, config: { ...body.config, issuers } },
    headers: { 'if-match': headers.get('etag') ?? '' },
  })
  assert.equal(written.status, 200, written.text)
  assert.deepEqual(stored(), {
    issuers: [
      { issuer: 'three', hmac: placeholder },
      { issuer: 'four', hmac: 'fourth-key' },
      { issuer: 'two', hmac: 'second-key', audience: 'new' },
    ],
    clientSecret: 'named-secret',
  })
  assert.ok(!written.text.includes('fourth-key'))

  await ask('PATCH', '/admin/plugins/jwt', {
    role: 'operator',
    body: { config: { clientSecret: '***', x: 1 } },
  })
  assert.equal(stored().clientSecret, 'named-secret')
  await ask('PATCH', '/admin/plugins/jwt', {
    role: 'operator',
    body: { config: { clientSecret: 'changed' } },
  })
  assert.equal(stored().clientSecret, 'changed')
})

test('three asterisks where no secret is stored are refused with their place', async (t) => {
  const { ask, control } = await startAdmin(t)
  const issuers = [{ issuer: 'nobody knows', hmac: '***' }]
  const refused = await ask('POST', '/admin/plugins', {
    body: { id: 'jwt2', plugin: 'jwt', config: { issuers, clientSecret: '***' } },
  })
  assert.equal(refused.status, 422)
  assert.deepEqual(
    refused.body.errors.map((one: { pointer: string }) => one.pointer),
    ['/config/issuers/0/hmac', '/config/clientSecret'],
  )
  const patched = await ask('PATCH', '/admin/plugins/jwt', { body: { config: { issuers } } })
  assert.equal(patched.status, 422)
  assert.equal(control.writes, 0)
})

test('a whole config sent back keeps the secrets of all three files', async (t) => {
  const { ask, control } = await startAdmin(t)
  const before = control.files()
  const { body } = await ask('GET', '/admin/config', { role: 'viewer' })
  assert.equal(body.gateway.redis.url, '***')
  const reordered = { ...body, plugins: { plugins: body.plugins.plugins.toReversed() } }
  const written = await ask('PUT', '/admin/config', { body: reordered })
  assert.equal(written.status, 200, written.text)
  assert.equal(written.body.restartNeeded, false)
  assert.deepEqual(control.files(), {
    ...before,
    plugins: { plugins: (before.plugins.plugins as JsonObject[]).toReversed() },
  })
})

test('a plugin id that now runs another plugin does not give its secret away', async (t) => {
  const { ask } = await startAdmin(t)
  const { body } = await ask('GET', '/admin/plugins/jwt', { role: 'operator' })
  // In this plugin's schema `issuers` is unknown, so that nothing in it would be hidden afterwards.
  const written = await ask('PUT', '/admin/plugins/jwt', {
    role: 'operator',
    body: { ...body, plugin: 'request-id', config: { issuers: body.config.issuers } },
  })
  assert.ok(!/first-key|second-key/.test(written.text))
  const { text } = await ask('GET', '/admin/plugins/jwt', { role: 'operator' })
  assert.ok(!/first-key|second-key/.test(text))
})

const schema = {
  type: 'object',
  $defs: { key: { type: 'string', writeOnly: true } },
  properties: {
    direct: { $ref: '#/$defs/key' },
    either: { anyOf: [{ type: 'object', properties: { a: { writeOnly: true } } }, { type: 'string' }] },
    pair: { type: 'array', prefixItems: [{ type: 'string' }, { writeOnly: true }] },
    whole: { type: 'object', writeOnly: true },
    loop: { $ref: '#' },
  },
  patternProperties: { '^k_': { writeOnly: true } },
  additionalProperties: { type: 'object', properties: { deep: { writeOnly: true } } },
}

test('a schema marks secrets through references, alternatives, patterns and lists', () => {
  const shown = redact(
    {
      direct: 'x',
      either: { a: 'x', b: 'y' },
      pair: ['y', 'x'],
      whole: { n: 5, list: ['x'], flag: true, none: null },
      loop: { direct: 'x', loop: { direct: 'x' } },
      k_1: 'x',
      other: { deep: 'x', flat: 'y' },
    },
    placeOf(schema),
  )
  assert.deepEqual(shown, {
    direct: '***',
    either: { a: '***', b: 'y' },
    pair: ['y', '***'],
    whole: { n: '***', list: ['***'], flag: true, none: null },
    loop: { direct: '***', loop: { direct: '***' } },
    k_1: '***',
    other: { deep: '***', flat: 'y' },
  })
})

test('names that speak of secrets are enough, unless the value only says where one is', () => {
  const dollar = '$'
  const shown = redact(
    {
      secret: 'x',
      clientSecret: 'x',
      private_key: 'x',
      'api-key': 'x',
      passwords: ['x', ''],
      token: { cookie: 'session' },
      tokens: [{ name: 'ops', sha256: 'abc' }],
      publicKey: 'y',
      tokenHeader: 'y',
      url: 'https://user:pw@host/path',
      open: 'https://user@host/a:b@c',
      bare: `redis://:${dollar}{PW}@host`,
      password: `${dollar}{PW}`,
      adminPassword: `${dollar}{PW:-default}`,
      filePassword: `${dollar}{file:/run/secrets/pw}`,
    },
    placeOf(undefined),
  )
  assert.deepEqual(shown, {
    secret: '***',
    clientSecret: '***',
    private_key: '***',
    'api-key': '***',
    passwords: ['***', ''],
    token: { cookie: 'session' },
    tokens: [{ name: 'ops', sha256: 'abc' }],
    publicKey: 'y',
    tokenHeader: 'y',
    url: '***',
    open: 'https://user@host/a:b@c',
    bare: `redis://:${dollar}{PW}@host`,
    password: `${dollar}{PW}`,
    adminPassword: '***',
    filePassword: `${dollar}{file:/run/secrets/pw}`,
  })
})

const restore = (next: JsonObject, stored: JsonObject) => {
  const { value, faults } = restoreSecrets(next, stored, placeOf(undefined))
  return { value, pointers: faults.map((fault) => fault.pointer) }
}

test('lists whose items cannot be told apart keep their secrets only while none is missing', () => {
  const stored = { secrets: ['a', 'b'], items: [{ secret: 'a' }, { secret: 'b' }] }
  assert.deepEqual(restore({ secrets: ['***', '***', 'c'] }, stored).value, { secrets: ['a', 'b', 'c'] })
  assert.deepEqual(restore({ secrets: ['***'] }, stored).pointers, ['/secrets/0'])
  assert.deepEqual(restore({ items: [{ secret: '***' }] }, stored).pointers, ['/items/0/secret'])
  assert.deepEqual(restore({ items: [{ secret: '***' }, { secret: '***' }] }, stored).value, {
    items: [{ secret: 'a' }, { secret: 'b' }],
  })
  // Both of one name edited at once: which is which is a guess, and guesses are not made.
  const twins = {
    items: [
      { id: 'x', secret: 'a' },
      { id: 'x', secret: 'b' },
    ],
  }
  assert.deepEqual(
    restore(
      {
        items: [
          { id: 'x', n: 1, secret: '***' },
          { id: 'x', n: 2, secret: '***' },
        ],
      },
      twins,
    ).pointers,
    ['/items/0/secret', '/items/1/secret'],
  )
})

test('three asterisks in a place that is not secret are a value', () => {
  assert.deepEqual(restore({ note: '***', list: ['***'] }, {}), {
    value: { note: '***', list: ['***'] },
    pointers: [],
  })
})

test('for random configs, what is shown and sent back restores exactly what was stored', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  const names = ['secret', 'id', 'list', 'token', 'plain', 'apiKey']
  const make = (depth: number): JsonObject[string] => {
    const kind = random(depth > 3 ? 2 : 5)
    if (kind < 2) return `v${random(5)}`
    if (kind === 2) return random(9)
    if (kind === 3) return Array.from({ length: random(4) }, () => make(depth + 1))
    return makeObject(depth + 1)
  }
  const makeObject = (depth: number): JsonObject =>
    Object.fromEntries(Array.from({ length: random(5) }, () => [names[random(6)], make(depth)]))
  for (let round = 0; round < 2000; round += 1) {
    const stored = makeObject(0)
    const place = placeOf(undefined)
    const { value, faults } = restoreSecrets(redact(stored, place), stored, place)
    assert.deepEqual(faults, [])
    assert.deepEqual(value, stored)
  }
})
