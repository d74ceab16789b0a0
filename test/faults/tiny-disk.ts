// A disk that can be filled to its last byte: a file system in memory of its own where mounting is allowed, else a limit
// on the size of files, which needs no rights.
import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TinyDisk {
  readonly dir: string
  fill(): Promise<void>
  free(): Promise<void>
  remove(): Promise<void>
}

const sizeBytes = 8 * 1024 * 1024

/** Rejects with what to do where the process may not mount. */
export async function mountTinyDisk(): Promise<TinyDisk> {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=700`, 'tmpfs', dir], {
      stdio: 'pipe',
    })
  } catch (error) {
    await rm(dir, { recursive: true })
    throw new Error(`no file system can be mounted here, so this row needs root: ${(error as Error).message}`)
  }
  const filler = join(dir, 'filler')
  return {
    dir,
    async fill() {
      const file = await open(filler, 'a')
      try {
        // Large pieces first, then what is left, byte by byte in the end.
        for (const piece of [1_048_576, 4_096, 1]) while (await fits(file, piece));
      } finally {
        await file.close()
      }
    },
    free: () => rm(filler, { force: true }),
    async remove() {
      execFileSync('umount', ['-l', dir])
      await rm(dir, { recursive: true })
    },
  }
}

async function fits(file: Awaited<ReturnType<typeof open>>, bytes: number): Promise<boolean> {
  return file.write(Buffer.alloc(bytes)).then(
    ({ bytesWritten }) => bytesWritten === bytes,
    () => false,
  )
}

/** From now on no file that the process writes may have more bytes; null: as many as they need. */
export function limitFileSize(pid: number, bytes: number | null): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`])
}
