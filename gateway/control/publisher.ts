// Two-phase publishing: every worker compiles a snapshot, then all use it, or nobody does. Main thread.
import type { Snapshot } from '../contract/snapshot.ts'
import { WorkerGone, type WorkerHandle } from './supervisor.ts'

/** Time a worker may take to compile a config; past it the config is refused. */
const prepareTimeoutMs = 20_000

export interface Publisher {
  /** The snapshot that all workers run; null before the first. */
  live(): Snapshot | null
  /**
   * Resolves with null once all workers run it, or with the reasons of those that refuse it (nothing changed then).
   * `write` puts it on disk between the two phases; when it throws, nothing was changed and the error is passed on.
   * null: every worker compiles it, then nothing is changed.
   */
  publish(
    snapshot: Snapshot,
    workers: readonly WorkerHandle[],
    write: (() => Promise<void>) | null,
  ): Promise<readonly string[] | null>
  /** Brings one fresh worker to the live snapshot. Rejects when it refuses. */
  bringUp(worker: WorkerHandle): Promise<void>
}

export function createPublisher(): Publisher {
  let live: Snapshot | null = null
  return {
    live: () => live,
    async publish(snapshot, workers, write) {
      const results = await Promise.all(workers.map((worker) => prepare(worker, snapshot)))
      const refusals = [...new Set(results.filter((result) => result !== null))]
      if (refusals.length > 0 || write === null) {
        abort(workers, snapshot.version)
        return refusals.length > 0 ? refusals : null
      }
      try {
        await write()
      } catch (error) {
        abort(workers, snapshot.version)
        throw error
      }
      // The decision is made: a worker that dies now is replaced by one that starts with this snapshot.
      live = snapshot
      await Promise.all(workers.map((worker) => commitOn(worker, snapshot.version).catch(() => {})))
      return null
    },
    async bringUp(worker) {
      if (live === null) throw new Error('no config is live yet')
      const refusal = await prepare(worker, live)
      if (refusal !== null) throw new Error(`the live config was refused: ${refusal}`)
      await commitOn(worker, live.version)
    },
  }
}

function abort(workers: readonly WorkerHandle[], version: number): void {
  for (const worker of workers) worker.tell({ kind: 'abort', version })
}

/** null: prepared (or the worker died, which is no verdict on the config). */
async function prepare(worker: WorkerHandle, snapshot: Snapshot): Promise<string | null> {
  const { version } = snapshot
  const heard = worker.hear(
    ['prepared', 'refused'],
    (message) => message.version === version,
    prepareTimeoutMs,
  )
  worker.tell({ kind: 'prepare', version, snapshot })
  try {
    const answer = await heard
    return answer.kind === 'refused' ? answer.reason : null
  } catch (error) {
    return error instanceof WorkerGone ? null : (error as Error).message
  }
}

async function commitOn(worker: WorkerHandle, version: number): Promise<void> {
  const committed = worker.hear(['committed'], (message) => message.version === version, prepareTimeoutMs)
  worker.tell({ kind: 'commit', version })
  await committed
}
