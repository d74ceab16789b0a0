// `npm run bench:compare -- BASE [--chain none|full] [--rounds N] [--seconds N]`: this tree against another commit under the
// same load, in turns. The other one is checked out in a temporary folder and uses this tree's node_modules.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { aegisFullChain, aegisNoPlugins } from './gateways/aegis.ts'
import { nginxBare } from './gateways/nginx-bare.ts'
import { measureRequests } from './load/requests.ts'
import { preparePrograms } from './prepare.ts'
import { toTable } from './report.ts'
import type { Scenario } from './scenario.ts'
import { takeTurns } from './turns.ts'
import { paths, startUpstream } from './upstream.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    chain: { type: 'string', default: 'full' },
  },
})
const [given] = positionals
if (given === undefined) throw new Error('Name a commit to compare with: npm run bench:compare -- HEAD~1')
const toAegis = { full: aegisFullChain, none: aegisNoPlugins }[values.chain]
if (toAegis === undefined) throw new Error(`--chain is full or none; found "${values.chain}".`)

const root = fileURLToPath(new URL('..', import.meta.url))
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = git('rev-parse', '--short', '--verify', '--end-of-options', `${given}^{commit}`)

preparePrograms()
const directory = await mkdtemp(join(tmpdir(), 'aegis-compare-'))
const base = join(directory, 'base')
git('worktree', 'add', '--quiet', '--detach', base, commit)
try {
  await symlink(join(root, 'node_modules'), join(base, 'node_modules'))
  const upstream = await startUpstream(join(directory, 'upstream'))
  try {
    const plan = { rounds: Number(values.rounds), seconds: Number(values.seconds), warmUpSeconds: 4 }
    console.log(
      toTable(toScenario(toAegis), await takeTurns(toScenario(toAegis), plan, { upstream, directory })),
    )
  } finally {
    await upstream.stop()
  }
} finally {
  git('worktree', 'remove', '--force', base)
  await rm(directory, { recursive: true, force: true })
}

function toScenario(start: typeof aegisFullChain): Scenario {
  return {
    name: 'compare',
    about: `small GET, chain: ${values.chain}; x is this tree over ${commit}`,
    unit: 'us/request',
    gateways: [start({ name: commit, tree: base }), start({ name: 'this-tree' }), nginxBare],
    measure: (turn) => measureRequests(turn, { path: paths.small }),
  }
}
