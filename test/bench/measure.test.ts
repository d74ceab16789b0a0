// CPU time and memory of a tree of processes, read from the kernel.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { median, readCpuUs, readRssBytes } from '../../bench/measure.ts'

/** Uses this much CPU time, however long that takes on a busy machine. */
const spin = (ms: number): string =>
  `const used = () => { const { user, system } = process.cpuUsage(); return user + system }
  while (used() < ${ms} * 1000);`

test('the CPU time of a child counts, living or waited for', async (t) => {
  const waitedFor = spin(300)
  const living = `${spin(300)} console.log('spun'); process.stdin.resume()`
  // The shell itself costs next to nothing. The last command keeps it from becoming the second child.
  const script = '"$0" -e "$1" </dev/null; "$0" -e "$2"; :'
  const parent = spawn('sh', ['-c', script, process.execPath, waitedFor, living], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(parent, 'exit')
  t.after(async () => {
    parent.stdin.end()
    await ended
  })
  await once(parent.stdout, 'data')
  const pid = parent.pid as number
  assert.ok(readCpuUs(pid) >= 580_000, `${readCpuUs(pid)} us`)
  assert.ok(readRssBytes(pid) > 8 * 1024 * 1024)
})

test('the median of an even number is between the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.ok(Number.isNaN(median([])))
})
