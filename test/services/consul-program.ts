// Where the Consul of the tests is, and how to get it: Debian 12 has no package, Debian 11 has. Read by programs.ts and by
// consul.ts. Nothing of the machine's own apt set-up is changed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../.cache/consul', import.meta.url))
export const unpackedConsul = `${folder}/root/usr/bin/consul`

/** null: it is neither installed nor fetched. */
export function findConsul(): string | null {
  if (existsSync(unpackedConsul)) return unpackedConsul
  return spawnSync('sh', ['-c', 'command -v consul']).status === 0 ? 'consul' : null
}

/** A copy of the machine's own Debian source with the suite renamed, used for this one download only. */
const script = `set -eu
mkdir -p "$1/parts" "$1/lists/partial"
cd "$1"
sed '/^$/q; s/^Suites:.*/Suites: bullseye/' /etc/apt/sources.list.d/debian.sources > parts/bullseye.sources
options="-o Dir::Etc::sourceparts=$1/parts -o Dir::Etc::sourcelist=/dev/null -o Dir::State::Lists=$1/lists -o APT::Sandbox::User=root"
apt-get $options -qq update
apt-get $options -qq download consul
dpkg -x consul_*.deb root
rm -rf parts lists consul_*.deb`

/** Unpacks Debian 11's package below .cache/; false when that could not be done. */
export function fetchConsul(): boolean {
  const stdio: ['ignore', 'inherit', 'inherit'] = ['ignore', 'inherit', 'inherit']
  return spawnSync('sh', ['-c', script, 'fetch-consul', folder], { stdio }).status === 0
}
