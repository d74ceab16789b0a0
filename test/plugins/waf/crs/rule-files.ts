// Rule sets for tests: CRS 4 from ../shared/crs beside the checkout, CRS 3.3 from Debian's package modsecurity-crs.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { RuleText } from '../../../../plugins/waf/seclang/rule-set.ts'
import type { WafEnv } from '../../../../plugins/waf/seclang/waf.ts'

export const sharedCrs = join(import.meta.dirname, '../../../../../shared/crs')
const preamble = join(import.meta.dirname, '../../../../plugins/waf/seclang/preamble.conf')

export function readRuleFile(file: string): RuleText {
  return { file, text: readFileSync(file, 'latin1') }
}

export const fileEnv: WafEnv = {
  readFile: (name, from) => readFileSync(resolve(dirname(from), name), 'latin1'),
  include: (pattern, from) =>
    globSync(resolve(dirname(from), pattern))
      .sort()
      .map(readRuleFile),
  nowMs: () => Date.now(),
  clockMs: () => performance.now(),
}

/** `setup` is SecLang that runs before the rules. */
export function crs4(setup: string): RuleText[] {
  const rules = globSync(join(sharedCrs, 'rules/*.conf')).sort()
  return [
    readRuleFile(preamble),
    readRuleFile(join(sharedCrs, 'crs-setup.conf.example')),
    { file: 'setup', text: setup },
    ...rules.map(readRuleFile),
  ]
}

export function crs3(setup: string): RuleText[] {
  const before = '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf'
  const after = '/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf'
  const rules = globSync('/usr/share/modsecurity-crs/rules/*.conf').sort()
  return [
    readRuleFile(preamble),
    readRuleFile('/etc/modsecurity/crs/crs-setup.conf'),
    { file: 'setup', text: setup },
    readRuleFile(before),
    ...rules.map(readRuleFile),
    readRuleFile(after),
  ]
}
