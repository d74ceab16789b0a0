// Remembers files of plugins that were checked and found good, for as long as none of them changes: a rule set takes a
// second to check, and most edits of a config have nothing to do with it. Main thread; kept by gateway/control/live-config.ts.
import { statSync } from 'node:fs'
import type { PluginDefinition } from '../gateway/contract/plugin.ts'
import type { RecordedFiles } from '../gateway/contract/recorded-files.ts'
import type { FileRecorder } from './plugin-files.ts'

export interface CheckedPluginFiles {
  readonly recorded: RecordedFiles | null
  readonly looked: readonly string[]
}

export interface FileChecks {
  /** What was read, if it still stands on the disk as it did. */
  find(plugin: PluginDefinition, config: object): CheckedPluginFiles | undefined
  keep(plugin: PluginDefinition, config: object, checked: CheckedPluginFiles): void
}

type Kept = CheckedPluginFiles & { readonly signature: string }

/** A plugin has few entries that read files; the newest are those that matter. */
const mostKept = 16

/** A change within the grain of a file system's clock looks like none: so young a file is read again. */
const mtimeGrainMs = 2_000

export function createFileChecks(nowMs: () => number = Date.now): FileChecks {
  // By definition: changed code of an operator's module is another definition.
  const kept = new WeakMap<PluginDefinition, Map<string, Kept>>()
  return {
    find(plugin, config) {
      const known = kept.get(plugin)?.get(JSON.stringify(config))
      if (known === undefined) return undefined
      const { signature, young } = lookAt(known.looked, nowMs())
      return !young && signature === known.signature ? known : undefined
    },
    keep(plugin, config, checked) {
      const mine = kept.get(plugin) ?? new Map<string, Kept>()
      kept.set(plugin, mine)
      const key = JSON.stringify(config)
      mine.delete(key)
      mine.set(key, { ...checked, signature: lookAt(checked.looked, nowMs()).signature })
      const oldest = mine.keys().next()
      if (mine.size > mostKept && !oldest.done) mine.delete(oldest.value)
    },
  }
}

export function toChecked(recorder: FileRecorder): CheckedPluginFiles {
  return { recorded: recorder.recorded(), looked: [...recorder.looked] }
}

function lookAt(paths: readonly string[], nowMs: number): { signature: string; young: boolean } {
  let young = false
  const states = paths.map((path) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'none'
    if (nowMs - stats.mtimeMs < mtimeGrainMs) young = true
    return `${stats.mtimeMs}:${stats.ctimeMs}:${stats.size}:${stats.ino}`
  })
  return { signature: states.join(' '), young }
}
