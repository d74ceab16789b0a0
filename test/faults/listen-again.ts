// A server on a port that it had before.
import type { Server } from 'node:net'

/** Again and again: while it was closed, a connection of somebody else may have taken its port for a moment. */
export async function listenAgain(server: Server, port: number): Promise<void> {
  for (;;) {
    const error = await new Promise<Error | null>((resolve) => {
      server.once('error', resolve)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', resolve)
        resolve(null)
      })
    })
    if (error === null) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
