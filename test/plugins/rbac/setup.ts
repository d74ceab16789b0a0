// An rbac plugin over an upstream that a test plays: every subrequest waits until the test answers it.
import assert from 'node:assert/strict'
import Value from 'typebox/value'
import type { Identity } from '../../../gateway/contract/exchange.ts'
import type { Plugin } from '../../../gateway/contract/plugin.ts'
import type { PluginPorts, Subrequest, SubrequestAnswer } from '../../../gateway/contract/ports.ts'
import type { Reply } from '../../../gateway/contract/reply.ts'
import rbac from '../../../plugins/rbac/index.ts'
import { createTestPorts, type TestPorts } from '../../support/ports.ts'
import { createRoute, createTenant, createView, type TestView } from '../../support/view.ts'

export function parseConfig(config: Record<string, unknown>) {
  const full = Value.Default(rbac.schema, structuredClone(config))
  assert.ok(Value.Check(rbac.schema, full), JSON.stringify([...Value.Errors(rbac.schema, full)]))
  return full
}

export interface Asked {
  readonly request: Subrequest
  readonly body: Record<string, unknown>
  answer(body: unknown, status?: number): Promise<void>
  fail(message?: string): Promise<void>
}

export interface Stage {
  readonly plugin: Plugin
  readonly ports: TestPorts
  readonly asked: Asked[]
  /** Answers all subrequests by itself, from now on; null: waits for the test again. */
  respond: ((body: Record<string, unknown>, request: Subrequest) => unknown) | null
  /** The status the plugin answers with; 200 is "goes on". A promise only when the plugin gave one. */
  status(view: TestView): number | Promise<number>
  purge(scope: Record<string, unknown>): Promise<number>
  inspect(scope?: Record<string, unknown>): { size: number; entries: Record<string, unknown>[] }
}

export function createStage(config: Record<string, unknown> = {}, over: Partial<PluginPorts> = {}): Stage {
  const asked: Asked[] = []
  const send = (_: unknown, request: Subrequest): Promise<SubrequestAnswer> =>
    new Promise((resolve, reject) => {
      const body = JSON.parse(request.body)
      const one: Asked = {
        request,
        body,
        answer: (value, status = 200) => {
          resolve({ status, body: typeof value === 'string' ? value : JSON.stringify(value) })
          return settled()
        },
        fail: (message = 'connection refused') => {
          reject(new Error(message))
          return settled()
        },
      }
      asked.push(one)
      if (stage.respond !== null) void one.answer(stage.respond(body, request))
    })
  const ports = createTestPorts({ subrequest: { send }, ...over })
  const parsed = parseConfig(config)
  assert.deepEqual(rbac.check?.(parsed), [])
  const plugin = rbac.create(parsed, ports)
  const stage: Stage = {
    plugin,
    ports,
    asked,
    respond: null,
    status(view) {
      const verdict = plugin.onRequest?.(view)
      return verdict instanceof Promise ? verdict.then(toStatus) : toStatus(verdict)
    },
    async purge(scope) {
      const answer = (await plugin.onControl?.('purge', scope)) as { purged: number }
      return answer.purged
    },
    inspect: (scope = {}) => plugin.onControl?.('inspect', scope) as ReturnType<Stage['inspect']>,
  }
  return stage
}

function toStatus(verdict: Reply | undefined): number {
  return verdict?.status ?? 200
}

/** All promise callbacks that are due have run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

export function createIdentity(over: Partial<Identity> = {}): Identity {
  const tenantId = over.tenantId === undefined ? 'acme' : over.tenantId
  return {
    userId: 'u1',
    roles: [],
    permissions: [],
    claims: {},
    expiresAt: Number.POSITIVE_INFINITY,
    ...over,
    tenantId,
  }
}

export interface Caller {
  tenant?: string | null
  user?: string
  roles?: string[]
  permissions?: string[]
  resource?: string
  action?: string
  method?: string
  upstream?: string
}

/** A request of that caller to a route that asks for that permission (items:{method} when nothing is said). */
export function createRequest(caller: Caller = {}): TestView {
  const { tenant = 'acme', user = 'u1', roles = [], permissions = [], upstream = 'api' } = caller
  const { resource = 'items', action = '{method}', method = 'GET' } = caller
  return createView({
    method,
    tenant: tenant === null ? null : createTenant(tenant),
    identity: createIdentity({ tenantId: tenant, userId: user, roles, permissions }),
    route: createRoute({ permission: { resource, action }, upstream: [{ name: upstream, weight: 1 }] }),
  })
}
