// Something that happens to the gateway while clients use it: a change of its config, or trouble made on purpose.
import { waitUntil } from '../support/gateway.ts'
import type { Traffic } from './traffic.ts'
import type { World } from './world.ts'

export interface Stage {
  readonly world: World
  readonly traffic: Traffic
  /** How many acts there have been. */
  readonly n: number
}

export interface Act {
  readonly name: string
  /** Resolves when all is as before, or as wanted. A rejection is a finding. */
  run(stage: Stage): Promise<void>
}

const patientMs = 60_000

/** Waits for as long as a busy machine may need; how fast it goes is measured elsewhere. */
export async function eventually(probe: () => boolean | Promise<boolean>): Promise<void> {
  await waitUntil(probe, patientMs)
}
