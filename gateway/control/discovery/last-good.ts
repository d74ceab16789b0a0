// The last endpoints that were found, kept on disk: a gateway that starts while Consul or DNS is away begins with them.
// Main thread. Trouble with the disk is a warning.
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeAtomically } from '../../../config/atomic-file.ts'
import type { Clock, Logger } from '../../contract/ports.ts'
import type { TargetConfig } from '../../contract/snapshot.ts'

export interface LastGood {
  /** null: nothing was ever found by these settings. */
  get(key: string, source: string): readonly TargetConfig[] | null
  set(key: string, source: string, targets: readonly TargetConfig[]): void
  /** Forgets upstreams that the config no longer has. */
  retain(keep: (key: string) => boolean): void
  /** Resolves when what is known is on disk, or has failed to get there. */
  flush(): Promise<void>
}

interface Known {
  readonly source: string
  readonly targets: readonly TargetConfig[]
}

/** Tenants' parts that nobody asked for since are forgotten beyond this, the oldest first. */
const most = 10_000
/** Changes within this time are written together. */
const writeAfterMs = 500
const retryMs = 1_000

export function createLastGood(path: string, clock: Clock, log: Logger): LastGood {
  const known = read(path, log)
  let due: (() => void) | null = null
  let writing = Promise.resolve()
  let inTrouble = false
  const write = (): void => {
    due = null
    const text = `${JSON.stringify({ version: 1, upstreams: Object.fromEntries(known) })}\n`
    writing = writing
      .then(() => writeAtomically(path, text, { mode: 0o600 }))
      .then(() => {
        inTrouble = false
      })
      .catch((error) => {
        if (!inTrouble) log.warn({ err: error, path }, 'the last good endpoints cannot be kept on disk')
        inTrouble = true
        due ??= clock.after(retryMs, write)
      })
  }
  const changed = (): void => {
    due ??= clock.after(writeAfterMs, write)
  }
  return {
    get(key, source) {
      const one = known.get(key)
      return one?.source === source ? one.targets : null
    },
    set(key, source, targets) {
      known.delete(key)
      known.set(key, { source, targets })
      const oldest = known.keys().next()
      if (known.size > most && !oldest.done) known.delete(oldest.value)
      changed()
    },
    retain(keep) {
      for (const key of known.keys()) {
        if (keep(key)) continue
        known.delete(key)
        changed()
      }
    },
    async flush() {
      if (due !== null) {
        due()
        write()
      }
      await writing
    },
  }
}

function read(path: string, log: Logger): Map<string, Known> {
  const known = new Map<string, Known>()
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const { upstreams } = JSON.parse(readFileSync(path, 'utf8')) as { upstreams: Record<string, Known> }
    for (const [key, one] of Object.entries(upstreams)) if (isKnown(one)) known.set(key, one)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn({ err: error, path }, 'the last good endpoints on disk cannot be read; they are ignored')
    }
  }
  return known
}

function isKnown(value: unknown): value is Known {
  const { source, targets } = (value ?? {}) as Partial<Known>
  return typeof source === 'string' && Array.isArray(targets) && targets.every(isTarget)
}

function isTarget(value: unknown): boolean {
  const { url, weight, host } = (value ?? {}) as Partial<TargetConfig>
  const isOrigin = typeof url === 'string' && URL.parse(url)?.origin === url
  return isOrigin && Number.isSafeInteger(weight) && (host === undefined || typeof host === 'string')
}
