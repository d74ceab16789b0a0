// The newest log lines, and those who watch new ones come. Main thread; used by log-sink.ts.

export interface RecentLines {
  /** Whole lines of ASCII. */
  add(lines: Uint8Array): void
  lines(): string[]
  follow(onLine: (line: string) => void): () => void
}

const keptBytes = 524_288
const keptLines = 1_000

/** Batches are kept as they came and split only when somebody asks: this runs for every line of the access log. */
export function createRecentLines(): RecentLines {
  const batches: Uint8Array[] = []
  let bytes = 0
  const followers = new Set<(line: string) => void>()

  return {
    add(lines) {
      batches.push(lines)
      bytes += lines.length
      while (batches.length > 1 && bytes > keptBytes) bytes -= batches.shift()?.length ?? 0
      if (followers.size === 0) return
      for (const line of split([lines])) for (const follower of followers) tell(follower, line)
    },
    lines: () => split(batches).slice(-keptLines),
    follow(onLine) {
      // Wrapped, so that following twice with one function is two subscriptions.
      const follower = (line: string) => onLine(line)
      followers.add(follower)
      return () => void followers.delete(follower)
    },
  }

  function tell(follower: (line: string) => void, line: string): void {
    try {
      follower(line)
    } catch {
      // A watcher that fails is no reason to stop logging.
      followers.delete(follower)
    }
  }
}

function split(batches: readonly Uint8Array[]): string[] {
  const text = Buffer.concat(batches).toString('latin1')
  return text.split('\n').filter((line) => line !== '')
}
