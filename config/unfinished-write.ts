// A change of several config files must not be left half-done by a crash: before the first file is put in place, a note
// beside them says what is to be put where, and a start finishes what the note says. Main thread; the note is written by
// write.ts, finished by gateway/start.ts before it reads the files.
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type StagedFile, syncFolder, temporaryPattern, writeAtomically } from './atomic-file.ts'

const noteName = '.aegis-write.json'
/** A temporary file is in use for moments only; one as old as this is a crash's. */
const leftOverMs = 60_000

interface Step {
  /** Relative to the directory of the note. */
  readonly from: string
  readonly to: string
}

/** From here on the change counts, whatever happens to the process. The returned function takes the note away. */
export async function noteWrite(dir: string, staged: readonly StagedFile[]): Promise<() => Promise<void>> {
  const path = join(dir, noteName)
  const files = staged.map(({ temporary, path: to }): Step => {
    return { from: relative(dir, temporary), to: relative(dir, to) }
  })
  await writeAtomically(path, `${JSON.stringify({ files })}\n`, { mode: 0o600 })
  return () => rm(path, { force: true }).catch(() => {})
}

/** Never rejects for what a crash can leave; a directory that cannot be written is left as it is. */
export async function finishWrite(dir: string): Promise<void> {
  for (const { from, to } of await readNote(dir)) {
    const target = resolve(dir, to)
    // Gone when it was put in place before the crash.
    await rename(resolve(dir, from), target).catch(() => {})
    await syncFolder(resolve(target, '..'))
  }
  await rm(join(dir, noteName), { force: true }).catch(() => {})
  await removeLeftOvers(dir)
}

async function readNote(dir: string): Promise<readonly Step[]> {
  try {
    const { files } = JSON.parse(await readFile(join(dir, noteName), 'utf8')) as { files: Step[] }
    return files.every(({ from, to }) => typeof from === 'string' && typeof to === 'string') ? files : []
  } catch {
    return []
  }
}

async function removeLeftOvers(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => [])
  for (const name of names) {
    if (!temporaryPattern.test(name)) continue
    const path = join(dir, name)
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > leftOverMs) await rm(path, { force: true }).catch(() => {})
  }
}
