// Workers share a port with SO_REUSEPORT, so a second gateway started by mistake would silently take half of the
// traffic. Binding once without it tells. Main thread; called once at start.
import { createServer } from 'node:net'
import type { ListenerConfig } from '../contract/snapshot.ts'

/** Rejects with a sentence when the port cannot be had. Port 0 is always free. */
export function claimPort({ name, host, port }: ListenerConfig): Promise<void> {
  if (port === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'something listens there already' : error.message
      reject(new Error(`listener "${name}" cannot listen on ${host}:${port}: ${why}`))
    })
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()))
  })
}
