// What a scenario is: something on the way to the upstream whose cost per request is measured.

export interface Bench {
  /** Origin of the upstream. */
  readonly upstream: string
  /** Core of the process that is measured. */
  readonly core: number
}

export interface Subject {
  readonly pid: number
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export interface Scenario {
  readonly name: string
  start(bench: Bench): Promise<Subject>
}
