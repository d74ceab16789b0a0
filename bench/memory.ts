// `npm run bench:memory [-- --requests 5000000]`: memory of the whole chain under requests of which no two have the path, the
// token or the user in common. Caches fill up and then stay as large as they are; nothing else may grow. Linux only.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { aegisFullChain } from './gateways/aegis.ts'
import { readRssBytes } from './measure.ts'
import { preparePrograms } from './prepare.ts'
import { pinned } from './process.ts'
import { loadCore } from './scenario.ts'
import { paths, startUpstream } from './upstream.ts'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '5000000' } } })
const connections = 64
const megabyte = 1024 * 1024

preparePrograms()
const directory = await mkdtemp(join(tmpdir(), 'aegis-memory-'))
const upstream = await startUpstream(join(directory, 'upstream'))
try {
  const running = await aegisFullChain().start(upstream, directory)
  try {
    const file = fileURLToPath(new URL('load/distinct-process.ts', import.meta.url))
    const { port } = new URL(running.origin)
    const program = [process.execPath, file, port, paths.small, values.requests, String(connections)]
    const [command, ...args] = [...pinned(loadCore), ...program] as [string, ...string[]]
    const load = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    console.log('requests  failed  anonymous memory')
    for await (const line of createInterface({ input: load.stdout })) {
      const { done, failed } = JSON.parse(line) as { done: number; failed: number }
      const memory = (readRssBytes(running.pid) / megabyte).toFixed(0)
      console.log(`${String(done).padStart(8)}  ${String(failed).padStart(6)}  ${memory.padStart(5)} MB`)
    }
  } finally {
    await running.stop()
  }
} finally {
  await upstream.stop()
  await rm(directory, { recursive: true, force: true })
}
