// Writes edits of the admin API back to the config files. Main thread; called by gateway/control.
import { readFile, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigFiles } from '../gateway/contract/control-api.ts'
import { ConfigError, type ConfigProblem } from '../gateway/contract/errors.ts'
import { type FileOwner, type StagedFile, stageFile, writeAtomically } from './atomic-file.ts'
import { fileNames } from './load.ts'
import { noteWrite } from './unfinished-write.ts'

const newFile: FileOwner = { mode: 0o644 }

/**
 * Writes the given files, all or none, also when the process is killed: every one is on disk under another name before
 * the first is renamed, and a note of the renames is kept until the last (unfinished-write.ts). A symbolic link stays, its target is replaced; the file's mode and owner stay. Throws a
 * ConfigError that names the file and the reason.
 */
export async function writeConfigFiles(dir: string, changed: Partial<ConfigFiles>): Promise<void> {
  const keys = (Object.keys(fileNames) as (keyof ConfigFiles)[]).filter((key) => changed[key] !== undefined)
  const staged: Replacement[] = []
  let done = async (): Promise<void> => {}
  try {
    for (const key of keys) {
      const content = changed[key] as object
      staged.push(await attempt(fileNames[key], () => stage(join(dir, fileNames[key]), content)))
    }
    const [first, second] = keys
    if (first !== undefined && second !== undefined)
      done = await attempt(fileNames[first], () => noteWrite(dir, staged))
    await commitAll(keys, staged)
  } catch (error) {
    await Promise.all(staged.map((file) => file.discard()))
    throw error
  } finally {
    await done()
  }
}

/** The text of a config file: JSON, indented by two spaces, with a final newline. */
export function toFileText(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

interface Replacement extends StagedFile {
  /** Puts back what was there before. */
  undo(): Promise<void>
}

async function commitAll(
  keys: readonly (keyof ConfigFiles)[],
  staged: readonly Replacement[],
): Promise<void> {
  for (const [index, file] of staged.entries()) {
    try {
      await attempt(fileNames[keys[index] as keyof ConfigFiles], () => file.commit())
    } catch (error) {
      for (const replaced of staged.slice(0, index)) await replaced.undo()
      throw error
    }
  }
}

async function stage(path: string, content: object): Promise<Replacement> {
  const target = await realpath(path).catch(ifMissing(path))
  const owner = await stat(target)
    .then(({ mode, uid, gid }): FileOwner => ({ mode: mode & 0o7777, uid, gid }))
    .catch(ifMissing(newFile))
  const before = await readFile(target, 'utf8').catch(() => null)
  const staged = await stageFile(target, toFileText(content), owner)
  return {
    ...staged,
    undo: () => (before === null ? rm(target, { force: true }) : writeAtomically(target, before, owner)),
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}

async function attempt<T>(file: ConfigProblem['file'], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const reason = (error as Error).message
    const message = `The file cannot be written: ${reason}. Its directory must be writable for the gateway's user; a read-only mount (such as a Kubernetes ConfigMap) is changed at its source.`
    throw new ConfigError([{ file, pointer: '', message }])
  }
}
