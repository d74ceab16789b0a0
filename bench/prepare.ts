// Makes sure that the programs of the bench are there; bench/run.ts and its like begin with it. Installs what is missing
// through apt where it may, else says what to install.
import { spawnSync } from 'node:child_process'
import { type Program, programs } from './programs.ts'

/** Throws when a program is missing and cannot be installed from here. */
export function preparePrograms(): void {
  const missing = programs.filter(isMissing)
  if (missing.length === 0) return
  if (process.getuid?.() === 0 && succeeds('sh', ['-c', 'command -v apt-get'])) {
    const packages = missing.map(({ debian }) => debian)
    console.log(`Installing for the bench: ${packages.join(', ')}`)
    install(packages)
  }
  const still = missing.filter(isMissing)
  if (still.length > 0) throw new Error(explain(still))
}

export function explain(missing: readonly Program[]): string {
  return [
    'The bench needs these programs, and they could not be installed from here:',
    ...missing.map(({ name, usedFor }) => `  - ${name} (${usedFor})`),
    `On Debian 12: sudo apt-get install --no-install-recommends ${missing.map(({ debian }) => debian).join(' ')}`,
    'Elsewhere: install them by the means of your system. Stop the services that come with them; the bench starts its own.',
  ].join('\n')
}

function isMissing({ check }: Program): boolean {
  return !succeeds('sh', ['-c', check])
}

function install(packages: readonly string[]): void {
  // In runlevel 1 the packages do not start the services that they bring; where systemd runs, it starts them.
  const apt = (...args: string[]): boolean =>
    succeeds('env', ['RUNLEVEL=1', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args], 'inherit')
  if (apt('update')) apt('install', '-y', '--no-install-recommends', ...packages)
}

function succeeds(command: string, args: readonly string[], stdio: 'ignore' | 'inherit' = 'ignore'): boolean {
  return spawnSync(command, args, { stdio: ['ignore', stdio, stdio] }).status === 0
}
