// A disk without room. What must hold: every request is served, the admin API refuses what it cannot keep with 503 and
// names the file, no file is left half-written, and all of it is as before soon after there is room again.
import { type DiskScene, type DiskSceneOptions, startDiskScene } from './disk-scene.ts'
import type { Fault } from './fault.ts'

function fault(name: string, options: DiskSceneOptions): Fault<DiskScene> {
  return {
    name: `disk full: ${name}`,
    start: () => startDiskScene(options),
    async break({ fill, writeWhileFull }) {
      await fill()
      await writeWhileFull()
    },
    mend: ({ free }) => free(),
  }
}

export const diskFaults: readonly Fault<DiskScene>[] = [
  fault('config, state and logs', { full: 'everything' }),
  fault('config, state and logs, at start', { full: 'everything', fullAtStart: true }),
  fault('the state alone', { full: 'the state' }),
  fault('no file may grow', { full: 'limit' }),
]
