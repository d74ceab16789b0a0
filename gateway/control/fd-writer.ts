// Writes to standard output by its descriptor: process.stdout blocks on files and grows without bound on pipes.
// Main thread; used by log-sink.ts.
import { constants, fstatSync, openSync, write } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const writeOnce = promisify(write)
const longestWaitMs = 50

/** Writes all of it or rejects; one call at a time. */
export function createFdWriter(fd: number): (lines: Uint8Array) => Promise<void> {
  const target = openNonBlocking(fd)
  return async (lines) => {
    let rest = lines
    let waitMs = 1
    while (rest.length > 0) {
      try {
        const { bytesWritten } = await writeOnce(target, rest)
        rest = rest.subarray(bytesWritten)
        waitMs = 1
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
        await wait(waitMs)
        waitMs = Math.min(longestWaitMs, waitMs * 2)
      }
    }
  }
}

/**
 * A pipe whose reader stopped would hold a thread of the pool for ever, and the process could not even exit. Opening it
 * anew gives a description of our own that is non-blocking, without changing the one shared with other processes.
 */
function openNonBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // Not Linux, or opened by another user: the descriptor as it is.
    return fd
  }
}
