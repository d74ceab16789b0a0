// All rows of the fault table. A new one: a Fault in a file beside this one, and a line here.
import { adminFaults } from './admin.ts'
import { authorizeFaults } from './authorize.ts'
import { clockFaults } from './clock.ts'
import { configFaults } from './config.ts'
import { consulFaults } from './consul.ts'
import { diskFaults } from './disk.ts'
import { drainFaults } from './drain.ts'
import type { Fault, Row, Scene } from './fault.ts'
import { jwksFaults } from './jwks.ts'
import { redisFaults } from './redis.ts'
import { type RunOptions, runFault } from './run-fault.ts'
import { upstreamFaults } from './upstream.ts'
import { workerFaults } from './workers.ts'

export interface RunnableRow {
  readonly name: string
  run(options: RunOptions): Promise<Row>
}

export const rows: readonly RunnableRow[] = [
  ...redisFaults.map(toRow),
  ...consulFaults.map(toRow),
  ...upstreamFaults.map(toRow),
  ...authorizeFaults.map(toRow),
  ...jwksFaults.map(toRow),
  ...configFaults.map(toRow),
  ...diskFaults.map(toRow),
  ...workerFaults.map(toRow),
  ...drainFaults.map(toRow),
  ...adminFaults.map(toRow),
  ...clockFaults.map(toRow),
]

export function toRow<S extends Scene>(fault: Fault<S>): RunnableRow {
  return { name: fault.name, run: (options) => runFault(fault, options) }
}
