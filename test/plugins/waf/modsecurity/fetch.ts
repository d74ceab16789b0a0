// ModSecurity's own test data, out of Debian's source package: it is fetched into a folder for one run, never kept here.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sources = '/etc/apt/sources.list.d/debian.sources'

/** Unpacks the package's source below `folder`; returns the folder of its `test` directory. */
export function fetchModsecurity(folder: string): string {
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  mkdirSync(join(folder, 'lists/partial'), { recursive: true })
  // The machine's own entry, asked for sources: nothing of the machine's set-up is touched.
  const entry = readFileSync(sources, 'utf8').split(/\n\n/)[0] ?? ''
  writeFileSync(join(parts, 'sources.sources'), `${entry.replace(/^Types:.*/m, 'Types: deb-src')}\n`)
  const options = [
    `Dir::Etc::sourceparts=${parts}`,
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::State::Lists=${join(folder, 'lists')}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
  run('apt-get', ['-qq', ...options, 'update'], folder)
  run('apt-get', ['-qq', ...options, 'source', '--download-only', 'modsecurity'], folder)
  const archive = globSync(join(folder, '*.orig.tar.gz'))[0]
  if (archive === undefined) throw new Error(`no source archive of modsecurity came into ${folder}`)
  run('tar', ['xzf', archive], folder)
  const [tests] = globSync(join(folder, 'modsecurity*/test/test-cases'))
  if (tests === undefined) throw new Error(`${archive} holds no test-cases`)
  return join(tests, '..')
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0)
    throw new Error(`${command} ${args.at(-1)} failed; this needs Debian, root and its sources`, {
      cause: error,
    })
}
