// Who changed what and when. Main thread; the newest entries in memory, all of them appended to a file.
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AuditEntry } from '../contract/control-api.ts'
import type { Clock, Logger } from '../contract/ports.ts'

export interface Audit {
  add(entry: Omit<AuditEntry, 'at'>): void
  /** Oldest first, also within one millisecond. */
  list(): readonly AuditEntry[]
  /** Resolves when all entries so far are on disk, or could not be written. */
  flush(): Promise<void>
}

const kept = 1_000

/** `file`: JSON lines. One that cannot be read or written is reported once; the entries in memory still count. */
export async function createAudit(file: string, clock: Clock, log: Logger): Promise<Audit> {
  const entries = await readEntries(file)
  let warned = false
  let writing: Promise<void> = mkdir(dirname(file), { recursive: true }).then(
    () => {},
    () => {},
  )
  return {
    add(entry) {
      const full: AuditEntry = { at: new Date(clock.wallMs()).toISOString(), ...entry }
      entries.push(full)
      if (entries.length > kept) entries.shift()
      log.info({ audit: full }, 'audit')
      writing = writing
        .then(() => appendFile(file, `${JSON.stringify(full)}\n`, { mode: 0o600 }))
        .catch((error: Error) => {
          if (!warned) log.warn({ err: error, file }, 'the audit file cannot be written')
          warned = true
        })
    },
    list: () => [...entries],
    flush: () => writing,
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
