// Tells when the content of the config files has changed: written in place, renamed over, swapped by a symbolic link
// (of a file or of the whole directory, as Kubernetes does), deleted and made again. Main thread.
import { createHash } from 'node:crypto'
import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileNames } from './load.ts'

export interface WatchOptions {
  readonly dir: string
  /** More files to watch, such as secrets and modules, and directories whose list of names counts; absolute. */
  readonly extraPaths?: readonly string[]
  /** Called with the paths whose content changed; also when a file is gone or came back. */
  readonly onChange: (changed: readonly string[]) => void
  /** How often the files are looked at when the system reports nothing; default 250. */
  readonly pollMs?: number
}

export interface ConfigWatch {
  /** Replaces `extraPaths`; a new one counts as unchanged. */
  follow(extraPaths: readonly string[]): void
  /** The files are about to be read. */
  reading(): void
  /**
   * What was read was refused. Any write since then is a change, also one that puts back the last content that was
   * reported: somebody mended a file before it was looked at again.
   */
  refused(): void
  close(): void
}

/** What stat says of a path; equal signatures mean an unchanged file. */
type Signature = string

interface Watched {
  signature: Signature
  /** SHA-256 of the content, or why there is none. */
  content: string
}

/** A writer that needs several writes is given this long to finish before the file is read. */
const settleMs = 40

export function watchConfig(options: WatchOptions): ConfigWatch {
  const { dir, onChange, pollMs = 250 } = options
  const own = Object.values(fileNames).map((name) => join(dir, name))
  const files = new Map<string, Watched>()
  const whenRead = new Map<string, Signature>()
  const hints = createHints(dir, () => look(settleMs / 2))
  let timer: NodeJS.Timeout | null = null
  let dueMs = 0
  let looking = false
  let hinted = false
  let closed = false

  // Read at once, so that no change after this call is missed.
  const start = (paths: readonly string[]) => {
    for (const path of paths) if (!files.has(path)) files.set(path, lookSync(path))
  }
  const look = (delayMs: number) => {
    if (closed) return
    if (looking) {
      hinted = true
      return
    }
    // A later hint never puts off a look: a busy directory must not hide a change.
    const due = performance.now() + delayMs
    if (timer !== null && dueMs <= due) return
    if (timer !== null) clearTimeout(timer)
    dueMs = due
    timer = setTimeout(run, delayMs)
  }
  const run = async () => {
    timer = null
    looking = true
    hinted = false
    hints.renew()
    const changed = await findChanges(files)
    looking = false
    if (closed) return
    if (changed.length > 0) onChange(changed)
    look(hinted ? settleMs / 2 : pollMs)
  }

  start([...own, ...(options.extraPaths ?? [])])
  hints.renew()
  look(pollMs)
  return {
    follow(extraPaths) {
      const wanted = new Set([...own, ...extraPaths])
      for (const path of files.keys()) if (!wanted.has(path)) files.delete(path)
      start([...wanted])
    },
    reading() {
      for (const path of files.keys()) whenRead.set(path, signatureSync(path, toSignature))
    },
    refused() {
      for (const [path, signature] of whenRead) {
        if (files.has(path)) files.set(path, { signature, content: 'refused' })
      }
      whenRead.clear()
    },
    close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      hints.close()
    },
  }
}

/** fs.watch on the directory: quick, but blind to swapped links and silent on some file systems; so only a hint. */
function createHints(dir: string, onHint: () => void) {
  let watcher: FSWatcher | null = null
  let inode = ''
  const stop = () => {
    watcher?.close()
    watcher = null
  }
  return {
    /** The directory itself may have been replaced. */
    renew() {
      const now = signatureSync(dir, (stats) => `${stats.dev}:${stats.ino}`)
      if (now === inode && watcher !== null) return
      stop()
      inode = now
      try {
        watcher = watch(dir, { persistent: false }, onHint)
        watcher.on('error', stop)
      } catch {
        // The polling goes on; the next look tries again.
      }
    },
    close: stop,
  }
}

async function findChanges(files: Map<string, Watched>): Promise<string[]> {
  const changed: string[] = []
  for (const [path, known] of files) {
    const signature = await signatureOf(path)
    if (signature === known.signature) continue
    const settled = await settle(path, signature)
    const content = await contentOf(path)
    if (content !== known.content) changed.push(path)
    known.signature = settled
    known.content = content
  }
  return changed
}

/** Waits until the file has stood still for a moment, though not for ever: some are always written to. */
async function settle(path: string, first: Signature): Promise<Signature> {
  let before = first
  for (let tries = 0; tries < 5; tries++) {
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    const now = await signatureOf(path)
    if (now === before) break
    before = now
  }
  return before
}

type Stats = Awaited<ReturnType<typeof bigStat>>
const bigStat = (path: string) => stat(path, { bigint: true })

function toSignature(stats: Stats): Signature {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')
}

async function signatureOf(path: string): Promise<Signature> {
  return bigStat(path).then(toSignature, errorCode)
}

function signatureSync(path: string, read: (stats: Stats) => string): Signature {
  try {
    return read(statSync(path, { bigint: true }))
  } catch (error) {
    return errorCode(error)
  }
}

async function contentOf(path: string): Promise<string> {
  return readFile(path).then(hash, (error) => listing(path) ?? errorCode(error))
}

/** The content of a directory is the names in it; undefined for what is none. */
function listing(path: string): string | undefined {
  try {
    return readdirSync(path).sort().join('\n')
  } catch {
    return undefined
  }
}

function lookSync(path: string): Watched {
  const signature = signatureSync(path, toSignature)
  try {
    return { signature, content: hash(readFileSync(path)) }
  } catch (error) {
    return { signature, content: listing(path) ?? errorCode(error) }
  }
}

function hash(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function errorCode(error: unknown): string {
  return `none: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`
}
