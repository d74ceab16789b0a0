// What the admin API may ask of an instance: to show and to drop what it knows. Worker thread; called by rbac.ts.
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import type { Decider } from './decider.ts'
import type { RoleTables } from './roles.ts'
import type { PurgeScope, SharedLevel } from './shared-level.ts'
import type { Entry, WorkerCache } from './worker-cache.ts'

export interface Held {
  readonly ports: Pick<PluginPorts, 'clock' | 'log'>
  readonly tables: RoleTables
  readonly worker: WorkerCache
  readonly shared: SharedLevel | null
  readonly decider: Decider
}

type Arguments = Readonly<Record<string, unknown>>

const defaultLimit = 100
const maxLimit = 1_000

/**
 * `purge` {tenant?, user?, role?}, `forget` with the same (what another gateway has purged) and `inspect` {tenant?, user?,
 * role?, limit?}. Throws on anything else.
 */
export function answerControl(held: Held, operation: string, args: Arguments): unknown {
  if (operation === 'purge') return purge(held, toScope(args))
  if (operation === 'forget') return forget(held, toScope(args))
  if (operation === 'inspect') return inspect(held, toScope(args), args.limit)
  throw new Error(`rbac knows no operation ${JSON.stringify(operation)}; it knows purge, forget and inspect`)
}

function purge(held: Held, scope: PurgeScope): unknown {
  const answer = dropOwn(held, scope)
  if (held.shared === null) return answer
  return held.shared.purge(scope).then(
    () => answer,
    (error: Error) => {
      held.ports.log.error({ reason: error.message }, 'the shared level of decisions could not be purged')
      throw error
    },
  )
}

function forget(held: Held, scope: PurgeScope): unknown {
  held.shared?.distrust()
  return dropOwn(held, scope)
}

function dropOwn(held: Held, scope: PurgeScope): { purged: number } {
  // First, so that no answer on its way can come in behind the purge.
  held.decider.forgetOngoing()
  return { purged: held.worker.purge((entry) => isMeant(held.tables, scope, entry)) }
}

function inspect(held: Held, scope: PurgeScope, limit: unknown): unknown {
  const most = typeof limit === 'number' && limit >= 1 ? Math.min(Math.floor(limit), maxLimit) : defaultLimit
  const now = held.ports.clock.monotonicMs()
  const found = held.worker.list((entry) => isMeant(held.tables, scope, entry), most)
  return {
    size: held.worker.size,
    entries: found.map(({ askedMs, untilMs, ...entry }) => ({
      ...entry,
      ageSeconds: Math.round((now - askedMs) / 1_000),
      ttlSeconds: Math.max(0, Math.round((untilMs - now) / 1_000)),
      expired: untilMs <= now,
    })),
  }
}

function isMeant(tables: RoleTables, scope: PurgeScope, entry: Entry): boolean {
  if (scope.tenant !== undefined && entry.tenant !== scope.tenant) return false
  if (scope.user !== undefined && entry.user !== scope.user) return false
  // Who inherits a role is touched by what happens to it.
  return scope.role === undefined || tables(entry.tenant).hasAny(entry.roles, [scope.role])
}

/** A scope that was misread would purge too little, so a wrong type is refused; null and undefined say "any". */
function toScope(args: Arguments): PurgeScope {
  const scope: { tenant?: string; user?: string; role?: string } = {}
  for (const name of ['tenant', 'user', 'role'] as const) {
    const value = args[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') throw new Error(`${name} must be a string`)
    scope[name] = value
  }
  return scope
}
