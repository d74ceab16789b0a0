// Collects a worker's log lines and posts them to the main thread, which writes them. Worker thread; made by
// gateway/worker.ts. A request costs a string concatenation, never a write.
import { pino } from 'pino'
import { toSafeLine } from '../contract/log-line.ts'
import type { Clock, Logger } from '../contract/ports.ts'
import type { LogConfig } from '../contract/snapshot.ts'

export interface LogBatch {
  /** One JSON object without a trailing newline. */
  access(line: string): void
  readonly logger: Logger
  /** Posts what is there now; called before the worker ends. */
  flush(): void
}

export interface LogBatchOptions {
  /** Whole lines, each ended by a newline. */
  readonly post: (stream: 'access' | 'system', lines: string) => void
  readonly level: LogConfig['level']
  readonly clock: Clock
  /** Fields of every system line, such as the worker's index. */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** Longest time that a line waits; default 100. */
  readonly flushMs?: number
  /** Posted at once when this much has gathered; default 65536. */
  readonly limitBytes?: number
}

export function createLogBatch(options: LogBatchOptions): LogBatch {
  const { post, clock, flushMs = 100, limitBytes = 65_536 } = options
  let access = ''
  let system = ''
  let cancelTimer: (() => void) | null = null

  function flush(): void {
    cancelTimer?.()
    cancelTimer = null
    const [accessLines, systemLines] = [access, system]
    access = ''
    system = ''
    if (systemLines !== '') post('system', systemLines)
    if (accessLines !== '') post('access', accessLines)
  }

  function scheduleFlush(): void {
    // Lines are ASCII: a character is a byte.
    if (access.length + system.length >= limitBytes) flush()
    else if (cancelTimer === null) cancelTimer = clock.after(flushMs, flush)
  }

  return {
    flush,
    access(line) {
      access += `${toSafeLine(line)}\n`
      scheduleFlush()
    },
    logger: pino(
      {
        level: options.level,
        base: { ...options.bindings },
        timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
        serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
      },
      {
        write(line: string) {
          system += `${toSafeLine(line.trimEnd())}\n`
          scheduleFlush()
        },
      },
    ),
  }
}
