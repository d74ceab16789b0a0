// An admin API that many write to at once, killed in the middle. What must hold: after a start the config is what was
// acknowledged or under way, never half of it; no acknowledged write is lost; who comes too late is told so (412).
import { type AdminScene, startAdminScene } from './admin-scene.ts'
import type { Fault } from './fault.ts'

function killed(
  name: string,
  writers: Parameters<typeof startAdminScene>[0],
  { times, writes }: { readonly times: number; readonly writes: number },
): Fault<AdminScene> {
  return {
    name: `admin: ${name}`,
    start: () => startAdminScene(writers),
    async break({ killAmidWrites }) {
      for (let time = 0; time < times; time++) await killAmidWrites(writes + (time % 5))
    },
    mend: async () => {},
  }
}

export const adminFaults: readonly Fault<AdminScene>[] = [
  killed('50 writers, killed 20 times', { single: 40, counting: 10, pairs: 0 }, { times: 20, writes: 20 }),
  // A kill hits the moment between two files only now and then.
  killed(
    'two files in one write, killed 20 times',
    { single: 0, counting: 0, pairs: 2 },
    { times: 20, writes: 2 },
  ),
]
