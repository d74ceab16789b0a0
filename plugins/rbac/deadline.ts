// A bound on waiting, on the clock of the ports. Worker thread.
import type { Clock } from '../../gateway/contract/ports.ts'

/** Rejects after `timeoutMs` when the promise has not settled by then. */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)))
    promise.then(resolve, reject).finally(cancel)
  })
}
