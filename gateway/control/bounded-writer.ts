// A queue of log lines before a slow or broken place. Main thread; used by log-sink.ts. It holds a bounded amount,
// loses and counts what does not fit, and says so once: a full disk or a stopped reader must not cost a request.

export interface BoundedWriter {
  /** Whole lines of ASCII, each ended by a newline. Never blocks, never throws. */
  write(lines: Uint8Array): void
  /** Lines lost since the start. */
  lost(): number
  /** Resolves when all is written, or at the deadline. */
  close(deadlineMs: number): Promise<void>
}

export interface BoundedWriterOptions {
  /** Writes all of it or rejects. */
  readonly deliver: (lines: Uint8Array) => Promise<void>
  /** Most bytes held. */
  readonly limitBytes: number
  /** Most bytes handed over at once, unless one write was larger. */
  readonly chunkBytes: number
  /** First loss after a time without one. */
  readonly onLoss: (reason: string) => void
  /** Everything is written again; with the lines lost meanwhile. */
  readonly onRecovery: (lostLines: number) => void
}

export function createBoundedWriter(options: BoundedWriterOptions): BoundedWriter {
  const queue: Uint8Array[] = []
  let queuedBytes = 0
  let lost = 0
  let lostBeforeTrouble = 0
  let inTrouble = false
  let running: Promise<void> | null = null

  function lose(lines: Uint8Array, reason: string): void {
    if (!inTrouble) lostBeforeTrouble = lost
    lost += countLines(lines)
    if (inTrouble) return
    inTrouble = true
    options.onLoss(reason)
  }

  function takeChunk(): Uint8Array {
    const chunk = [queue.shift() as Uint8Array]
    let bytes = chunk[0]?.length ?? 0
    while (queue[0] !== undefined && bytes + queue[0].length <= options.chunkBytes) {
      bytes += queue[0].length
      chunk.push(queue.shift() as Uint8Array)
    }
    queuedBytes -= bytes
    return chunk.length === 1 ? (chunk[0] as Uint8Array) : Buffer.concat(chunk, bytes)
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const chunk = takeChunk()
      try {
        await options.deliver(chunk)
      } catch (error) {
        lose(chunk, error instanceof Error ? error.message : String(error))
        continue
      }
      if (!inTrouble || queue.length > 0) continue
      inTrouble = false
      options.onRecovery(lost - lostBeforeTrouble)
    }
    running = null
  }

  return {
    lost: () => lost,
    write(lines) {
      if (queuedBytes + lines.length > options.limitBytes) {
        lose(lines, `it does not keep up with more than ${options.limitBytes} bytes waiting`)
        return
      }
      queue.push(lines)
      queuedBytes += lines.length
      running ??= run()
    },
    async close(deadlineMs) {
      if (running === null) return
      let timer: NodeJS.Timeout | undefined
      const deadline = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs)
      })
      await Promise.race([running, deadline])
      clearTimeout(timer)
    },
  }
}

function countLines(lines: Uint8Array): number {
  let count = 0
  for (let at = lines.indexOf(10); at >= 0; at = lines.indexOf(10, at + 1)) count += 1
  return count
}
