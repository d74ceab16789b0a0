// Random rule text and random requests: nothing may throw but a SecLangError, nothing may hang. AEGIS_TEST_SEED repeats a run.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecLangError } from '../../../../plugins/waf/seclang/problem.ts'
import { createWaf, type Waf } from '../../../../plugins/waf/seclang/waf.ts'
import { createRandom, type Random, readSeed } from '../../../support/random.ts'
import { envOf, send, wafOf } from './engine.ts'

const pieces = [
  'SecRule',
  'SecAction',
  'SecMarker',
  'SecDefaultAction',
  'SecRuleRemoveById',
  'SecRuleUpdateTargetById',
  'Include',
  'ARGS',
  '&ARGS',
  '!ARGS:/a/',
  'TX:x',
  'XML:/*',
  'REQUEST_URI',
  '|',
  ':',
  ' ',
  ' ',
  '"',
  '"',
  "'",
  '\\',
  '\\\n',
  '\n',
  '\n',
  '#',
  '@rx',
  '@pm',
  '@within',
  '!@streq',
  '%{tx.x}',
  '%{',
  '(',
  ')',
  '[',
  '*',
  '(?i)',
  '\\x{41}',
  'id:1',
  'id:2',
  ',',
  'chain',
  'deny',
  'phase:2',
  't:none',
  't:lowercase',
  "msg:'a'",
  'setvar:tx.a=+1',
  'ctl:ruleEngine=Off',
  'skipAfter:x',
  '\u0000',
  'ÿ',
  '1',
  'a',
  'b',
]

function randomText(random: Random, parts: readonly string[], most: number): string {
  let text = ''
  for (let count = random.int(most); count > 0; count--) text += random.pick(parts)
  return text
}

test('random rule text is compiled or refused with its problems', () => {
  const seed = readSeed()
  const random = createRandom(seed)
  for (let run = 0; run < 3000; run++) {
    const text = randomText(random, pieces, 40)
    try {
      createWaf([{ file: 'f.conf', text }], envOf({ a: 'SecMarker x' }))
    } catch (error) {
      assert(
        error instanceof SecLangError && error.problems.length > 0,
        `seed ${seed}: ${JSON.stringify(text)}: ${error}`,
      )
    }
  }
})

function broadWaf(): Waf {
  const rules = ['1', '2'].map(
    (phase) => `
SecRule REQUEST_COOKIES|REQUEST_HEADERS|ARGS|ARGS_NAMES|REQUEST_BODY|FILES|FILES_NAMES|XML:/*|XML://@*|MULTIPART_PART_HEADERS \\
  "@rx (?i)(a+)(\\d*)$" "id:${phase}1,phase:${phase},pass,capture,multiMatch,t:none,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:cmdLine,\\
  t:normalizePathWin,setvar:'tx.n_%{MATCHED_VAR_NAME}=+%{TX.2}',msg:'%{MATCHED_VAR} %{TX.1}'"
SecRule REQUEST_LINE|REQUEST_FILENAME|REQUEST_BASENAME|&ARGS|ARGS_COMBINED_SIZE|REQBODY_ERROR_MSG "!@pm zzz" \\
  "id:${phase}2,phase:${phase},pass,t:none,t:base64Decode,t:utf8toUnicode,t:compressWhitespace,chain"
  SecRule MATCHED_VARS|TX:/n_/ "@validateByteRange 1-127" "setvar:!tx.x"`,
  )
  return wafOf(`
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "@contains json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule RESPONSE_BODY|RESPONSE_HEADERS "@rx ." "id:3,phase:4,pass"
${rules.join('')}`)
}

const bytes = [
  '%',
  '%4',
  '%u0041',
  '+',
  '&',
  '=',
  ';',
  '\\',
  '/',
  '../',
  '<',
  '>',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '\r\n',
  '--b',
  '--b--',
  '\0',
  'a',
  'aa1',
  '\xff',
  '\xc3\xa9',
  'name=',
  '&#97;',
  '<a b="c">',
  'Content-Disposition: form-data; name="x"',
]
const types = [
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'application/json',
  'text/xml',
  'text/plain',
  '',
]

test('random requests run through all phases', () => {
  const seed = readSeed()
  const random = createRandom(seed)
  const waf = broadWaf()
  for (let run = 0; run < 3000; run++) {
    const request = {
      method: randomText(random, ['GET', 'POST', ...bytes], 3),
      uri: `/${randomText(random, bytes, 30)}`,
      headers: [
        ['Content-Type', random.pick(types)],
        [randomText(random, bytes, 3), randomText(random, bytes, 10)],
        ['Cookie', randomText(random, bytes, 20)],
      ] as const,
      body: randomText(random, bytes, 60),
      responseHeaders: [['Content-Type', 'text/plain']] as const,
      responseBody: randomText(random, bytes, 20),
    }
    assert.doesNotThrow(() => send(waf, request).auditRecord(), `seed ${seed}, run ${run}`)
  }
})
