// Who changed what and when. Main thread; the newest entries in memory, all of them appended to a file.
import { readFile } from 'node:fs/promises'
import type { AuditEntry } from '../contract/control-api.ts'
import type { Clock, Logger } from '../contract/ports.ts'
import { appendLines } from './whole-lines.ts'

export interface Audit {
  add(entry: Omit<AuditEntry, 'at'>): void
  /** Oldest first, also within one millisecond. */
  list(): readonly AuditEntry[]
  /** Resolves when all entries so far are on disk, or could not be written. */
  flush(): Promise<void>
}

const kept = 1_000
const retryMs = 1_000

/**
 * `file`: JSON lines. While it cannot be written, which is reported once, as many entries as are kept in memory wait for
 * it.
 */
export async function createAudit(file: string, clock: Clock, log: Logger): Promise<Audit> {
  const entries = await readEntries(file)
  const unwritten: string[] = []
  let inTrouble = false
  let retry: (() => void) | null = null
  let writing = Promise.resolve()

  const write = async (): Promise<void> => {
    retry?.()
    retry = null
    unwritten.splice(0, Math.max(0, unwritten.length - kept))
    const lines = [...unwritten]
    if (lines.length === 0) return
    try {
      await appendLines(file, lines)
      unwritten.splice(0, lines.length)
      if (inTrouble) log.info({ file, entries: lines.length }, 'the audit file can be written again')
      inTrouble = false
    } catch (error) {
      if (!inTrouble) log.warn({ err: error, file }, 'the audit file cannot be written')
      inTrouble = true
      retry = clock.after(retryMs, flush)
    }
  }
  const flush = (): Promise<void> => {
    writing = writing.then(write)
    return writing
  }
  return {
    add(entry) {
      const full: AuditEntry = { at: new Date(clock.wallMs()).toISOString(), ...entry }
      entries.push(full)
      if (entries.length > kept) entries.shift()
      log.info({ audit: full }, 'audit')
      unwritten.push(`${JSON.stringify(full)}\n`)
      void flush()
    },
    list: () => [...entries],
    flush,
  }
}

async function readEntries(file: string): Promise<AuditEntry[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
    return lines.slice(-kept).flatMap(parseEntry)
  } catch {
    // No file yet: nothing was done.
    return []
  }
}

/** A line cut off by a crash is passed over. */
function parseEntry(line: string): AuditEntry[] {
  try {
    return [JSON.parse(line) as AuditEntry]
  } catch {
    return []
  }
}
