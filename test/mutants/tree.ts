// A copy of the project in which rules are taken out, so that the work tree is never touched. Used by run.ts.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applyMutant, type Mutant } from './mutant.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** A rule may be what ends a wait: a test that hangs without it has failed. */
const testLimitMs = 180_000

export class Tree {
  readonly #parent = mkdtempSync(join(tmpdir(), 'aegis-mutants-'))
  readonly #dir = join(this.#parent, 'project')

  constructor() {
    const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
    })
    if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`)
    for (const file of listed.stdout.toString().split('\0').filter(Boolean))
      cpSync(join(root, file), join(this.#dir, file), { recursive: true })
    // Packages, programs that were fetched, and the vectors that stand beside the project.
    for (const linked of ['node_modules', '.cache', '../shared'])
      symlinkSync(join(root, linked), join(this.#dir, linked))
  }

  /** True when all of the tests pass. */
  async passes(tests: readonly string[]): Promise<boolean> {
    const run = spawn(process.execPath, ['--test', ...tests], {
      cwd: this.#dir,
      // A process group of its own: what a test that failed leaves behind (gateways, services) ends with it.
      detached: true,
      stdio: 'ignore',
    })
    const limit = setTimeout(() => endGroup(run.pid), testLimitMs)
    const [code] = await once(run, 'exit')
    clearTimeout(limit)
    endGroup(run.pid)
    return code === 0
  }

  /** As `passes`, with the rule of the mutant taken out. */
  async passesWithout(mutant: Mutant): Promise<boolean> {
    const path = join(this.#dir, mutant.file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, applyMutant(mutant, text))
    try {
      return await this.passes(mutant.tests)
    } finally {
      writeFileSync(path, text)
    }
  }

  remove(): void {
    rmSync(this.#parent, { recursive: true, force: true })
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}
