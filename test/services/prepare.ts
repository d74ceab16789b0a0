// Makes sure that the programs which tests run are there; `npm test` begins with it. Installs what is missing through
// apt where it may, else says what to install and fails: no test is skipped for want of a program.
import { spawnSync } from 'node:child_process'
import { type Program, programs } from './programs.ts'

function isThere(program: Program): boolean {
  return program.anyOf.some((command) => succeeds('sh', ['-c', command]))
}

function succeeds(command: string, args: readonly string[], stdio: 'ignore' | 'inherit' = 'ignore'): boolean {
  return spawnSync(command, args, { stdio: ['ignore', stdio, stdio] }).status === 0
}

function install(packages: readonly string[]): boolean {
  const apt = (...args: string[]) =>
    succeeds('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args], 'inherit')
  // The packages' own services are not needed: tests start what they use, on free ports.
  return apt('update') && apt('install', '-y', '--no-install-recommends', ...packages)
}

/** All programs that are missing: packages together, each other one by its own means. */
function get(missing: readonly Program[]): boolean {
  const packaged = missing.filter((program) => program.fetch === undefined)
  const installed = packaged.length === 0 || install(packaged.flatMap((program) => program.debian))
  const fetched = missing.map((program) => program.fetch?.() ?? true)
  return installed && fetched.every(Boolean)
}

function explain(missing: readonly Program[]): string {
  const lines = missing.map(
    ({ name, usedFor, advice }) => `  - ${name} (${usedFor})${advice === undefined ? '' : `. ${advice}`}`,
  )
  const packages = missing.filter(({ fetch }) => fetch === undefined).flatMap(({ debian }) => debian)
  return [
    'The tests need these programs, and they could not be installed from here:',
    ...lines,
    ...(packages.length === 0
      ? []
      : [`On Debian 12 or Ubuntu: sudo apt-get install --no-install-recommends ${packages.join(' ')}`]),
    'Elsewhere: install them by the means of your system, so that they are found in PATH.',
  ].join('\n')
}

const missing = programs.filter((program) => !isThere(program))
if (missing.length > 0) {
  const packages = missing.flatMap((program) => program.debian)
  const mayInstall = process.getuid?.() === 0 && succeeds('sh', ['-c', 'command -v apt-get'])
  if (mayInstall) console.log(`Installing for the tests: ${packages.join(', ')}`)
  const installed = mayInstall && get(missing)
  const still = missing.filter((program) => !isThere(program))
  if (still.length > 0) {
    console.error(explain(still))
    process.exitCode = 1
  } else if (!installed) console.log('apt-get reported an error, but every program is there now.')
}
