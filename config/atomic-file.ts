// Atomic writes: a reader sees the old file or the new one, also after a crash. Main thread.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface FileOwner {
  /** Permission bits. */
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

/** A written temporary file beside its target, waiting for its rename. */
export interface StagedFile {
  readonly path: string
  readonly temporary: string
  /** Puts it in the target's place. */
  commit(): Promise<void>
  discard(): Promise<void>
}

/** Names of temporary files. */
export const temporaryPattern = /^\..+\.json(l)?\.[0-9a-f]{12}\.tmp$/

/** Writes and syncs the text beside `path`, which must not be a symbolic link. */
export async function stageFile(path: string, text: string, owner: FileOwner): Promise<StagedFile> {
  const folder = dirname(path)
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  const discard = () => rm(temporary, { force: true })
  try {
    const handle = await open(temporary, 'wx', owner.mode)
    try {
      // The mode given to open is cut by the umask.
      await handle.chmod(owner.mode)
      await keepOwner(handle, owner)
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await discard()
    throw error
  }
  const commit = async () => {
    await rename(temporary, path)
    await syncFolder(folder)
  }
  return { path, temporary, commit, discard }
}

export async function writeAtomically(path: string, text: string, owner: FileOwner): Promise<void> {
  const staged = await stageFile(path, text, owner)
  try {
    await staged.commit()
  } catch (error) {
    await staged.discard()
    throw error
  }
}

/** Only root may give a file away; for others the file they can write is theirs anyway. */
async function keepOwner(handle: FileHandle, { uid, gid }: FileOwner): Promise<void> {
  if (uid === undefined || gid === undefined || process.getuid?.() !== 0) return
  await handle.chown(uid, gid)
}

/** Makes the rename itself survive a crash; some file systems cannot sync folders, where nothing more can be done. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  if (handle === null) return
  await handle.sync().catch(() => {})
  await handle.close()
}
