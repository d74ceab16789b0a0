// What the rate-limit tests share: a config as the loader would hand it over, and an instance over the real local store.
import assert from 'node:assert/strict'
import Value from 'typebox/value'
import type { Identity } from '../../../gateway/contract/exchange.ts'
import type { PluginPorts } from '../../../gateway/contract/ports.ts'
import type { Reply } from '../../../gateway/contract/reply.ts'
import { createCounterBuffer, createLocalCounters } from '../../../gateway/shared-state/counter-table.ts'
import type { ControlAnswer } from '../../../plugins/rate-limit/control.ts'
import rateLimit from '../../../plugins/rate-limit/index.ts'
import type { RateLimitConfig } from '../../../plugins/rate-limit/schema.ts'
import { createTestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'
import { createView, type TestView } from '../../support/view.ts'

export function parse(config: Record<string, unknown>): RateLimitConfig {
  const full = Value.Default(rateLimit.schema, structuredClone(config))
  assert.ok(Value.Check(rateLimit.schema, full), JSON.stringify(Value.Errors(rateLimit.schema, full)))
  return full
}

export function problemsOf(config: Record<string, unknown>) {
  return rateLimit.check?.(parse(config)) ?? []
}

/** An instance; `reload` makes another one over the same store, as a new config does. */
export function open(config: Record<string, unknown>, over: Partial<PluginPorts> = {}) {
  const clock = createTestClock()
  const counters = createLocalCounters(createCounterBuffer({ slots: 1024 }), clock)
  const ports = createTestPorts({ clock, counters, ...over })
  const create = (next: Record<string, unknown>) => {
    assert.deepEqual(problemsOf(next), [])
    return rateLimit.create(parse(next), ports)
  }
  const plugin = create(config)
  return { plugin, ports, clock: ports.clock, reload: create }
}

export type Instance = ReturnType<typeof open>['plugin']

/** Runs the request hook, which must answer at once. */
export function ask(plugin: Instance, view: TestView = createView()): Reply | undefined {
  const verdict = plugin.onRequest?.(view)
  assert.ok(!(verdict instanceof Promise), 'a request decided in process needs no promise')
  return verdict
}

export function countPassed(
  plugin: Instance,
  tries: number,
  create: (i: number) => TestView = () => createView(),
): number {
  let passed = 0
  for (let i = 0; i < tries; i++) if (ask(plugin, create(i)) === undefined) passed++
  return passed
}

export function headersOf(reply: Reply | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; reply && i < reply.headers.length; i += 2) {
    headers[(reply.headers[i] as string).toLowerCase()] = reply.headers[i + 1] as string
  }
  return headers
}

export function createIdentity(userId: string, over: Partial<Identity> = {}): Identity {
  return { userId, tenantId: null, roles: [], permissions: [], claims: {}, expiresAt: Infinity, ...over }
}

export function control(plugin: Instance, operation: string, args: Record<string, unknown>): ControlAnswer {
  return plugin.onControl?.(operation, args) as ControlAnswer
}
