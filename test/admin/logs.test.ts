import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { createLogStream } from '../../admin/log-stream.ts'
import { createTestClock } from '../support/clock.ts'
import { type AdminFixture, startAdmin, tokenOf } from './fixture.ts'

/** Reads a stream until it holds `wanted`. */
function createReader(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  return async function until(wanted: string | null): Promise<string> {
    while (wanted === null || !text.includes(wanted)) {
      const { done, value } = await reader.read()
      if (done) {
        assert.equal(wanted, null, `the stream ended before ${wanted}: ${text}`)
        break
      }
      text += decoder.decode(value, { stream: true })
    }
    return text
  }
}

function follow({ origin }: AdminFixture, query = '?follow'): Promise<Response> {
  return fetch(`${origin}/admin/logs${query}`, { headers: { authorization: `Bearer ${tokenOf('viewer')}` } })
}

test('recent lines are given newest first, parsed where they are JSON, and filtered by text', async (t) => {
  const { ask, control } = await startAdmin(t)
  control.log('{"level":"info","msg":"one"}\n')
  control.log('not json\n')
  assert.deepEqual((await ask('GET', '/admin/logs')).body.data, ['not json', { level: 'info', msg: 'one' }])
  assert.deepEqual((await ask('GET', '/admin/logs?contains=one&follow=false')).body.data, [
    { level: 'info', msg: 'one' },
  ])
})

test('a follower gets each new line as one event, whatever is in it, and heartbeats in between', async (t) => {
  const admin = await startAdmin(t)
  const response = await follow(admin, '?follow=true&contains=%22')
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const until = createReader(response)
  await until(': following\n\n')
  admin.control.log('filtered out\n')
  admin.control.log('{"msg":"one"}\n')
  admin.control.log('{"a":1}\rid: 7\n\ndata: forged\n')
  const text = await until('forged\n\n')
  assert.ok(!text.includes('filtered'))
  assert.ok(
    text.endsWith('data: {"msg":"one"}\n\ndata: {"a":1}\ndata: id: 7\ndata: \ndata: data: forged\n\n'),
  )
  admin.clock.advance(15_000)
  await until('\n\n:\n\n')
})

test('a follower who leaves is forgotten, and closing the server ends those who stay', async (t) => {
  const admin = await startAdmin(t)
  const leaving = new AbortController()
  const left = fetch(`${admin.origin}/admin/logs?follow`, {
    headers: { authorization: 'Bearer viewer-token' },
    signal: leaving.signal,
  })
  const staying = createReader(await follow(admin))
  await left
  assert.equal(admin.control.followers, 2)
  leaving.abort()
  for (let turns = 0; admin.control.followers > 1 && turns < 10_000; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(admin.control.followers, 1)
  await admin.close()
  await staying(null)
  assert.equal(admin.control.followers, 0)
})

test('the number of followers is bounded', async (t) => {
  const admin = await startAdmin(t)
  const responses = await Promise.all(Array.from({ length: 16 }, () => follow(admin)))
  assert.ok(responses.every(({ status }) => status === 200))
  const refused = await follow(admin)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '30')
  await refused.text()
  await admin.close()
  await Promise.all(responses.map((response) => response.text()))
})

test('a follower needs the rights of a viewer', async (t) => {
  const { origin, control } = await startAdmin(t)
  const response = await fetch(`${origin}/admin/logs?follow`)
  assert.equal(response.status, 401)
  await response.text()
  assert.equal(control.followers, 0)
})

test('lines that a slow follower does not take are dropped and counted, not kept', async (t) => {
  const admin = await startAdmin(t)
  const until = createReader(await follow(admin))
  await until(': following')
  const line = `"${'x'.repeat(1000)}"`
  // In one turn of the loop nothing leaves the process: what is beyond the bound must go.
  for (let count = 0; count < 2000; count += 1) admin.control.log(`${line}\n`)
  const text = await until('event: dropped')
  const got = text.split(line).length - 1
  assert.ok(got < 300, `${got} lines of 1 kB were kept`)
  const lost = /"lines":(\d+)/.exec(await until('}\n\n'))?.[1]
  assert.equal(got + Number(lost), 2000)
})

test('a follower that takes nothing for a minute is cut off', () => {
  const clock = createTestClock()
  let destroyed = false
  let ends = 0
  const response = Object.assign(new EventEmitter(), {
    writableLength: 0,
    write: () => true,
    end: () => {},
    destroy() {
      destroyed = true
      response.emit('close')
    },
  })
  const stream = createLogStream(response as unknown as ServerResponse, clock, () => {
    ends += 1
  })
  response.writableLength = 300_000
  clock.advance(45_000)
  response.writableLength = 0
  clock.advance(15_000)
  response.writableLength = 300_000
  clock.advance(59_000)
  assert.equal(destroyed, false)
  clock.advance(2_000)
  assert.equal(destroyed, true)
  stream.end()
  stream.send('late')
  assert.equal(ends, 1)
})
