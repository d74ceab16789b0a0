// Loaded by `--import` into every thread of a gateway that is profiled: on SIGUSR2 the threads begin to sample, on the next
// one they write what they saw to BENCH_PROFILE_DIRECTORY.
import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

const directory = process.env.BENCH_PROFILE_DIRECTORY ?? '.'
const samplingIntervalUs = 500
let session: Session | null = null

async function toggle(): Promise<void> {
  if (session === null) {
    session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: samplingIntervalUs })
    await session.post('Profiler.start')
    return
  }
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  session = null
  const file = join(directory, isMainThread ? 'main.cpuprofile' : `worker-${threadId}.cpuprofile`)
  // Whole or not at all: somebody waits for it to appear.
  writeFileSync(`${file}.part`, JSON.stringify(profile))
  renameSync(`${file}.part`, file)
}

const channel = new BroadcastChannel('aegis-bench-profile')
channel.unref()
if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('toggle')
    void toggle()
  })
} else channel.onmessage = () => void toggle()
