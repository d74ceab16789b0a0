import assert from 'node:assert/strict'
import { test } from 'node:test'
import { form, idsOf, send, type TestRequest, wafOf } from './engine.ts'

interface Case {
  readonly title: string
  readonly rules: string
  readonly request?: TestRequest
  readonly ids: readonly number[]
}

const flow: readonly Case[] = [
  {
    title: 'a chain whose links all match',
    rules: 'SecRule ARGS:a "@streq 1" "id:1,chain"\nSecRule ARGS:b "@streq 2"',
    request: { uri: '/?a=1&b=2' },
    ids: [1],
  },
  {
    title: 'no chain with a link that does not match',
    rules: 'SecRule ARGS:a "@streq 1" "id:1,chain"\nSecRule ARGS:b "@streq 2"',
    request: { uri: '/?a=1&b=3' },
    ids: [],
  },
  {
    title: 'setvar of a link before the next link',
    rules: 'SecRule ARGS:a "@streq 1" "id:1,chain,setvar:tx.x=7"\nSecRule TX:x "@eq 7"',
    request: { uri: '/?a=1' },
    ids: [1],
  },
  {
    title: 'transformations one on the other, of variables that rules set too',
    rules:
      'SecAction "id:1,setvar:tx.x=RVZJTA"\nSecRule TX:x|ARGS:a "@streq evil" "id:2,t:base64Decode,t:lowercase,chain"\nSecRule TX:x "@streq evil" "t:base64Decode,t:lowercase"',
    request: { uri: '/?a=RVZJTA' },
    ids: [1, 2],
  },
  {
    title: 'MATCHED_VARS in a chain',
    rules: 'SecRule ARGS "@rx x" "id:1,chain"\nSecRule MATCHED_VARS "@streq xb"',
    request: { uri: '/?a=xa&b=xb&c=c' },
    ids: [1],
  },
  {
    title: 'MATCHED_VARS of the link just before',
    rules:
      'SecRule ARGS "@rx x" "id:1,chain"\nSecRule MATCHED_VARS "@rx b" "chain"\nSecRule MATCHED_VARS "@rx a"',
    request: { uri: '/?a=xa&b=xb' },
    ids: [],
  },
  {
    title: 'MATCHED_VAR after transformations',
    rules: 'SecRule ARGS "@rx x" "id:1,t:lowercase,chain"\nSecRule MATCHED_VAR "@streq x"',
    request: { uri: '/?a=X' },
    ids: [1],
  },
  {
    title: 'skipAfter',
    rules: 'SecAction "id:1,skipAfter:END"\nSecAction "id:2"\nSecMarker END\nSecAction "id:3"',
    ids: [1, 3],
  },
  {
    title: 'skipAfter in its own phase only',
    rules: 'SecAction "id:1,phase:1,nolog,skipAfter:END"\nSecAction "id:2,phase:2"\nSecMarker END',
    ids: [2],
  },
  { title: 'skip', rules: 'SecAction "id:1,skip:1"\nSecAction "id:2"\nSecAction "id:3"', ids: [1, 3] },
  { title: 'nolog', rules: 'SecAction "id:1,nolog"', ids: [] },
  {
    title: 'transformations in order',
    rules: 'SecRule ARGS "@streq 3" "id:1,t:none,t:urlDecodeUni,t:length"',
    request: { uri: '/?a=%2541bc' },
    ids: [1],
  },
  {
    title: 't:none over the defaults',
    rules:
      'SecDefaultAction "phase:2,pass,t:length"\nSecRule ARGS "@streq abc" "id:1,t:none"\nSecRule ARGS "@streq 3" "id:2"',
    request: { uri: '/?a=abc' },
    ids: [1, 2],
  },
  {
    title: 'multiMatch on every step',
    rules:
      'SecRule ARGS "@streq AB" "id:1,multiMatch,t:none,t:lowercase"\nSecRule ARGS "@streq ab" "id:2,multiMatch,t:none,t:lowercase"',
    request: { uri: '/?a=AB' },
    ids: [1, 2],
  },
  {
    title: 'captured groups',
    rules: 'SecRule ARGS "@rx ^(.)(.)" "id:1,capture,chain"\nSecRule TX:2 "@streq b"',
    request: { uri: '/?a=abc' },
    ids: [1],
  },
  {
    title: 'numbers added and taken',
    rules:
      'SecAction "id:1,nolog,setvar:tx.a=3,setvar:tx.a=+4,setvar:tx.a=-2,setvar:tx.b=%{tx.a}"\nSecRule TX:b "@eq 5" "id:2"',
    ids: [2],
  },
  {
    title: 'a variable unset',
    rules:
      'SecAction "id:1,nolog,setvar:tx.a=3"\nSecAction "id:2,nolog,setvar:!tx.a"\nSecRule &TX:a "@eq 0" "id:3"',
    ids: [3],
  },
  {
    title: 'names made by macros',
    rules: `SecRule ARGS_NAMES "@rx ." "id:1,nolog,setvar:'tx.n_%{MATCHED_VAR}=+1'"\nSecRule TX:/^N_/ "@gt 1" "id:2"`,
    request: { uri: '/?a=1&a=2&b=3' },
    ids: [2],
  },
  {
    title: 'an operator whose argument is a macro',
    rules: 'SecAction "id:1,nolog,setvar:tx.a=abc"\nSecRule ARGS "@within %{tx.a}" "id:2"',
    request: { uri: '/?q=b' },
    ids: [2],
  },
  {
    title: 'TX without case',
    rules: 'SecAction "id:1,nolog,setvar:TX.Foo=1"\nSecRule TX:fOO "@eq 1" "id:2"',
    ids: [2],
  },
  {
    title: 'ctl:ruleRemoveById',
    rules: 'SecAction "id:1,nolog,ctl:ruleRemoveById=2-3"\nSecAction "id:2"\nSecAction "id:4"',
    ids: [4],
  },
  {
    title: 'ctl:ruleRemoveByTag',
    rules: `SecAction "id:1,nolog,ctl:ruleRemoveByTag=x"\nSecAction "id:2,tag:'x'"\nSecAction "id:4,tag:'y'"`,
    ids: [4],
  },
  {
    title: 'ctl:ruleRemoveTargetById',
    rules:
      'SecAction "id:1,nolog,ctl:ruleRemoveTargetById=2;ARGS:a"\nSecRule ARGS "@streq 1" "id:2"\nSecRule ARGS "@streq 1" "id:3"',
    request: { uri: '/?a=1' },
    ids: [3],
  },
  {
    title: 'ctl:ruleRemoveTargetByTag',
    rules: `SecAction "id:1,nolog,ctl:ruleRemoveTargetByTag=x;ARGS:/^A/"\nSecRule ARGS "@streq 1" "id:2,tag:'x'"`,
    request: { uri: '/?ab=1&c=2' },
    ids: [],
  },
  {
    title: 'no rule after ctl:ruleEngine=Off',
    rules: 'SecAction "id:1,nolog,ctl:ruleEngine=Off"\nSecAction "id:2"',
    ids: [],
  },
  {
    title: 'allow: no further rule but those of phase 5',
    rules: 'SecAction "id:1,phase:1,allow"\nSecAction "id:2,phase:2"\nSecAction "id:3,phase:5"',
    ids: [1, 3],
  },
  {
    title: 'allow:phase',
    rules: 'SecAction "id:1,phase:1,allow:phase"\nSecAction "id:2,phase:1"\nSecAction "id:3,phase:2"',
    ids: [1, 3],
  },
  {
    title: 'allow:request',
    rules: 'SecAction "id:1,phase:1,allow:request"\nSecAction "id:2,phase:2"\nSecAction "id:3,phase:3"',
    ids: [1, 3],
  },
  {
    title: 'deny: phase 5 only',
    rules:
      'SecAction "id:1,phase:1,deny"\nSecAction "id:2,phase:1"\nSecAction "id:3,phase:2"\nSecAction "id:4,phase:5"',
    ids: [1, 4],
  },
  {
    title: 'a negated operator',
    rules: 'SecRule REQUEST_METHOD "!@within GET POST" "id:1"',
    request: { method: 'PUT' },
    ids: [1],
  },
]

for (const { title, rules, request, ids } of flow) {
  test(`obeys ${title}`, () => assert.deepEqual(idsOf(wafOf(rules), request ?? {}), ids))
}

test('tells what matched, where, with macros expanded', () => {
  const waf =
    wafOf(`SecRule ARGS "@rx ^(b).*" "id:7,phase:1,deny,status:418,capture,severity:CRITICAL,tag:'a/b',\\
msg:'Found %{TX.1}',logdata:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR} of %{rule.id}'"`)
  const transaction = send(waf, { uri: '/?a=bcd' })
  const [match] = transaction.matches
  assert.deepEqual(
    [
      match?.id,
      match?.phase,
      match?.message,
      match?.variable,
      match?.value,
      match?.data,
      match?.tags,
      match?.severity,
    ],
    [7, 1, 'Found b', 'ARGS:a', 'bcd', 'ARGS:a=bcd of 7', ['a/b'], 2],
  )
  assert.deepEqual(transaction.interruption, {
    action: 'deny',
    status: 418,
    ruleId: 7,
    cause: 'rule',
    location: '',
  })
})

test('DetectionOnly matches and does not interrupt, yet obeys jumps', () => {
  const waf = wafOf('SecAction "id:1,deny,skipAfter:E"\nSecAction "id:2"\nSecMarker E\nSecAction "id:3"')
  const transaction = send(waf, {}, { mode: 'DetectionOnly' })
  assert.equal(transaction.interruption, null)
  assert.deepEqual(
    transaction.matches.map((match) => match.id),
    [1, 3],
  )
})

test('block does what SecDefaultAction says', () => {
  const waf = wafOf('SecDefaultAction "phase:2,deny,status:409,log"\nSecAction "id:1,block"')
  assert.equal(send(waf).interruption?.status, 409)
})

test('redirect carries its location', () => {
  const waf = wafOf(`SecAction "id:1,phase:1,redirect:'https://b.example/%{REQUEST_METHOD}'"`)
  assert.deepEqual(send(waf).interruption, {
    action: 'redirect',
    status: 302,
    ruleId: 1,
    cause: 'rule',
    location: 'https://b.example/GET',
  })
})

test('exclusions given to a transaction take out rules and targets there only', () => {
  const waf = wafOf('SecRule ARGS "@streq 1" "id:1"\nSecRule ARGS "@streq 1" "id:2"')
  const request = { uri: '/?a=1' }
  const exclusions = waf.compileExclusions([
    { ruleIds: ['1'], tags: [], targets: [] },
    { ruleIds: ['2'], tags: [], targets: ['ARGS:a'] },
  ])
  assert.deepEqual(idsOf(waf, request, { exclusions }), [])
  assert.deepEqual(idsOf(waf, { uri: '/?b=1' }, { exclusions }), [2])
  assert.deepEqual(idsOf(waf, request), [1, 2])
})

test('ctl:ruleRemoveById in one transaction leaves shared exclusions as they are', () => {
  const waf = wafOf('SecRule ARGS:off "@streq 1" "id:1,phase:1,nolog,ctl:ruleRemoveById=2"\nSecAction "id:2"')
  const exclusions = waf.compileExclusions([])
  assert.deepEqual(idsOf(waf, { uri: '/?off=1' }, { exclusions }), [])
  assert.deepEqual(idsOf(waf, {}, { exclusions }), [2])
})

test('transactions that run beside each other do not meet', () => {
  const waf = wafOf(
    'SecRule ARGS:a "@rx ." "id:1,phase:1,nolog,setvar:tx.a=%{MATCHED_VAR}"\nSecRule TX:a "@rx ." "id:2,logdata:\'%{tx.a}\'"',
  )
  const open = ['x', 'y'].map((value) => {
    const transaction = waf.createTransaction()
    transaction.processUri('GET', `/?a=${value}`, 'HTTP/1.1')
    transaction.processRequestHeaders([])
    return transaction
  })
  for (const transaction of open) transaction.processRequestBody(new Uint8Array())
  assert.deepEqual(
    open.map((transaction) => transaction.matches[0]?.data),
    ['x', 'y'],
  )
})

test('refuses a body over the limit, or inspects its beginning, as the rules say', () => {
  const rule = 'SecRequestBodyLimit 4\nSecRule REQUEST_BODY "@streq a=bc" "id:1"'
  const request = { method: 'POST', headers: [form], body: 'a=bcdef' }
  const rejected = send(wafOf(rule), request)
  assert.deepEqual([rejected.interruption?.cause, rejected.interruption?.status], ['body-limit', 413])
  const partial = send(wafOf(`${rule}\nSecRequestBodyLimitAction ProcessPartial`), request)
  assert.deepEqual(
    partial.matches.map((match) => match.id),
    [1],
  )
  const detected = send(wafOf(rule), request, { mode: 'DetectionOnly' })
  assert.deepEqual([detected.interruption, detected.matches.map((match) => match.id)], [null, [1]])
})
