// A sign of life for the main thread, and how late the event loop came to give it. Worker thread; made by worker.ts.
import type { Clock } from '../contract/ports.ts'

export interface HeartbeatOptions {
  readonly clock: Clock
  /** One Int32 that counts up; the supervisor looks whether it does. */
  readonly beats: SharedArrayBuffer
  readonly everyMs: number
  onBeat(lagMs: number): void
}

/** Returns how to stop it. */
export function startHeartbeat({ clock, beats, everyMs, onBeat }: HeartbeatOptions): () => void {
  const count = new Int32Array(beats)
  let cancel = (): void => {}
  const wait = (): void => {
    const dueMs = clock.monotonicMs() + everyMs
    cancel = clock.after(everyMs, () => {
      Atomics.add(count, 0, 1)
      onBeat(Math.max(0, clock.monotonicMs() - dueMs))
      wait()
    })
  }
  wait()
  return () => cancel()
}
