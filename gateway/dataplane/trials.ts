// Plugin instances that no request meets, for questions of the admin API (gateway/control/trials.ts). Worker thread;
// asked by worker.ts.
import type { Clock } from '../contract/ports.ts'
import type { TrialAnswer, TrialQuestion } from '../contract/protocol.ts'
import type { Instance } from './chain.ts'
import type { InstanceLease, InstanceStore } from './instances.ts'

export interface Trials {
  /** `live` are the instances of the live runtime. */
  ask(question: TrialQuestion, live: readonly Instance[]): Promise<TrialAnswer>
}

/** A rule set may hold tens of megabytes: it goes when nobody has asked for so long. */
const idleMs = 60_000

export function createTrials(instances: Pick<InstanceStore, 'acquire'>, clock: Pick<Clock, 'after'>): Trials {
  let kept: { readonly key: string; readonly lease: InstanceLease } | null = null
  let cancelEnd = (): void => {}

  const drop = (): void => {
    cancelEnd()
    kept?.lease.release()
    kept = null
  }
  const find = async ({ trial, plugin }: TrialQuestion, live: readonly Instance[]) => {
    if (trial === null) return live.find((one) => one.definition.name === plugin)
    if (kept?.key !== trial.key) {
      if (trial.entry === null) return undefined
      drop()
      const lease = await instances.acquire([{ ...trial.entry, enabled: true }])
      // Another question may have made another one meanwhile.
      drop()
      kept = { key: trial.key, lease }
    }
    cancelEnd()
    cancelEnd = clock.after(idleMs, drop)
    return kept.lease.instances[0]
  }
  return {
    async ask(question, live) {
      const instance = await find(question, live)
      if (instance?.plugin.onControl === undefined) return { known: false }
      return { known: true, value: await instance.plugin.onControl(question.operation, question.args) }
    },
  }
}
