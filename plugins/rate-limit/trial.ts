// Limits in dry run: counted and reported, never felt. Worker thread.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { CounterStore, LimitState, PluginPorts } from '../../gateway/contract/ports.ts'
import { type Limit, toChecks } from './limit.ts'

/** Runs every group of limits, each all-or-nothing in itself; always lets the request pass, and at once. */
export function createTrial(
  groups: readonly (readonly Limit[])[],
  counters: CounterStore,
  logFailure: (error: unknown) => void,
): (ex: RequestView) => undefined {
  function failed(group: readonly Limit[], error: unknown): void {
    logFailure(error)
    for (const limit of group) limit.failed.inc()
  }

  function run(group: readonly Limit[], ex: RequestView): void {
    try {
      const taken = counters.take(toChecks(group, ex))
      if ('then' in taken) {
        void taken.then(
          (states) => report(group, states),
          (error) => failed(group, error),
        )
      } else {
        report(group, taken)
      }
    } catch (error) {
      failed(group, error)
    }
  }

  return (ex) => {
    for (let i = 0; i < groups.length; i++) run(groups[i] as readonly Limit[], ex)
  }
}

function report(group: readonly Limit[], states: readonly LimitState[]): void {
  const passes = states.every((state) => state.allowed)
  for (let i = 0; i < group.length; i++) {
    if (passes) group[i]?.allowed.inc()
    else if (!states[i]?.allowed) group[i]?.dryRunDenied.inc()
  }
}

const quietMs = 10_000

/** A store that is down fails every request; one line in ten seconds says so, with how many there were. */
export function createFailureLog({
  clock,
  log,
}: Pick<PluginPorts, 'clock' | 'log'>): (error: unknown) => void {
  let nextMs = 0
  let unsaid = 0
  return (error) => {
    unsaid += 1
    const nowMs = clock.monotonicMs()
    if (nowMs < nextMs) return
    nextMs = nowMs + quietMs
    log.error({ err: error, failures: unsaid }, 'the rate-limit store failed')
    unsaid = 0
  }
}
