// Faults of the servers behind. What must hold: no answer that is not the tenant's own, no request without an answer, at most
// 1.2 tries for each request, and everybody back in use soon after.
import type { Fault } from './fault.ts'
import { actNames } from './hostile-acts.ts'
import { type Failing, startUpstreamScene, type UpstreamScene } from './upstream-scene.ts'

function fault(name: string, how: Failing, whom: 'one' | 'both' = 'one'): Fault<UpstreamScene> {
  return {
    name,
    start: startUpstreamScene,
    break: ({ fail }) => fail(how, whom),
    mend: ({ fail }) => fail('well', whom),
  }
}

export const upstreamFaults: readonly Fault<UpstreamScene>[] = [
  fault('upstream: one target refuses', 'refuses'),
  fault('upstream: one target is a black hole', 'swallows'),
  fault('upstream: one target hangs', 'hangs'),
  fault('upstream: one target resets', 'resets'),
  fault('upstream: one target answers 503', '503'),
  fault('upstream: one target sends what is not HTTP', 'garbage'),
  fault('upstream: one target sends two lengths', 'two lengths'),
  fault('upstream: one target is 200 ms late', 'late'),
  ...actNames.map((how) => fault(`upstream: one target ${how}`, how)),
  fault('upstream: both targets refuse', 'refuses', 'both'),
  fault('upstream: both targets are black holes', 'swallows', 'both'),
  fault('upstream: both targets hang', 'hangs', 'both'),
  fault('upstream: both targets reset', 'resets', 'both'),
  {
    ...fault('upstream: one target flapping', 'well'),
    async break({ fail }) {
      for (const how of ['refuses', 'well', 'resets', 'well', '503', 'well', 'refuses'] as const) {
        await fail(how)
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
    },
  },
]
