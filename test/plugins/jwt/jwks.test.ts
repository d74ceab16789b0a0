// Key sets from a real server and from files, through the real documents of main thread and worker: rotation, outages, floods.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { parseJwks } from '../../../plugins/jwt/jwks.ts'
import { signToken } from '../../../plugins/jwt/sign.ts'
import {
  startServer,
  type TestServer,
  until,
  type Wiring,
  wireDocuments,
} from '../../gateway/control/document-wiring.ts'
import { createTestDocument } from '../../support/ports.ts'
import { type Gate, goodClaims, issuer, type KeyPair, makeKeyPair, openGate } from './gate.ts'

const keys = { a: makeKeyPair('P-256'), b: makeKeyPair('P-256'), c: makeKeyPair('P-256') }
type Name = keyof typeof keys

function toJwk({ publicKey }: KeyPair, over: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...createPublicKey(publicKey).export({ format: 'jwk' }), use: 'sig', alg: 'ES256', ...over }
}

function toSet(...names: Name[]): string {
  return JSON.stringify({ keys: names.map((kid) => toJwk(keys[kid], { kid })) })
}

function signWith(gate: Gate, name: Name, keyId: string | null = name, sub = 'u1'): Promise<string> {
  const { privateKey } = keys[name]
  const claims = goodClaims(gate.ports, { sub })
  return signToken({ algorithm: 'ES256', privateKey, claims, ...(keyId === null ? {} : { keyId }) })
}

describe('keys behind a URL', () => {
  let server: TestServer
  let wiring: Wiring
  let set = ''
  const gates: Gate[] = []

  beforeEach(async () => {
    set = toSet('a')
    server = await startServer((_, res) => res.end(set))
    wiring = wireDocuments()
  })
  afterEach(async () => {
    for (const gate of gates.splice(0)) await gate.plugin.close?.()
    await wiring.fetcher.stop()
    await server.stop()
  })

  async function open(over: Record<string, unknown> = {}, worker = 0): Promise<Gate> {
    const issuers = [{ issuer, algorithms: ['ES256'], jwksUrl: server.url }]
    // The time-out is longer than any step of the clock, or a retry would time out within the step that begins it.
    const jwks = { timeoutMs: 60_000, ...over }
    const { clock } = wiring
    const gate = await openGate({ issuers, jwks }, { documents: wiring.addWorker(worker).port, clock })
    gates.push(gate)
    return gate
  }

  it('are there before the first request, fetched once for all workers', async () => {
    const opened = await Promise.all([open({}, 0), open({}, 1)])
    for (const gate of opened) assert.equal((await gate.send(await signWith(gate, 'a'))).status, 200)
    assert.equal(server.requests.length, 1)
  })

  it('are fetched again for a token with an unknown kid, which then passes', async () => {
    const gate = await open()
    const before = await signWith(gate, 'a')
    assert.equal((await gate.send(before)).status, 200)
    set = toSet('a', 'b')
    const fresh = await signWith(gate, 'b')
    assert.equal((await gate.send(fresh)).status, 200)
    assert.equal((await gate.send(fresh)).status, 200)
    assert.equal(gate.count('cached'), 1)
    assert.equal((await gate.send(before)).status, 200)
    assert.equal(server.requests.length, 2)
  })

  it('are no longer good once they left the set, also for tokens verified before', async () => {
    const gate = await open()
    const token = await signWith(gate, 'a')
    assert.equal((await gate.send(token)).status, 200)
    set = toSet('b')
    assert.equal((await gate.send(await signWith(gate, 'b'))).status, 200)
    assert.equal((await gate.send(token)).status, 401)
    assert.equal(gate.count('unknown_key'), 1)
  })

  it('are fetched at most once per cool-down, however many tokens with unknown kids come', async () => {
    const opened = [await open({}, 0), await open({}, 1)] as const
    for (let round = 1; round <= 3; round++) {
      const flood = Array.from({ length: 200 }, async (_, i) => {
        const gate = opened[i % 2] as Gate
        return (await gate.send(await signWith(gate, 'c', `kid-${round}-${i}`))).status
      })
      assert.deepEqual(new Set(await Promise.all(flood)), new Set([401]))
      assert.equal(server.requests.length, 1 + round)
      wiring.clock.advance(30_000)
    }
    assert.equal((await opened[0].send(await signWith(opened[0], 'a'))).status, 200)
  })

  it('stay as they were while their server is away or talks nonsense', async () => {
    const gate = await open()
    const answers = [
      '<html>',
      '{"keys":[]}',
      '{"keys":[{"kty":"RSA"}]}',
      JSON.stringify({ keys: [toJwk(keys.b, { kid: 'b', alg: 'ES521' })] }),
    ]
    for (const answer of answers) {
      set = answer
      wiring.clock.advance(30_000)
      assert.equal((await gate.send(await signWith(gate, 'b'))).status, 401)
      assert.equal((await gate.send(await signWith(gate, 'a', 'a', `after ${answer.length}`))).status, 200)
    }
    await server.stop()
    wiring.clock.advance(30_000)
    assert.equal((await gate.send(await signWith(gate, 'b'))).status, 401)
    assert.equal((await gate.send(await signWith(gate, 'a', 'a', 'u2'))).status, 200)
    await server.start()
    set = toSet('b')
    wiring.clock.advance(30_000)
    assert.equal((await gate.send(await signWith(gate, 'b'))).status, 200)
  })

  it('that were never had make 503, until they come', async () => {
    await server.stop()
    const gate = await open()
    const sent = await gate.send(await signWith(gate, 'a'))
    assert.deepEqual([sent.status, sent.code], [503, 'AEGIS_KEYS_UNAVAILABLE'])
    assert.equal(gate.count('keys_unavailable'), 1)
    await server.start()
    wiring.clock.advance(30_000)
    assert.equal((await gate.send(await signWith(gate, 'a'))).status, 200)
  })

  it('that do not come in time keep a request no longer than waitMs', async () => {
    const gate = await open({ waitMs: 700 })
    server.answer = () => {}
    const pending = gate.send(await signWith(gate, 'b'))
    await until('the fetch', () => server.requests.length === 2)
    wiring.clock.advance(700)
    assert.equal((await pending).status, 401)
  })

  it('survive the crash of the only worker while their server is away', async () => {
    await open()
    wiring.removeWorker(0)
    await server.stop()
    const gate = await open()
    assert.equal((await gate.send(await signWith(gate, 'a'))).status, 200)
    await server.start()
  })

  it('are not fetched any more after the plugin was closed', async () => {
    const gate = await open()
    await gate.plugin.close?.()
    await new Promise(setImmediate)
    wiring.clock.advance(3_600_000)
    await new Promise(setImmediate)
    assert.equal(server.requests.length, 1)
  })
})

describe('keys in a file', () => {
  const root = mkdtempSync(join(tmpdir(), 'aegis-jwks-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const wirings: Wiring[] = []
  afterEach(() => Promise.all(wirings.splice(0).map(({ fetcher }) => fetcher.stop())))

  async function open(
    name: string,
    text: string,
    field: string,
  ): Promise<{ gate: Gate; write(text: string): void; wiring: Wiring }> {
    const path = join(root, name)
    writeFileSync(path, text)
    const wiring = wireDocuments(root)
    wirings.push(wiring)
    const issuers = [{ issuer, algorithms: ['ES256'], [field]: name }]
    const gate = await openGate({ issuers }, { documents: wiring.addWorker(0).port, clock: wiring.clock })
    const write = (next: string) => {
      writeFileSync(`${path}.new`, next)
      renameSync(`${path}.new`, path)
    }
    return { gate, write, wiring }
  }

  it('are replaced when the file is, as a set and as PEM', async () => {
    const cases = [
      ['jwks.json', toSet('a'), toSet('b'), 'jwksFile'],
      ['key.pem', keys.a.publicKey, keys.b.publicKey, 'publicKeyFile'],
    ] as const
    for (const [name, before, next, field] of cases) {
      const { gate, write, wiring } = await open(name, before, field)
      const old = await signWith(gate, 'a')
      assert.equal((await gate.send(old)).status, 200)
      write(next)
      const fresh = await signWith(gate, 'b')
      for (let status = 0; status !== 200; status = (await gate.send(fresh)).status) wiring.clock.advance(500)
      assert.equal((await gate.send(old)).status, 401)
      await gate.plugin.close?.()
    }
  })

  it('must be there and usable at the start', async () => {
    const bad: [string, string][] = [
      ['not json', 'jwksFile'],
      ['{"keys":[]}', 'jwksFile'],
      ['no pem', 'publicKeyFile'],
      [keys.a.privateKey, 'publicKeyFile'],
      [makeKeyPair('P-384').publicKey, 'publicKeyFile'],
    ]
    for (const [text, field] of bad) {
      await assert.rejects(
        open(`bad-${field}`, text, field),
        new RegExp(`bad-${field}: .*issuer https://issuer.test`),
      )
    }
    const wiring = wireDocuments(root)
    wirings.push(wiring)
    const issuers = [{ issuer, algorithms: ['ES256'], jwksFile: 'missing' }]
    const documents = wiring.addWorker(0).port
    await assert.rejects(
      openGate({ issuers }, { documents, clock: wiring.clock }),
      /missing: no key could be read/,
    )
  })
})

describe('documents that change', () => {
  const open = (document: ReturnType<typeof createTestDocument>): Promise<Gate> => {
    const issuers = [{ issuer, algorithms: ['ES256'], jwksUrl: 'https://a.test/' }]
    return openGate({ issuers }, { documents: { open: () => document } })
  }

  it('while a longer one is still read end with the newest', async () => {
    const document = createTestDocument(toSet('a'))
    const gate = await open(document)
    const many = Array.from({ length: 90 }, (_, i) => toJwk(keys.c, { kid: `c${i}` }))
    document.put(JSON.stringify({ keys: [...many, toJwk(keys.a, { kid: 'a' })] }))
    document.put(toSet('b'))
    const reads = 90
    for (let i = 0; i < reads; i++) await new Promise(setImmediate)
    assert.equal((await gate.send(await signWith(gate, 'b'))).status, 200)
    assert.equal((await gate.send(await signWith(gate, 'a'))).status, 401)
  })

  it('are asked for once by many requests with the same token', async () => {
    const document = createTestDocument(toSet('a'))
    const gate = await open(document)
    const token = await signWith(gate, 'b')
    const sent = await Promise.all(Array.from({ length: 50 }, () => gate.send(token)))
    assert.deepEqual(new Set(sent.map(({ status }) => status)), new Set([401]))
    assert.equal(document.refreshes, 1)
    assert.equal(gate.count('unknown_key'), 50)
  })
})

describe('the key that a token means', () => {
  async function openWith(text: string): Promise<Gate> {
    const issuers = [{ issuer, algorithms: ['ES256', 'ES384', 'RS256'], jwksUrl: 'https://a.test/' }]
    return openGate({ issuers }, { documents: { open: () => createTestDocument(text) } })
  }

  it('is the one with its kid, never another that would fit', async () => {
    const gate = await openWith(toSet('a', 'b'))
    assert.equal((await gate.send(await signWith(gate, 'a', 'b'))).status, 401)
    assert.equal(gate.count('bad_signature'), 1)
    assert.equal((await gate.send(await signWith(gate, 'a', 'A'))).status, 401)
    assert.equal(gate.count('unknown_key'), 1)
  })

  it('is the only fitting one when the token names none, and none when several fit', async () => {
    const rsa = toJwk(makeKeyPair('rsa'), { kid: 'r', alg: 'RS256' })
    const one = await openWith(JSON.stringify({ keys: [rsa, toJwk(keys.a, { kid: 'a' })] }))
    assert.equal((await one.send(await signWith(one, 'a', null))).status, 200)
    const two = await openWith(toSet('a', 'b'))
    assert.equal((await two.send(await signWith(two, 'a', null))).status, 401)
    assert.equal(two.count('unknown_key'), 1)
  })
})

describe('a set of keys', () => {
  const es = ['ES256', 'ES384'] as const
  const a = toJwk(keys.a, { kid: 'a' })
  const secretKey = { kty: 'oct', kid: 's', k: 'x'.repeat(64) }

  const refused: [string, unknown, RegExp][] = [
    ['is no set', [a], /not a JWK Set/],
    ['is null', null, /not a JWK Set/],
    ['has no list', { keys: a }, /not a JWK Set/],
    [
      'has no usable key',
      {
        keys: [
          { ...a, use: 'enc' },
          { ...a, kid: 'b', key_ops: ['sign'] },
        ],
      },
      /no usable key/,
    ],
    ['holds a private key', { keys: [a, { ...a, kid: 'b', d: 'AAAA' }] }, /private key/],
    ['holds two keys of one name', { keys: [a, toJwk(keys.b, { kid: 'a' })] }, /same kid/],
    ['mixes secrets and public keys', { keys: [a, secretKey] }, /mixes secrets/],
    ['holds a point that is not on its curve', { keys: [{ ...a, y: a.x }] }, /no usable key/],
    ['holds a hundred and one keys', { keys: Array.from({ length: 101 }, () => a) }, /more than 100/],
  ]
  for (const [name, value, message] of refused) {
    it(`is refused when it ${name}`, async () => {
      await assert.rejects(parseJwks(JSON.stringify(value), es), message)
    })
  }

  it('loses only the keys that cannot be used', async () => {
    const text = JSON.stringify({
      keys: [
        { kty: 'XYZ', kid: 'x' },
        'text',
        null,
        { ...a, kid: 'e', use: 'enc' },
        toJwk(keys.b, { kid: 'w', crv: 'P-384', alg: undefined }),
        a,
      ],
    })
    const { keys: usable, skipped } = await parseJwks(text, es)
    assert.deepEqual(
      usable.map(({ kid, checks }) => [kid, ...checks.keys()]),
      [['a', 'ES256']],
    )
    assert.equal(skipped.length, 3)
  })

  it('may say less: a key without alg serves every algorithm that fits it and is listed', async () => {
    const jwk = { ...toJwk(makeKeyPair('rsa'), { kid: 'r' }), alg: undefined, use: undefined }
    const { keys: usable } = await parseJwks(JSON.stringify({ keys: [jwk] }), ['RS256', 'PS512', 'ES256'])
    assert.deepEqual([...(usable[0]?.checks.keys() ?? [])], ['RS256', 'PS512'])
  })

  it('gives out checks, never a key', async () => {
    const { keys: usable } = await parseJwks(
      JSON.stringify({ keys: [{ ...secretKey, k: 'A'.repeat(64) }] }),
      ['HS256'],
    )
    const check = usable[0]?.checks.get('HS256')
    assert.equal(typeof check, 'function')
    assert.deepEqual(Object.keys(check as object), [])
  })
})
