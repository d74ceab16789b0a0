// Where all log lines end: standard output, the rotated file, and whoever follows them in the admin API. Main thread;
// made by gateway/main.ts. Nothing here blocks or throws.
import { pino } from 'pino'
import { toSafeLine } from '../contract/log-line.ts'
import type { Logger } from '../contract/ports.ts'
import type { LogConfig } from '../contract/snapshot.ts'
import { type BoundedWriter, createBoundedWriter } from './bounded-writer.ts'
import { createFdWriter } from './fd-writer.ts'
import { createLogFile } from './log-file.ts'
import { createRecentLines } from './recent-lines.ts'

export interface LogSink {
  /** Whole lines, each ended by a newline, as workers post them. */
  write(stream: 'access' | 'system', lines: Uint8Array): void
  /** The main thread's own system log. */
  readonly logger: Logger
  /** Calls back with every line from now on; the returned function ends it. */
  follow(onLine: (line: string) => void): () => void
  /** The newest lines, oldest first. */
  recent(): string[]
  /** Lines that could not be written, by place. */
  lost(): { readonly stdout: number; readonly file: number }
  /** Resolves when all is written, or after two seconds. */
  close(): Promise<void>
}

export interface LogSinkOptions {
  /** Default 1, the process' standard output. */
  readonly stdoutFd?: number
  /** Most bytes that wait before standard output, and as many before the file; default 8 MiB. */
  readonly limitBytes?: number
}

const closeDeadlineMs = 2_000
const chunkBytes = 1_048_576

export function createLogSink(config: LogConfig, options: LogSinkOptions = {}): LogSink {
  const limitBytes = options.limitBytes ?? 8 * 1_048_576
  const recent = createRecentLines()
  const logger = pino(
    {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    },
    { write: (line: string) => write('system', Buffer.from(`${toSafeLine(line.trimEnd())}\n`)) },
  )

  function createPlace(
    name: string,
    chunk: number,
    deliver: (lines: Uint8Array) => Promise<void>,
  ): BoundedWriter {
    return createBoundedWriter({
      deliver,
      limitBytes,
      chunkBytes: chunk,
      onLoss: (reason) =>
        logger.warn({ place: name, reason }, `Log lines cannot be written to ${name}; serving goes on`),
      onRecovery: (lines) => logger.info({ place: name, lines_lost: lines }, `Log lines reach ${name} again`),
    })
  }

  const stdout = createPlace('standard output', 65_536, createFdWriter(options.stdoutFd ?? 1))
  const file =
    config.file === null
      ? null
      : createPlace(
          config.file,
          Math.min(chunkBytes, config.rotateBytes),
          createLogFile({ path: config.file, rotateBytes: config.rotateBytes, keep: config.rotateKeep }),
        )

  function write(stream: 'access' | 'system', lines: Uint8Array): void {
    if (lines.length === 0) return
    if (stream === 'system' || config.access === 'stdout') stdout.write(lines)
    file?.write(lines)
    recent.add(lines)
  }

  return {
    write,
    logger,
    follow: recent.follow,
    recent: recent.lines,
    lost: () => ({ stdout: stdout.lost(), file: file?.lost() ?? 0 }),
    async close() {
      await Promise.all([stdout.close(closeDeadlineMs), file?.close(closeDeadlineMs)])
    },
  }
}
