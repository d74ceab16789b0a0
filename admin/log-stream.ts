// One reader of the live log over server-sent events, with a bound on what is kept for a slow one. Main thread; called by
// logs.ts.
import type { ServerResponse } from 'node:http'
import type { Clock } from '../gateway/contract/ports.ts'

const heartbeatMs = 15_000
/** Kept for a reader that is behind; beyond it lines are dropped and counted. */
const bufferLimitBytes = 256 * 1024
/** A reader that takes nothing for this many heartbeats is gone. */
const patience = 4

export interface LogStream {
  send(line: string): void
  end(): void
}

/** Writes the head at once. `onEnd` is called exactly once, whoever ended the stream. */
export function createLogStream(response: ServerResponse, clock: Clock, onEnd: () => void): LogStream {
  let dropped = 0
  let stuck = 0
  let ended = false
  let cancel = () => {}

  const beat = () => {
    stuck = response.writableLength > bufferLimitBytes ? stuck + 1 : 0
    if (stuck >= patience) {
      response.destroy()
      return
    }
    if (stuck === 0) response.write(':\n\n')
    cancel = clock.after(heartbeatMs, beat)
  }
  const finish = () => {
    if (ended) return
    ended = true
    cancel()
    onEnd()
  }
  const reportDropped = () => {
    if (dropped === 0) return
    response.write(`event: dropped\ndata: {"lines":${dropped}}\n\n`)
    dropped = 0
  }

  response.on('close', finish)
  response.on('drain', () => {
    if (!ended) reportDropped()
  })
  // Not buffered by proxies that know the header; the comment makes clients see the head at once.
  response.write('retry: 2000\n: following\n\n')
  cancel = clock.after(heartbeatMs, beat)
  return {
    send(line) {
      if (ended) return
      if (response.writableLength > bufferLimitBytes) {
        dropped += 1
        return
      }
      reportDropped()
      response.write(toEvent(line))
    },
    end() {
      if (ended) return
      finish()
      response.end()
    },
  }
}

/** A line break inside a line must not end the event or begin a field of its own. */
function toEvent(line: string): string {
  const parts = line.trimEnd().split(/\r\n|\n|\r/)
  return `${parts.map((part) => `data: ${part}`).join('\n')}\n\n`
}
