// The rotated log file. Main thread; used by log-sink.ts. Not pino-roll: that one numbers the file being written
// (aegis.1.log, aegis.2.log ...), while operators and their shippers follow one name, logs/aegis.log, and find older
// lines in aegis.log.1, .2 ... The file is opened anew for every batch (a few a second), so that a rotation by
// somebody else, a deleted folder or a disk that was full needs no recovery of its own.
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface LogFileOptions {
  readonly path: string
  /** A batch that would make the file larger goes into a new one. */
  readonly rotateBytes: number
  /** Rotated files kept. */
  readonly keep: number
}

/** Appends whole lines; one call at a time. Rejects with the file system's error when they could not be written. */
export function createLogFile(options: LogFileOptions): (lines: Uint8Array) => Promise<void> {
  // After a write that failed half-way (disk full) the file may end within a line.
  let torn = false

  return async function append(lines) {
    const bytes = torn ? Buffer.concat([Buffer.from('\n'), lines]) : lines
    let file = await openForAppend(options.path)
    try {
      const { size } = await file.stat()
      if (size > 0 && size + bytes.length > options.rotateBytes) {
        await file.close()
        await rotate(options)
        file = await openForAppend(options.path)
      }
      torn = true
      await file.writeFile(bytes)
      torn = false
    } finally {
      await file.close()
    }
  }
}

async function openForAppend(path: string): Promise<FileHandle> {
  // Readable by owner and group only: the lines tell who asked for what.
  const openIt = () => open(path, 'a', 0o640)
  try {
    return await openIt()
  } catch (error) {
    if (!isNotFound(error)) throw error
    await mkdir(dirname(path), { recursive: true })
    return await openIt()
  }
}

async function rotate({ path, keep }: LogFileOptions): Promise<void> {
  if (keep === 0) return await rm(path)
  for (let number = keep - 1; number >= 0; number -= 1) {
    try {
      await rename(number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
