// A row of the fault table: a scene under steady load, something that breaks, and its mending. Rows are listed in rows.ts.
import type { Answer, AskError, AskOptions } from '../support/ask.ts'
import type { TestGateway } from '../support/gateway.ts'

/** What has happened so far. An answer is judged by the phase in which its request began. */
export type Phase = 'before' | 'broken' | 'mended'

/** `lost`: the client got no answer, or one that the fault does not excuse. `wrong`: one that must never be given. */
export type Verdict = 'ok' | 'lost' | 'wrong'

/** Where in the run a request belongs. */
export interface Asked {
  readonly phase: Phase
  /** On the clock of `performance.now`. */
  readonly beganMs: number
  /** Number of the client; each has one connection at a time. */
  readonly client: number
}

/** One kind of request of the steady load. */
export interface Kind {
  readonly name: string
  make(n: number): { readonly path: string } & AskOptions
  judge(answer: Answer, phase: Phase, asked: Asked): Verdict
  /** Of a request that got no whole answer. Without it, that is lost. */
  judgeFailure?(error: AskError, asked: Asked): Verdict
}

export interface Scene {
  /** Asked in turn. */
  readonly gateways: readonly TestGateway[]
  readonly kinds: readonly Kind[]
  /**
   * As clients do that know all gateways: one that does not listen is passed over for another, and a kept connection
   * that was closed before a byte came is made anew, both once for each gateway at the most.
   */
  readonly failover?: boolean
  /** Whether everything is as it was before the fault. Asked again and again after the mending. */
  recovered(): Promise<boolean>
  /** What was wrong in the whole run besides single answers, in plain sentences. */
  problems(): Promise<readonly string[]>
  stop(): Promise<void>
}

export interface Fault<S extends Scene = Scene> {
  /** As in issue 5: `Redis killed`. */
  readonly name: string
  /** Everything up, or in the state that the fault begins with. */
  start(): Promise<S>
  break(scene: S): Promise<void>
  mend(scene: S): Promise<void>
}

/** What one run of a fault gave. */
export interface Row {
  readonly name: string
  readonly requests: number
  readonly lost: number
  readonly wrong: number
  /** Longer than `hungMs`. */
  readonly hung: number
  readonly slowestMs: number
  /** From the end of the mending until everything was as before; null: not within `recoveryLimitMs`. */
  readonly recoveryMs: number | null
  readonly problems: readonly string[]
}

export const hungMs = 2_000
/** What issue 5 demands. */
export const recoveryLimitMs = 5_000

export function survived({ lost, wrong, hung, recoveryMs, problems }: Row): boolean {
  return lost + wrong + hung + problems.length === 0 && recoveryMs !== null
}
