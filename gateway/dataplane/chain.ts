// The plugin chain: compiled per route, run per request. Worker thread; called by pipeline.ts.
import type { Plugin, PluginDefinition, Verdict } from '../contract/plugin.ts'
import { deny } from '../contract/reply.ts'
import type { PluginEntry, RouteConfig, Tenant } from '../contract/snapshot.ts'
import {
  asBodyView,
  asLogView,
  asRecheckView,
  asRequestView,
  asResponseBodyView,
  asResponseView,
  type Exchange,
} from './exchange.ts'

/** A plugin made from one entry of plugins.json. */
export interface Instance {
  readonly entry: PluginEntry
  readonly definition: PluginDefinition
  readonly plugin: Plugin
}

/** All instances of one plugin that can apply to a route; the most specific one is picked per request. */
export interface Step {
  readonly plugin: string
  readonly byTenant: ReadonlyMap<string, Instance> | null
  readonly byPlan: ReadonlyMap<string, Instance> | null
  readonly fallback: Instance | null
}

export interface Chain {
  readonly steps: readonly Step[]
  /** Bytes of every request body that some plugin of the chain wants to see first; 0 for none. */
  readonly inspectUpTo: number
}

const defaultHookTimeoutMs = 10_000

/** `route` null compiles the chain whose onLog sees requests that never met a route: globally scoped instances only. */
export function compileChain(instances: readonly Instance[], route: RouteConfig | null): Chain {
  const names = [...new Set(instances.map((instance) => instance.entry.plugin))]
  const steps: Step[] = []
  let inspectUpTo = 0
  for (const name of names) {
    const mine = instances.filter((one) => one.entry.plugin === name && covers(one, route))
    if (mine.length === 0) continue
    steps.push(compileStep(name, mine))
    inspectUpTo = Math.max(inspectUpTo, mine[0]?.definition.body?.inspectUpTo ?? 0)
  }
  return { steps, inspectUpTo }
}

function covers({ entry: { scope } }: Instance, route: RouteConfig | null): boolean {
  if (route === null) return scope.routes.length + scope.tenants.length + scope.plans.length === 0
  return scope.routes.length === 0 || scope.routes.includes(route.id)
}

/** Precedence: tenant+route, tenant, plan+route, plan, route, global. */
function compileStep(plugin: string, instances: readonly Instance[]): Step {
  const routeFirst = [...instances].sort((a, b) => routeRank(a) - routeRank(b))
  const byTenant = new Map<string, Instance>()
  const byPlan = new Map<string, Instance>()
  let fallback: Instance | null = null
  for (const instance of routeFirst) {
    const { tenants, plans } = instance.entry.scope
    for (const tenant of tenants) if (!byTenant.has(tenant)) byTenant.set(tenant, instance)
    if (tenants.length > 0) continue
    for (const plan of plans) if (!byPlan.has(plan)) byPlan.set(plan, instance)
    if (plans.length === 0) fallback ??= instance
  }
  return {
    plugin,
    byTenant: byTenant.size > 0 ? byTenant : null,
    byPlan: byPlan.size > 0 ? byPlan : null,
    fallback,
  }
}

function routeRank({ entry }: Instance): number {
  return entry.scope.routes.length > 0 ? 0 : 1
}

function pickInstance(step: Step, tenant: Tenant | null): Instance | null {
  if (tenant === null) return step.fallback
  return (
    step.byTenant?.get(tenant.id) ??
    (tenant.plan === null ? undefined : step.byPlan?.get(tenant.plan)) ??
    step.fallback
  )
}

/** Runs onRequest from step `from` on. Synchronous as long as the plugins are. */
export function runRequestHooks(ex: Exchange, chain: Chain, from = 0): Verdict | Promise<Verdict> {
  for (let i = from; i < chain.steps.length; i++) {
    const instance = pickInstance(chain.steps[i] as Step, ex.tenant ?? ex.hostTenant)
    if (instance === null) continue
    ex.entered.push(instance)
    let verdict: Verdict | PromiseLike<Verdict>
    try {
      verdict = instance.plugin.onRequest?.(asRequestView(ex))
    } catch (error) {
      verdict = failHook(ex, instance, error)
    }
    if (isThenable(verdict)) {
      return guard(ex, instance, verdict).then(
        (late) => late ?? (ex.ended ? undefined : runRequestHooks(ex, chain, i + 1)),
      )
    }
    // An operator's plain JavaScript may say null for "go on".
    if (verdict !== undefined && verdict !== null) return verdict
  }
  return undefined
}

/** Runs onRequestBody of every entered plugin, in chain order. */
export function runBodyHooks(ex: Exchange): Promise<Verdict> {
  return askInTurn(ex, ex.entered, ({ plugin }) => plugin.onRequestBody?.(asBodyView(ex)))
}

/** Runs onResponse in reverse over the entered plugins. A plugin that throws here is skipped: the response goes out. */
export function runResponseHooks(ex: Exchange, from = ex.entered.length - 1): void | Promise<void> {
  for (let i = from; i >= 0; i--) {
    const instance = ex.entered[i] as Instance
    if (instance.plugin.onResponse === undefined) continue
    try {
      const pending = instance.plugin.onResponse(asResponseView(ex))
      if (isThenable(pending)) {
        const guarded = withTimeout(pending, timeoutOf(instance)).catch((error) =>
          reportFailure(ex, instance, error),
        )
        return guarded.then(() => runResponseHooks(ex, i - 1))
      }
    } catch (error) {
      reportFailure(ex, instance, error)
    }
  }
}

/** Runs onResponseBody in reverse over the entered plugins, on an upstream's answer that is held back. */
export function runResponseBodyHooks(ex: Exchange): Promise<Verdict> {
  return askInTurn(ex, ex.entered.toReversed(), ({ plugin }) =>
    plugin.onResponseBody?.(asResponseBodyView(ex)),
  )
}

/** One after the other, until one does not say "go on". */
async function askInTurn(
  ex: Exchange,
  instances: readonly Instance[],
  hook: (instance: Instance) => Verdict | Promise<Verdict>,
): Promise<Verdict> {
  for (const instance of instances) {
    try {
      const pending = hook(instance)
      const verdict = isThenable(pending) ? await guard(ex, instance, pending) : pending
      if (verdict !== undefined && verdict !== null) return verdict
    } catch (error) {
      const verdict = failHook(ex, instance, error)
      if (verdict !== undefined) return verdict
    }
  }
  return undefined
}

/** Asks whether an exchange that lasts may go on. Synchronous as long as the plugins are; never rejects. */
export function runRecheckHooks(ex: Exchange, chain: Chain, from = 0): Verdict | Promise<Verdict> {
  for (let i = from; i < chain.steps.length; i++) {
    const instance = pickInstance(chain.steps[i] as Step, ex.tenant ?? ex.hostTenant)
    if (instance?.plugin.onRecheck === undefined) continue
    let verdict: Verdict | PromiseLike<Verdict>
    try {
      verdict = instance.plugin.onRecheck(asRecheckView(ex))
    } catch (error) {
      verdict = failHook(ex, instance, error)
    }
    if (isThenable(verdict)) {
      return guard(ex, instance, verdict).then((late) => late ?? runRecheckHooks(ex, chain, i + 1))
    }
    if (verdict !== undefined && verdict !== null) return verdict
  }
  return undefined
}

/** Every plugin of the chain hears of the end, entered or not, so that refusals by an earlier plugin are counted too. */
export function runLogHooks(ex: Exchange, chain: Chain): void {
  const tenant = ex.tenant ?? ex.hostTenant
  let next = 0
  for (const step of chain.steps) {
    // The tenant may have become known on the way: who saw the request also sees its end.
    const entered = ex.entered[next]
    const mine = entered?.entry.plugin === step.plugin
    if (mine) next += 1
    const instance = mine ? entered : pickInstance(step, tenant)
    if (instance?.plugin.onLog !== undefined) runLogHook(ex, instance)
  }
}

function runLogHook(ex: Exchange, instance: Instance): void {
  try {
    const outcome: unknown = instance.plugin.onLog?.(asLogView(ex))
    // It should be synchronous; a rejection that nobody hears would end the worker.
    if (isThenable(outcome)) outcome.then(undefined, (error) => reportFailure(ex, instance, error))
  } catch (error) {
    reportFailure(ex, instance, error)
  }
}

/** Any promise, also one of another realm or library. */
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<T>).then === 'function'
}

/** A late verdict, bounded in time; a rejection becomes what `onFailure` says. */
function guard(ex: Exchange, instance: Instance, pending: PromiseLike<Verdict>): Promise<Verdict> {
  return withTimeout(pending, timeoutOf(instance)).catch((error) => failHook(ex, instance, error))
}

function failHook(ex: Exchange, instance: Instance, error: unknown): Verdict {
  reportFailure(ex, instance, error)
  if (instance.definition.onFailure === 'allow') return undefined
  return deny(500, 'AEGIS_PLUGIN_FAILED', 'The gateway could not decide on this request.')
}

function reportFailure(ex: Exchange, instance: Instance, error: unknown): void {
  const { id } = instance.entry
  ex.failure = `plugin ${id}: ${error instanceof Error ? error.message : String(error)}`
  ex.runtime.log.error({ plugin: id, request_id: ex.requestId, err: error }, 'a plugin failed')
}

function timeoutOf(instance: Instance): number {
  return instance.definition.hookTimeoutMs ?? defaultHookTimeoutMs
}

async function withTimeout<T>(pending: PromiseLike<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([pending, expired])
  } finally {
    clearTimeout(timer)
  }
}
