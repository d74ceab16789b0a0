// SecLang rule files: any text is rules or a list of problems, and rules that were taken judge a request without a throw.
import assert from 'node:assert/strict'
import { SecLangError } from '../../../plugins/waf/seclang/problem.ts'
import { createWaf, type Waf } from '../../../plugins/waf/seclang/waf.ts'
import { envOf, send } from '../../plugins/waf/seclang/engine.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import type { Target } from '../target.ts'

const variables = [
  'ARGS',
  'ARGS|!ARGS:a',
  '&ARGS',
  'ARGS:/^a/',
  'REQUEST_HEADERS:Host',
  'REQUEST_URI',
  'TX:x',
  'XML:/*',
  'FILES',
  'REQUEST_BODY',
  'MATCHED_VARS',
  'REQUEST_COOKIES|ARGS_NAMES',
  'NOSUCH',
  'IP:x',
  'DURATION',
  'RESPONSE_BODY',
]
const operators = [
  '@rx a',
  '@rx (a+)+$',
  '@rx ^(?:a|b)*?c{2,3}',
  '!@rx (?i)x',
  '@pm a b',
  '@streq %{tx.x}',
  '@within a,b',
  '@gt 1',
  '@detectSQLi',
  '@detectXSS',
  '@validateByteRange 1-127',
  '@ipMatch 10.0.0.0/8',
  '@rx (',
  '@rx [z-a]',
  '@nosuch a',
  '@rx \\x{41}',
  '@contains ',
  '@rx (?<a>b)\\1',
  '@verifyCC \\d{13,16}',
  'plain',
  '@unconditionalMatch',
  '@rbl x',
  '@pmFromFile a',
]
const actions = [
  'id:1',
  'id:2',
  'id:3',
  'phase:1',
  'phase:2',
  'phase:5',
  'phase:9',
  'deny',
  'pass',
  'block',
  'drop',
  'status:403',
  'chain',
  'capture',
  'multiMatch',
  't:none',
  't:lowercase',
  't:urlDecodeUni',
  't:base64Decode',
  't:nosuch',
  "msg:'a %{MATCHED_VAR}'",
  'setvar:tx.a=+1',
  'setvar:!tx.a',
  "setvar:'tx.%{tx.0}=%{ARGS}'",
  'ctl:ruleEngine=Off',
  'ctl:ruleRemoveById=1',
  'ctl:ruleRemoveTargetById=1;ARGS:a',
  'skip:1',
  'skipAfter:end',
  'severity:2',
  'nolog',
  'log',
  'exec:/bin/sh',
  'redirect:http://a',
  'initcol:ip=%{REMOTE_ADDR}',
  '',
  'expirevar:tx.a=1',
  "logdata:'%{TX.0}'",
]
const others = [
  'SecRuleEngine On',
  'SecRuleEngine DetectionOnly',
  'SecMarker end',
  'SecRequestBodyAccess On',
  'SecRuleRemoveById 1-2',
  'SecRuleUpdateTargetById 1 "!ARGS:a"',
  'SecDefaultAction "phase:2,deny,status:400"',
  'Include a',
  'SecAction "id:9,phase:1,pass,setvar:tx.x=1"',
  'SecArgumentSeparator ;',
  'SecRequestBodyLimit -1',
  'SecNoSuch x',
  '# a',
  'SecComponentSignature "a"',
  'SecRule ARGS',
  'SecUploadDir /tmp',
]

function createLine(random: Random): string {
  if (random.chance(0.3)) return random.pick(others)
  const list = [
    `id:${random.int(50) + 1}`,
    ...Array.from({ length: random.int(6) }, () => random.pick(actions)),
  ]
  return `SecRule ${random.pick(variables)} "${random.pick(operators)}" ${random.chance(0.1) ? '\\\n  ' : ''}"${list.join(',')}"`
}

const request = {
  method: 'POST',
  uri: '/a?a=b&x=aaaaaaaaaaaaaaaaaaaaaaaa!&a=1%27%20or%201=1',
  headers: [
    ['Host', 'a.example'],
    ['Cookie', 'a=b; c="d"'],
    ['Content-Type', 'application/x-www-form-urlencoded'],
  ] as const,
  body: 'a=<script>&b=%00%ff&c=4111111111111111',
  responseHeaders: [['Content-Type', 'text/plain']] as const,
  responseBody: 'aaaa',
}

const ruleFiles: Target = {
  name: 'WAF rule files',
  share: 10,
  create(random) {
    const text = Array.from({ length: 1 + random.int(5) }, () => createLine(random)).join('\n')
    return random.chance(0.4) ? mutate(text, random) : text
  },
  check(text) {
    let waf: Waf
    try {
      waf = createWaf([{ file: 'f.conf', text }], envOf({ a: 'SecMarker x' }))
    } catch (error) {
      assert.ok(
        error instanceof SecLangError && error.problems.length > 0,
        `it is no list of problems: ${error}`,
      )
      return
    }
    send(waf, request).auditRecord()
  },
}

export const ruleFileTargets: readonly Target[] = [ruleFiles]
