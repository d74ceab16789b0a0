// A wall clock that jumps. What must hold: tokens follow it; limits, caches, deadlines and durations do not.
import { type ClockScene, startClockScene } from './clock-scene.ts'
import type { Fault } from './fault.ts'

const hour = 3_600

function jump(name: string, offsets: readonly number[]): Fault<ClockScene> {
  return {
    name: `clock: ${name}`,
    start: startClockScene,
    async break(scene) {
      for (const offset of offsets) {
        await scene.moveTo(offset)
        if (!(await scene.feelsChanges())) throw new Error(`at ${offset} s decisions are kept for ever`)
      }
    },
    mend: ({ moveTo }) => moveTo(0),
  }
}

export const clockFaults: readonly Fault<ClockScene>[] = [
  jump('an hour forward and back', [hour]),
  jump('an hour back and forward', [-hour]),
  jump('to and fro', [hour, -hour, hour, -hour]),
]
