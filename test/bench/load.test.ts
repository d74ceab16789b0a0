// What wrk is told and says, and the frames of the echo.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toFigures } from '../../bench/load/h2load.ts'
import { maskFrame, readFrames, toFrame } from '../../bench/load/websocket-frames.ts'
import { parseWrk, toCommand } from '../../bench/load/wrk.ts'

test('a plain load asks wrk for nothing that would run a script for each request', () => {
  const command = toCommand({ url: 'http://127.0.0.1:1/x', headers: { Host: 'a.example' }, seconds: 2 })
  const [before, after] = [command.slice(0, command.indexOf('--')), command.slice(command.indexOf('--') + 1)]
  assert.deepEqual(before.slice(0, 8), [
    'wrk',
    '-t1',
    '-c64',
    '-d2s',
    '--timeout',
    '10s',
    '-H',
    'Host: a.example',
  ])
  assert.equal(before.at(-1), 'http://127.0.0.1:1/x')
  assert.deepEqual(after, ['connections=64'])
})

test('bodies, tokens and rates are handed to the script', () => {
  const load = { url: 'http://127.0.0.1:1/', headers: {}, seconds: 1, connections: 8 }
  const command = toCommand({
    ...load,
    method: 'POST',
    bodyFile: '/b',
    tokenFile: '/t',
    firstToken: 0,
    perSecond: 10,
  })
  const given = command.slice(command.indexOf('--') + 1)
  assert.deepEqual(given.toSorted(), [
    'bodyFile=/b',
    'connections=8',
    'firstToken=0',
    'method=POST',
    'perSecond=10',
    'tokenFile=/t',
  ])
})

test('the result is the line of the script, wherever wrk writes its own', () => {
  const line = '{"requests":10,"seconds":1.0,"bytes":100,"p50Ms":1.5,"p99Ms":3,"errors":1}'
  assert.equal(parseWrk(`Running 1s test\n  1 threads\n${line}\n`).errors, 1)
  assert.throws(() => parseWrk('unable to connect'), /nothing that can be read:\nunable to connect/)
})

test('the log of h2load is read as times and statuses; what was not answered well is an error', () => {
  const log = '10\t200\t1000\n11\t200\t3000\n12\t429\t2000\n13\t-1\t2000\n'
  assert.deepEqual(toFigures(log, 400, 2), { cost: 100, perSecond: 2, p50Ms: 2, p99Ms: 3, errors: 2 })
  assert.equal(toFigures('', 400, 2).errors, 1)
})

test('frames come out whole, however they are cut', () => {
  const bytes = Buffer.concat([maskFrame(Buffer.from('one')), toFrame(Buffer.from('two'))])
  for (let size = 1; size <= bytes.length; size++) {
    const got: string[] = []
    const take = readFrames((payload) => got.push(payload.toString()))
    for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size))
    assert.deepEqual(got, ['one', 'two'], `in pieces of ${size}`)
  }
  assert.throws(() => toFrame(Buffer.alloc(126)), RangeError)
})
