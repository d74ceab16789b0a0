// Appends lines to a file so that it holds whole lines only, each once: what a full disk took in part is taken back, and
// what a crash left of a line ends there. Main thread; used by audit.ts.
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Each line ends with a newline. Rejects when not all of them were written; then none is there. */
export async function appendLines(path: string, lines: readonly string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'a+', 0o600)
  try {
    const { size } = await file.stat()
    const start = size > 0 && !(await endsLine(file, size)) ? '\n' : ''
    try {
      await file.writeFile(start + lines.join(''))
    } catch (error) {
      await file.truncate(size).catch(() => {})
      throw error
    }
  } finally {
    await file.close()
  }
}

async function endsLine(file: FileHandle, size: number): Promise<boolean> {
  const last = Buffer.alloc(1)
  await file.read(last, 0, 1, size - 1)
  return last[0] === 10
}
