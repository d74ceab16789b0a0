import assert from 'node:assert/strict'
import { test } from 'node:test'
import { form, send, wafOf } from './engine.ts'

const request = {
  method: 'POST',
  uri: '/?a=1',
  headers: [['Host', 'a.example'], form] as const,
  body: 'b=2',
  status: 403,
  responseHeaders: [['X-A', 'b']] as const,
}

test('records a transaction with a match, in the parts asked for', () => {
  const waf = wafOf(
    'SecAuditEngine RelevantOnly\nSecAuditLogParts ABCFHKZ\nSecComponentSignature "x/1"\nSecAction "id:1,deny,status:403"',
  )
  const record = send(waf, request).auditRecord()
  assert.equal(record?.id, 'u1')
  assert.equal(record?.time, '2026-01-02T03:04:05.000Z')
  assert.deepEqual(record?.client, { address: '192.0.2.7', port: 4711 })
  assert.deepEqual(record?.request, {
    method: 'POST',
    uri: '/?a=1',
    protocol: 'HTTP/1.1',
    headers: request.headers,
    body: 'b=2',
  })
  assert.deepEqual(record?.response, { status: 403, headers: [['X-A', 'b']] })
  assert.deepEqual(
    record?.matches?.map((match) => match.id),
    [1],
  )
  assert.equal(record?.interruption?.status, 403)
  assert.deepEqual([record?.components, record?.ruleIds], [['x/1'], [1]])
})

const cases: readonly { title: string; rules: string; logged: boolean; parts?: string }[] = [
  { title: 'nothing without a match', rules: 'SecAuditEngine RelevantOnly', logged: false },
  { title: 'everything with SecAuditEngine On', rules: 'SecAuditEngine On', logged: true },
  { title: 'nothing with SecAuditEngine Off', rules: 'SecAuditEngine Off\nSecAction "id:1"', logged: false },
  {
    title: 'nothing for a match with noauditlog',
    rules: 'SecAuditEngine RelevantOnly\nSecAction "id:1,noauditlog"',
    logged: false,
  },
  {
    title: 'a relevant status',
    rules: 'SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus "^4"',
    logged: true,
  },
  {
    title: 'no status that is not relevant',
    rules: 'SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus "^5"',
    logged: false,
  },
  {
    title: 'nothing after ctl:auditEngine=Off',
    rules: 'SecAuditEngine On\nSecAction "id:1,nolog,ctl:auditEngine=Off"',
    logged: false,
  },
]

for (const { title, rules, logged } of cases) {
  test(`records ${title}`, () => assert.equal(send(wafOf(rules), request).auditRecord() !== null, logged))
}

test('adds and removes parts by ctl', () => {
  const rules =
    'SecAuditEngine On\nSecAuditLogParts ABZ\nSecAction "id:1,nolog,ctl:auditLogParts=+C,ctl:auditLogParts=-B"'
  const record = send(wafOf(rules), request).auditRecord()
  assert.deepEqual(Object.keys(record?.request ?? {}), ['method', 'uri', 'protocol', 'body'])
})
