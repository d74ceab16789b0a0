// A worker thread for threads.test.ts: takes from a shared table as fast as it can, or dies with a lock in its hands.
import { parentPort, workerData } from 'node:worker_threads'
import type { LimitCheck } from '../../../gateway/contract/ports.ts'
import { createLocalCounters } from '../../../gateway/shared-state/counter-table.ts'
import { StripeLocks } from '../../../gateway/shared-state/stripe-lock.ts'
import { openTable } from '../../../gateway/shared-state/table-layout.ts'

export type Job =
  | { readonly kind: 'hammer'; readonly takes: readonly (readonly LimitCheck[])[]; readonly rounds: number }
  | { readonly kind: 'hold' }

export interface HammerBoot {
  readonly buffer: SharedArrayBuffer
  readonly job: Job
  /** [0]: 1 lets everybody start; [1 + i]: how often takes[i] was allowed, over all workers. */
  readonly tally: Int32Array
}

const { buffer, job, tally } = workerData as HammerBoot
const clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  after: () => () => {},
}

if (job.kind === 'hold') {
  const locks = new StripeLocks(openTable(buffer).locks, 77, () => {})
  locks.acquireAll(Int32Array.of(0), 1)
  parentPort?.postMessage('holding')
  Atomics.wait(tally, 0, Atomics.load(tally, 0))
} else {
  const store = createLocalCounters(buffer, clock)
  parentPort?.postMessage('ready')
  Atomics.wait(tally, 0, 0)
  for (let round = 0; round < job.rounds; round++) {
    for (let i = 0; i < job.takes.length; i++) {
      if (store.take(job.takes[i] as LimitCheck[]).every((state) => state.allowed))
        Atomics.add(tally, 1 + i, 1)
    }
  }
}
