import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DescriptorWatch } from '../../../gateway/dataplane/descriptors.ts'

test('listeners pause while there is no descriptor, and go on once there is room for more than one', () => {
  const log: string[] = []
  const heard: string[] = []
  let room = 100
  const write = (_: object, message: string): void => void log.push(message)
  const logger = { debug: write, info: write, warn: write, error: write }
  const listener = { suspend: () => heard.push('suspend'), resume: () => heard.push('resume') }
  const watch = new DescriptorWatch(
    logger as never,
    () => [listener as never],
    (count) => count <= room,
  )
  const look = (): string => {
    watch.look()
    return heard.splice(0).join()
  }
  assert.equal(look(), 'resume')
  room = 1
  assert.equal(look(), 'resume')
  room = 0
  assert.equal(look(), 'suspend')
  assert.equal(look(), 'suspend', 'it lets go of more each time')
  room = 15
  assert.equal(look(), 'suspend')
  room = 16
  assert.equal(look(), 'resume')
  room = 1
  assert.equal(look(), 'resume')
  assert.equal(log.length, 2, 'once when they ran out, once when they came back')
})
