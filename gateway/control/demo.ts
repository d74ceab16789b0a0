// The first five minutes: the sample backend beside the gateway, in a process of its own. Main thread; only when
// gateway.json has a `demo` block.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../contract/ports.ts'

const entry = fileURLToPath(new URL('../../examples/sample-backend/server.ts', import.meta.url))

/** Resolves once it listens, or has failed to, which the log tells. The returned function ends it. */
export async function startSampleBackend(port: number, log: Logger): Promise<() => void> {
  const backend = spawn(process.execPath, [entry], {
    env: { PORT: String(port), HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stopping = false
  // Also when the gateway fails to start: an orphan would hold the port.
  const kill = (): void => void backend.kill()
  process.once('exit', kill)
  backend.stderr.on('data', (chunk: Buffer) =>
    log.warn({ output: chunk.toString() }, 'the sample backend complains'),
  )
  backend.once('exit', (code) => {
    if (!stopping) log.warn({ code, port }, 'the sample backend ended')
  })
  // It says one line when it listens.
  await Promise.race([once(backend.stdout, 'data'), once(backend, 'exit')])
  backend.stdout.resume()
  return () => {
    stopping = true
    process.off('exit', kill)
    kill()
  }
}
