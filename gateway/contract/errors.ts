// The one error type of the data plane, and the shape of a config problem.

export type ErrorSource = 'downstream' | 'routing' | 'policy' | 'upstream' | 'plugin' | 'internal' | 'config'

export interface GatewayErrorOptions {
  readonly code: string
  readonly source: ErrorSource
  readonly status: number
  /** True only where another try cannot repeat an effect: nothing of the request was processed upstream. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

export class GatewayError extends Error {
  readonly code: string
  readonly source: ErrorSource
  readonly status: number
  readonly retryable: boolean

  constructor(message: string, options: GatewayErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatewayError'
    this.code = options.code
    this.source = options.source
    this.status = options.status
    this.retryable = options.retryable ?? false
  }
}

/** One bad place in the config. All of them are reported at once. */
export interface ConfigProblem {
  readonly file: ConfigFileName
  /** RFC 6901 JSON pointer into that file; '' is the whole file. */
  readonly pointer: string
  /** A plain sentence: what is wrong and what is allowed. */
  readonly message: string
}

export type ConfigFileName = 'gateway.json' | 'routes.json' | 'plugins.json'

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((p) => `${p.file}${p.pointer ? `#${p.pointer}` : ''}: ${p.message}`).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}
