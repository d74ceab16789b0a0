// Files that a plugin's config names (such as WAF rules): read here, recorded for the workers, watched for changes.
// Main thread; called by check/plugin-entries.ts.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { FileReader } from '../gateway/contract/ports.ts'
import type { RecordedFiles } from '../gateway/contract/recorded-files.ts'

export interface FileRecorder extends FileReader {
  /** null when nothing was asked for. */
  recorded(): RecordedFiles | null
  /** Absolute paths that were looked at, files and directories, also those that are not there. */
  readonly looked: ReadonlySet<string>
}

export interface FileRecorderOptions {
  readonly configDir: string
  readonly variables: Readonly<Record<string, string | undefined>>
}

const largestFileBytes = 16 << 20
const largestSumBytes = 64 << 20
const mostFiles = 10_000

export function createFileRecorder(options: FileRecorderOptions): FileRecorder {
  return new Recorder(options)
}

class Recorder implements FileRecorder {
  readonly looked = new Set<string>()
  readonly #options: FileRecorderOptions
  readonly #texts: Record<string, string> = Object.create(null)
  readonly #lists: Record<string, readonly string[]> = Object.create(null)
  readonly #variables: Record<string, string | null> = Object.create(null)
  #bytes = 0
  #asked = 0

  constructor(options: FileRecorderOptions) {
    this.#options = options
  }

  read(path: string): string {
    const known = this.#texts[path]
    if (known !== undefined) return known
    const absolute = resolve(this.#options.configDir, path)
    this.looked.add(absolute)
    const text = readText(absolute)
    this.#bytes += text.length
    this.#count()
    if (this.#bytes > largestSumBytes)
      throw new Error(`the files have more than ${largestSumBytes} bytes in all`)
    this.#texts[path] = text
    return text
  }

  find(pattern: string): readonly string[] {
    const known = this.#lists[pattern]
    if (known !== undefined) return known
    this.#count()
    const found = expand(resolve(this.#options.configDir, pattern), this.looked)
    this.#lists[pattern] = found
    return found
  }

  variable(name: string): string | undefined {
    const value = this.#options.variables[name]
    this.#variables[name] = value === undefined || value === '' ? null : value
    this.#asked += 1
    return this.#variables[name] ?? undefined
  }

  recorded(): RecordedFiles | null {
    if (this.#asked === 0) return null
    const content = {
      texts: { ...this.#texts },
      lists: { ...this.#lists },
      variables: { ...this.#variables },
    }
    const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex')
    return { digest, ...content }
  }

  #count(): void {
    this.#asked += 1
    if (this.#asked > mostFiles) throw new Error(`more than ${mostFiles} files are asked for`)
  }
}

function readText(path: string): string {
  try {
    const stats = statSync(path)
    // Opening a pipe would wait for a writer, for ever.
    if (!stats.isFile()) throw new Error('it is not a regular file')
    if (stats.size > largestFileBytes) throw new Error(`it has more than ${largestFileBytes} bytes`)
    return readFileSync(path, 'latin1')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Error(`${path} ${missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`}`)
  }
}

/** Alphabetical. `looked` gets every directory whose content decides, and the file of a pattern without wildcards. */
function expand(pattern: string, looked: Set<string>): string[] {
  const [root = '', ...segments] = pattern.split('/')
  let paths = [`${root}/`]
  for (const segment of segments) {
    paths = /[*?]/.test(segment)
      ? paths.flatMap((path) => listMatching(path, segment, looked))
      : paths.map((path) => join(path, segment))
  }
  if (!/[*?]/.test(pattern)) for (const path of paths) looked.add(path).add(dirname(path))
  return paths.filter(isFile).sort()
}

function listMatching(directory: string, segment: string, looked: Set<string>): string[] {
  looked.add(resolve(directory))
  // Runs over the names in a directory that the operator's config names, not over a client's input.
  const source = segment
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replaceAll('?', '[^/]')
  const matcher = new RegExp(`^${source}$`)
  try {
    return readdirSync(directory)
      .filter((name) => matcher.test(name) && (segment.startsWith('.') || !name.startsWith('.')))
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
