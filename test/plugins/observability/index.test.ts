import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { observability } from '../../../plugins/observability/index.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createView } from '../../support/view.ts'

const shipped = Value.Default(observability.schema, {}) as Parameters<typeof observability.create>[0]

test('an empty config counts and logs everything', () => {
  assert.ok(Value.Check(observability.schema, shipped))
  const ports = createTestPorts()
  observability.create(shipped, ports).onLog?.(createView({ status: 204 }))
  assert.equal(ports.recorded.get('aegis_http_requests_total{items,GET,204,upstream}'), 1)
  assert.equal(ports.lines.length, 1)
})

test('metrics and the access log can each be turned off', () => {
  const ports = createTestPorts()
  const accessLog = { ...shipped.accessLog, enabled: false }
  observability.create({ ...shipped, metrics: false, accessLog }, ports).onLog?.(createView())
  assert.equal(ports.recorded.size, 0)
  assert.equal(ports.lines.length, 0)
})

test('refuses to log credentials and says where they are asked for', () => {
  const accessLog = { ...shipped.accessLog, headers: ['X-Fine', 'Authorization', 'cookie'] }
  const problems = observability.check?.({ ...shipped, accessLog }) ?? []
  assert.deepEqual(
    problems.map((problem) => problem.pointer),
    ['/accessLog/headers/1', '/accessLog/headers/2'],
  )
  assert.match(problems[0]?.message ?? '', /Authorization holds credentials/)
})
