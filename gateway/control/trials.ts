// Questions to plugin instances that no request meets: what would this config say? Main thread; made by control-api.ts.
import { createHash } from 'node:crypto'
import type { JsonObject, TrialOutcome } from '../contract/control-api.ts'
import type { TrialAnswer, TrialQuestion } from '../contract/protocol.ts'
import type { LiveConfig } from './live-config.ts'
import type { Supervisor } from './supervisor.ts'

export interface Trials {
  ask(trial: Trial): Promise<TrialOutcome>
}

interface Trial {
  readonly plugin: string
  readonly config: JsonObject | null
  readonly operation: string
  readonly args: Readonly<Record<string, unknown>>
}

/** A first question waits for the instance to be made: rule sets take their time. */
const askTimeoutMs = 30_000

export function createTrials(
  live: Pick<LiveConfig, 'buildEntry'>,
  supervisor: Pick<Supervisor, 'askOne'>,
): Trials {
  const put = async (question: Omit<TrialQuestion, 'topic'>): Promise<TrialAnswer> =>
    (await supervisor.askOne({ topic: 'trial', ...question }, askTimeoutMs)) as TrialAnswer

  return {
    async ask({ plugin, config, operation, args }) {
      if (config === null) return toOutcome(await put({ plugin, trial: null, operation, args }))
      const result = live.buildEntry({ id: plugin, plugin, config })
      if (!result.ok) return { kind: 'invalid', problems: result.problems.map(toConfigPointer) }
      const { entry } = result
      const text = JSON.stringify([plugin, entry.config, entry.files?.digest])
      const key = createHash('sha256').update(text).digest('hex')
      // The entry may hold megabytes of rules: it is sent only to a worker that does not have it.
      const first = await put({ plugin, trial: { key, entry: null }, operation, args })
      if (first.known) return toOutcome(first)
      return toOutcome(await put({ plugin, trial: { key, entry }, operation, args }))
    },
  }
}

function toOutcome(answer: TrialAnswer): TrialOutcome {
  return answer.known ? { kind: 'answer', value: answer.value } : { kind: 'nobody' }
}

function toConfigPointer({ pointer, message }: { pointer: string; message: string }) {
  return { pointer: pointer.replace(/^\/config/, ''), message }
}
