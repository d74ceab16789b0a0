// Deaths of workers. What must hold: replaced soon, only requests on connections of the dead one are lost, and no limit
// begins anew.
import type { Death } from './fatal-plugin.ts'
import type { Fault } from './fault.ts'
import { startWorkerScene, type WorkerScene } from './worker-scene.ts'

/** `times`: of each gateway. */
function fault(name: string, times: number, how: (time: number) => Death): Fault<WorkerScene> {
  return {
    name: `worker: ${name}`,
    start: startWorkerScene,
    async break({ killOneOfEach }) {
      for (let time = 0; time < times; time++) await killOneOfEach(how(time))
    },
    mend: async () => {},
  }
}

const sudden = ['exit', 'throw', 'reject'] as const

export const workerFaults: readonly Fault<WorkerScene>[] = [
  fault('killed', 3, () => 'exit'),
  fault('throws', 3, () => 'throw'),
  fault('rejects and nobody listens', 3, () => 'reject'),
  fault('blocked', 3, () => 'block'),
  fault('out of heap', 3, () => 'heap'),
  fault('100 deaths', 50, (time) => sudden[time % sudden.length] as Death),
]
