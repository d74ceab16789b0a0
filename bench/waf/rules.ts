// CRS 4 from ../shared/crs beside the checkout, for the scripts of this folder.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { buildWaf, type Waf } from '../../plugins/waf/seclang/waf.ts'

const crs = join(import.meta.dirname, '../../../shared/crs')

function read(file: string): { file: string; text: string } {
  return { file, text: readFileSync(file, 'latin1') }
}

/** As a worker loads it: every pattern ready. */
export async function loadWaf(level: string): Promise<Waf> {
  const setup = `SecRuleEngine On
SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=${level}"`
  const texts = [
    read(join(import.meta.dirname, '../../plugins/waf/seclang/preamble.conf')),
    read(join(crs, 'crs-setup.conf.example')),
    { file: 'bench', text: setup },
    ...globSync(join(crs, 'rules/*.conf')).sort().map(read),
  ]
  return await buildWaf(texts, {
    readFile: (name, from) => readFileSync(resolve(dirname(from), name), 'latin1'),
    include: () => [],
    nowMs: Date.now,
    clockMs: () => performance.now(),
  })
}
