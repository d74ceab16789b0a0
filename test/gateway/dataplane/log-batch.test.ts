import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogBatch, type LogBatchOptions } from '../../../gateway/dataplane/log-batch.ts'
import { createTestClock } from '../../support/clock.ts'

function setUp(over: Partial<LogBatchOptions> = {}) {
  const clock = createTestClock()
  const posts: { stream: string; lines: string }[] = []
  const batch = createLogBatch({
    post: (stream, lines) => void posts.push({ stream, lines: Buffer.from(lines).toString() }),
    level: 'info',
    clock,
    ...over,
  })
  return { clock, posts, batch }
}

test('gathers lines and posts them together after the interval', () => {
  const { clock, posts, batch } = setUp()
  batch.access('{"a":1}')
  clock.advance(99)
  batch.access('{"a":2}')
  assert.equal(posts.length, 0)
  clock.advance(1)
  assert.deepEqual(posts, [{ stream: 'access', lines: '{"a":1}\n{"a":2}\n' }])
  clock.advance(1000)
  assert.equal(posts.length, 1, 'an idle worker posts nothing')
})

test('posts at once when much has gathered', () => {
  const { posts, batch } = setUp({ limitBytes: 100 })
  batch.access(`"${'x'.repeat(60)}"`)
  assert.equal(posts.length, 0)
  batch.access(`"${'x'.repeat(60)}"`)
  assert.equal(posts.length, 1)
})

test('flush posts what waits, and only once', () => {
  const { clock, posts, batch } = setUp()
  batch.access('{}')
  batch.logger.warn({ n: 1 }, 'careful')
  batch.flush()
  batch.flush()
  clock.advance(1000)
  assert.deepEqual(
    posts.map((post) => post.stream),
    ['system', 'access'],
  )
})

test('the logger writes pino lines with level, time, bindings and message', () => {
  const { posts, batch } = setUp({ bindings: { worker: 3 } })
  batch.logger.debug({}, 'too quiet')
  batch.logger.error({ err: new Error('boom'), upstream: 'api' }, 'it failed')
  batch.flush()
  const line = JSON.parse(posts[0]?.lines ?? '')
  assert.equal(line.level, 50)
  assert.equal(line.time, '2023-11-14T22:13:20.000Z')
  assert.equal(line.worker, 3)
  assert.equal(line.upstream, 'api')
  assert.equal(line.msg, 'it failed')
  assert.equal(line.err.message, 'boom')
  assert.equal(posts[0]?.lines.split('\n').length, 2)
})

test('nothing that arrives as text can make a second line or reach a terminal raw', () => {
  const { posts, batch } = setUp()
  const hostile = '\n\r\u0000\u001b[2J\u0085\u009b31m\u2028\u2029\ud800 é 😀 \u202e'
  batch.access(`{"path":"${hostile}"}`)
  batch.access(JSON.stringify({ path: hostile }))
  batch.logger.warn({ path: hostile }, hostile)
  batch.flush()
  for (const { lines } of posts) assert.match(lines, /^([\x20-\x7e]+\n)+$/)
  const access = posts.find((post) => post.stream === 'access')?.lines.split('\n') ?? []
  assert.equal(access.length, 3)
  assert.equal(JSON.parse(access[0] ?? '').path, hostile)
  assert.equal(JSON.parse(access[1] ?? '').path, hostile)
  const system = posts.find((post) => post.stream === 'system')?.lines ?? ''
  assert.equal(JSON.parse(system).path, hostile)
})
