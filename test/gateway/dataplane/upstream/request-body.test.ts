// The body of a request on its way up: what is kept of it for a second time, and which of its trailers go along.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BodyReader, Downstream } from '../../../../gateway/dataplane/downstream.ts'
import type { Exchange } from '../../../../gateway/dataplane/exchange.ts'
import type { Trailers } from '../../../../gateway/dataplane/trailers.ts'
import { bodyOf, type RequestBody } from '../../../../gateway/dataplane/upstream/request-body.ts'
import { createExchange } from '../snapshot.ts'

interface Scene {
  readonly ex: Exchange
  readonly body: RequestBody
  client(): BodyReader
  paused: boolean
  /** The upstream takes more at present. */
  takes: boolean
  readonly got: { bytes: string; ended: boolean; trailers: Trailers }
  begin(): void
}

function createScene(rewinds: boolean): Scene {
  const ex = createExchange({ method: 'POST' })
  let reader: BodyReader | null = null
  const down = {
    ...{ head: ex.down.head, takeBody: () => null, invite: () => {} },
    read: (one: BodyReader) => {
      reader = one
      scene.paused = false
    },
    pause: () => {
      scene.paused = true
    },
    resume: () => {
      scene.paused = false
    },
  }
  Object.assign(ex, {
    down: down as unknown as Downstream,
    hasBody: true,
    bodyComplete: false,
    bodyLimit: 1e6,
  })
  const body = bodyOf(ex, rewinds) as RequestBody
  const scene: Scene = {
    ...{ ex, body, paused: false, takes: true, client: () => reader as BodyReader },
    got: { bytes: '', ended: false, trailers: null },
    begin: () => {
      Object.assign(scene.got, { bytes: '', ended: false, trailers: null })
      body.start({
        write: (bytes) => {
          scene.got.bytes += bytes
          return scene.takes
        },
        end: (trailers) => Object.assign(scene.got, { ended: true, trailers }),
        fail: assert.fail,
      })
    },
  }
  return scene
}

describe('a body on its way up', () => {
  test('is no longer read from the client while the upstream takes no more', () => {
    const scene = createScene(false)
    scene.begin()
    scene.client().onData(Buffer.from('one'))
    assert.equal(scene.paused, false)
    scene.takes = false
    scene.client().onData(Buffer.from('two'))
    assert.equal(scene.paused, true)
    scene.body.resume()
    assert.equal(scene.paused, false)
    assert.equal(scene.got.bytes, 'onetwo')
  })
})

describe('a body that rewinds', () => {
  test('is given from its first byte on, then goes on', () => {
    const scene = createScene(true)
    scene.begin()
    scene.client().onData(Buffer.from('one'))
    assert.equal(scene.body.rewind(), true)
    assert.equal(scene.paused, true, 'nothing comes while nobody takes it')
    scene.begin()
    assert.equal(scene.got.bytes, 'one')
    scene.client().onData(Buffer.from('two'))
    assert.equal(scene.body.rewind(), true)
    scene.begin()
    scene.client().onEnd(null)
    assert.deepEqual(scene.got, { bytes: 'onetwo', ended: true, trailers: null })
    assert.equal(scene.ex.requestBytes, 6)
  })

  test('is given whole when its end had come, and is a plain one for the next try', () => {
    const scene = createScene(true)
    scene.begin()
    scene.client().onData(Buffer.from('all'))
    scene.client().onEnd(null)
    assert.equal(scene.body.rewind(), true)
    scene.begin()
    assert.deepEqual(scene.got, { bytes: 'all', ended: true, trailers: null })
    assert.equal((bodyOf(scene.ex, true) as Buffer).toString(), 'all')
  })

  test('does not when it was too large to keep, or had trailers, or was not asked to', () => {
    const large = createScene(true)
    large.begin()
    large.client().onData(Buffer.alloc(16_385))
    assert.equal(large.body.rewind(), false)
    const trailed = createScene(true)
    trailed.begin()
    trailed.client().onEnd(['x', '1'])
    assert.equal(trailed.body.rewind(), false)
    const plain = createScene(false)
    plain.begin()
    assert.equal(plain.body.rewind(), false)
  })
})

describe('the trailers of a request', () => {
  test('go along, but for what only a header may say', () => {
    const scene = createScene(false)
    scene.ex.setUpstreamHeader('x-account', 'acme')
    scene.begin()
    scene.client().onEnd(['x-sum', '1', 'x-user-id', 'evil', 'X_Account', 'evil'])
    assert.deepEqual(scene.got.trailers, ['x-sum', '1'])
  })

  test('do not where a plugin inspects what is sent: it has not seen them', () => {
    const scene = createScene(false)
    scene.ex.inspectRequestBody(10)
    scene.begin()
    scene.client().onEnd(['x-sum', '1'])
    assert.deepEqual([scene.got.ended, scene.got.trailers], [true, null])
  })
})
