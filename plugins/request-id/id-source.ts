// Random span and trace ids, taken from the system in large pieces: one small read per request costs more than the rest
// of the plugin. Worker thread.
import { randomFillSync } from 'node:crypto'

export interface IdSource {
  /** 16 hex digits, never all zero. */
  spanId(): string
  /** 32 hex digits, never all zero. */
  traceId(): string
}

const poolBytes = 4096

export function createIdSource(fill: (bytes: Buffer) => void = randomFillSync): IdSource {
  const pool = Buffer.alloc(poolBytes)
  let used = poolBytes

  function take(bytes: number): string {
    for (;;) {
      if (used + bytes > poolBytes) {
        fill(pool)
        used = 0
      }
      const id = pool.toString('hex', used, used + bytes)
      used += bytes
      if (!isAllZero(id)) return id
    }
  }

  return { spanId: () => take(8), traceId: () => take(16) }
}

/** W3C Trace Context: an id of zeros only is no id. */
export function isAllZero(id: string): boolean {
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) !== 48) return false
  return true
}
