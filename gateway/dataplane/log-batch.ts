// Collects a worker's log lines and posts them to the main thread, which writes them. Worker thread; made by
// gateway/worker.ts. A line of the access log costs a copy of its bytes, never a write; the page is handed over whole.
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
  /** Whole lines of ASCII, each ended by a newline; the bytes are the receiver's. */
  readonly post: (stream: 'access' | 'system', lines: Uint8Array<ArrayBuffer>) => void
  readonly level: LogConfig['level']
  readonly clock: Clock
  /** Fields of every system line, such as the worker's index. */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** Longest time that a line waits; default 100. */
  readonly flushMs?: number
  /** Posted at once when this much has gathered; default 262144. */
  readonly limitBytes?: number
}

export function createLogBatch(options: LogBatchOptions): LogBatch {
  const { post, clock, flushMs = 100, limitBytes = 262_144 } = options
  let page = Buffer.allocUnsafeSlow(limitBytes)
  let used = 0
  let system = ''
  let cancelTimer: (() => void) | null = null

  function flush(): void {
    cancelTimer?.()
    cancelTimer = null
    if (system !== '') post('system', toBytes(system))
    system = ''
    postPage()
  }

  function postPage(): void {
    if (used === 0) return
    // A page that is nearly empty is copied: handing it over would cost a new one.
    const whole = used > limitBytes / 8
    post('access', whole ? page.subarray(0, used) : new Uint8Array(page.subarray(0, used)))
    if (whole) page = Buffer.allocUnsafeSlow(limitBytes)
    used = 0
  }

  function scheduleFlush(): void {
    cancelTimer ??= clock.after(flushMs, flush)
  }

  return {
    flush,
    access(line) {
      const safe = toSafeLine(line)
      if (used + safe.length + 1 > limitBytes) postPage()
      if (safe.length + 1 > limitBytes) return post('access', toBytes(`${safe}\n`))
      used += page.write(safe, used, 'latin1')
      page[used++] = 10
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

function toBytes(lines: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(lines, 'latin1'))
}
