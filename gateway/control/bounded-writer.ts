// A queue of log lines before a slow or broken place. Main thread; used by log-sink.ts. It holds a bounded amount,
// loses and counts what does not fit, and says so once: a full disk or a stopped reader must not cost a request.

export interface BoundedWriter {
  /** Whole lines of ASCII, each ended by a newline. Never blocks, never throws. */
  write(lines: string): void
  /** Lines lost since the start. */
  lost(): number
  /** Resolves when all is written, or at the deadline. */
  close(deadlineMs: number): Promise<void>
}

export interface BoundedWriterOptions {
  /** Writes all of it or rejects. */
  readonly deliver: (lines: string) => Promise<void>
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
  const queue: string[] = []
  let queuedBytes = 0
  let lost = 0
  let lostBeforeTrouble = 0
  let inTrouble = false
  let running: Promise<void> | null = null

  function lose(lines: string, reason: string): void {
    if (!inTrouble) lostBeforeTrouble = lost
    lost += countLines(lines)
    if (inTrouble) return
    inTrouble = true
    options.onLoss(reason)
  }

  function takeChunk(): string {
    let chunk = queue.shift() ?? ''
    while (queue[0] !== undefined && chunk.length + queue[0].length <= options.chunkBytes)
      chunk += queue.shift()
    queuedBytes -= chunk.length
    return chunk
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

function countLines(lines: string): number {
  let count = 0
  for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) count += 1
  return count
}
