import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecLangError } from '../../../../plugins/waf/seclang/problem.ts'
import { createWaf } from '../../../../plugins/waf/seclang/waf.ts'
import { envOf, idsOf, wafOf } from './engine.ts'

function problemsOf(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  try {
    createWaf([{ file: 'a.conf', text }], envOf(files))
  } catch (error) {
    assert(error instanceof SecLangError)
    return error.problems.map(({ file, line, message }) => `${file}:${line}: ${message}`)
  }
  return []
}

const refused: readonly { title: string; text: string; says: RegExp }[] = [
  { title: 'an unknown directive', text: '\nSecFoo On', says: /^a\.conf:2: SecFoo is no directive/ },
  {
    title: 'an unknown variable',
    text: 'SecRule FOO "@rx a" "id:1"',
    says: /^a\.conf:1: "FOO" is no variable/,
  },
  {
    title: 'a member of a scalar',
    text: 'SecRule REQUEST_URI:x "@rx a" "id:1"',
    says: /REQUEST_URI has no members/,
  },
  { title: 'an unknown operator', text: 'SecRule ARGS "@foo a" "id:1"', says: /foo/ },
  { title: 'a broken pattern', text: 'SecRule ARGS "@rx (" "id:1"', says: /^a\.conf:1: / },
  { title: 'an unknown action', text: 'SecRule ARGS "@rx a" "id:1,foo"', says: /"foo" is no action/ },
  {
    title: 'an unknown transformation',
    text: 'SecRule ARGS "@rx a" "id:1,t:foo"',
    says: /"foo" is no transformation/,
  },
  { title: 'an unknown ctl', text: 'SecAction "id:1,ctl:foo=1"', says: /ctl:foo is not supported/ },
  { title: 'an unknown macro', text: `SecAction "id:1,msg:'%{FOO.x}'"`, says: /%\{FOO\} names no variable/ },
  {
    title: 'an unknown macro in an operator',
    text: 'SecRule ARGS "@streq %{FOO.x}" "id:1"',
    says: /^a\.conf:1: .*%\{FOO\} names no variable/,
  },
  { title: 'a rule without id', text: 'SecRule ARGS "@rx a" "deny"', says: /the rule has no id/ },
  {
    title: 'an id given twice',
    text: 'SecAction "id:1"\nSecAction "id:1"',
    says: /:2: rule 1 is there already: a\.conf:1/,
  },
  {
    title: 'a chain that is not closed',
    text: 'SecRule ARGS "@rx a" "id:1,chain"',
    says: /^a\.conf:1: the chain is not closed/,
  },
  {
    title: 'a directive inside a chain',
    text: 'SecRule ARGS "@rx a" "id:1,chain"\nSecMarker x',
    says: /:2: SecMarker stands inside a chain/,
  },
  {
    title: 'a disruptive action in a link',
    text: 'SecRule ARGS "@rx a" "id:1,chain"\nSecRule ARGS "@rx b" "deny"',
    says: /:2: only the first/,
  },
  { title: 'a phase that is none', text: 'SecAction "id:1,phase:6"', says: /"6" is no phase/ },
  { title: 'a severity that is none', text: 'SecAction "id:1,severity:BAD"', says: /no severity/ },
  {
    title: 'an action without its value',
    text: 'SecAction "id:1,msg"',
    says: /the action msg needs a value/,
  },
  {
    title: 'a value where none belongs',
    text: 'SecAction "id:1,deny:1"',
    says: /the action deny takes no value/,
  },
  {
    title: 'a setvar without a collection',
    text: 'SecAction "id:1,setvar:x=1"',
    says: /names no collection/,
  },
  {
    title: 'a setvar of what cannot be written',
    text: 'SecAction "id:1,setvar:args.x=1"',
    says: /args cannot be written/,
  },
  { title: 'a quote not closed in actions', text: `SecAction "id:1,msg:'a"`, says: /a quote is not closed/ },
  { title: 'a word too many', text: 'SecRule ARGS a b c d', says: /5 words where/ },
  {
    title: 'an engine mode that is none',
    text: 'SecRuleEngine Maybe',
    says: /"Maybe" is none of On, DetectionOnly, Off/,
  },
  { title: 'a limit that is no number', text: 'SecRequestBodyLimit many', says: /"many" is no whole number/ },
  {
    title: 'an XML path other than the two',
    text: 'SecRule XML:/a/b "@rx a" "id:1"',
    says: /XML:\/a\/b is not supported/,
  },
  {
    title: 'a file that is not there',
    text: 'Include gone.conf',
    says: /^a\.conf:1: there is no file gone\.conf/,
  },
  { title: 'a default action without phase', text: 'SecDefaultAction "log,pass"', says: /needs a phase/ },
  { title: 'a range that runs backwards', text: 'SecRuleRemoveById 9-3', says: /runs backwards/ },
  { title: 'an empty target', text: 'SecRule ARGS||X "@rx a" "id:1"', says: /empty target/ },
  { title: 'a selector that is not closed', text: 'SecRule ARGS:/a "@rx a" "id:1"', says: /is not closed/ },
  {
    title: 'exec, which would start programs',
    text: 'SecAction "id:1,exec:/bin/x"',
    says: /"exec" is no action/,
  },
]

for (const { title, text, says } of refused) {
  test(`refuses ${title}, with file and line`, () => {
    const problems = problemsOf(text)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] as string, says)
  })
}

test('lists every problem at once, those of included files too', () => {
  const problems = problemsOf('SecFoo\nInclude b.conf\nSecBar', { 'b.conf': '\nSecBaz' })
  assert.deepEqual(
    problems.map((problem) => problem.split(': ')[0]),
    ['a.conf:1', 'b.conf:2', 'a.conf:3'],
  )
})

test('names one problem for a chain with a broken link', () => {
  assert.equal(
    problemsOf('SecRule ARGS "@rx a" "id:1,chain"\nSecRule FOO "@rx b" "chain"\nSecRule ARGS "@rx c"').length,
    1,
  )
})

test('refuses files that include each other without end', () => {
  const problems = problemsOf('Include b.conf', { 'b.conf': 'Include b.conf' })
  assert.equal(problems.length, 1)
  assert.match(problems[0] as string, /nested deeper/)
})

test('notes what is accepted without effect', () => {
  const { notes } = wafOf('SecPcreMatchLimit 1000\nSecAction "id:1,setvar:ip.x=1"')
  assert.deepEqual(
    notes.map(({ line }) => line),
    [2, 3],
  )
})

const three = ['1', '2', '3']
  .map((n) => `SecRule ARGS:q "@rx ^x" "id:${n},phase:1,pass,t:none,msg:'m${n}',tag:'t/${n}'"`)
  .join('\n')

const changes: readonly { title: string; text: string; ids: readonly number[] }[] = [
  { title: 'nothing removed', text: '', ids: [1, 2, 3] },
  { title: 'SecRuleRemoveById', text: 'SecRuleRemoveById 2', ids: [1, 3] },
  { title: 'SecRuleRemoveById with ranges', text: 'SecRuleRemoveById 1 "2-3"', ids: [] },
  { title: 'SecRuleRemoveByTag', text: 'SecRuleRemoveByTag "t/[13]"', ids: [2] },
  { title: 'SecRuleRemoveByMsg', text: 'SecRuleRemoveByMsg m3', ids: [1, 2] },
  { title: 'SecRuleUpdateTargetById', text: 'SecRuleUpdateTargetById 1 "!ARGS:q"', ids: [2, 3] },
  {
    title: 'SecRuleUpdateTargetById with a range',
    text: 'SecRuleUpdateTargetById 1-2 "!ARGS:/^Q/"',
    ids: [3],
  },
  { title: 'SecRuleUpdateTargetByTag', text: 'SecRuleUpdateTargetByTag t/3 "!ARGS"', ids: [1, 2] },
  { title: 'SecRuleUpdateTargetByMsg', text: 'SecRuleUpdateTargetByMsg m2 "!ARGS:q"', ids: [1, 3] },
  {
    title: 'a target that takes the place of another',
    text: 'SecRuleUpdateTargetById 1 "ARGS:p" "ARGS:q"',
    ids: [2, 3],
  },
  { title: 'SecRuleUpdateActionById', text: 'SecRuleUpdateActionById 2 "t:none,t:length"', ids: [1, 3] },
  { title: 'SecRuleUpdateActionById with nolog', text: 'SecRuleUpdateActionById 2 "nolog"', ids: [1, 3] },
]

for (const { title, text, ids } of changes) {
  test(`runs the rules that are left after ${title}`, () => {
    assert.deepEqual(idsOf(wafOf(`${three}\n${text}`), { uri: '/?q=xa' }), ids)
  })
}

test('adds a target to a rule', () => {
  const waf = wafOf(`${three}\nSecRuleUpdateTargetById 1 "ARGS:p"`)
  assert.deepEqual(idsOf(waf, { uri: '/?p=xa' }), [1])
})

test('an exclusion by update reaches the links of a chain', () => {
  const chain = 'SecRule REQUEST_METHOD "@streq GET" "id:1,phase:1,pass,chain"\nSecRule ARGS "@rx x"'
  assert.deepEqual(idsOf(wafOf(chain), { uri: '/?q=x' }), [1])
  assert.deepEqual(idsOf(wafOf(`${chain}\nSecRuleUpdateTargetById 1 "!ARGS:q"`), { uri: '/?q=x' }), [])
})
