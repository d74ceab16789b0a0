// Checks of plugins.json beyond its schema: ids, scopes, and an order in which every plugin finds what it needs.
import type { Fact, PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { Report } from '../problems.ts'
import type { PluginsFile } from '../schema/plugins.ts'
import { quote, suggest } from '../wording.ts'

/** One sound entry with the definition that it names. */
export interface ChainEntry {
  readonly value: PluginsFile['plugins'][number]
  readonly pointer: string
  /** null: unknown, and already reported. */
  readonly definition: PluginDefinition | null
}

/** null where a list cannot be read, so that nothing can be said about names in it. */
export interface KnownNames {
  readonly routes: ReadonlySet<string> | null
  readonly tenants: ReadonlySet<string> | null
  readonly plans: ReadonlySet<string> | null
}

export interface PluginsCheck {
  readonly report: Report
  /** False when an entry could not be read: then nothing can be said about what is lacking. */
  readonly complete: boolean
}

export function checkPlugins(chain: readonly ChainEntry[], known: KnownNames, check: PluginsCheck): void {
  const { report } = check
  const ids = new Set<string>()
  for (const { value, pointer } of chain) {
    if (ids.has(value.id)) report(`${pointer}/id`, `Two entries have the id ${quote(value.id)}.`)
    ids.add(value.id)
  }
  for (const entry of chain) checkScope(entry, known, report)
  const enabled = chain.filter((entry) => entry.value.enabled)
  checkSameScope(enabled, report)
  checkOrder(enabled, check)
}

const dimensions = [
  ['routes', 'route'],
  ['tenants', 'tenant'],
  ['plans', 'plan'],
] as const

function checkScope({ value, pointer }: ChainEntry, known: KnownNames, report: Report): void {
  if (value.scope.tenants.length > 0 && value.scope.plans.length > 0) {
    report(
      `${pointer}/scope`,
      `Plugin ${quote(value.id)}: its scope names tenants and plans. Name one of both, or make two entries.`,
    )
  }
  for (const [list, word] of dimensions) {
    const names = known[list]
    if (names === null) continue
    for (const [index, name] of value.scope[list].entries()) {
      if (names.has(name)) continue
      const hint = suggest(name, names)
      report(
        `${pointer}/scope/${list}/${index}`,
        `Plugin ${quote(value.id)}: its scope names the ${word} ${quote(name)}, which does not exist.${hint}`,
      )
    }
  }
}

/** Of two instances that are equally specific for one request, none would be the right one. */
function checkSameScope(enabled: readonly ChainEntry[], report: Report): void {
  const buckets = new Map<string, ChainEntry[]>()
  for (const entry of enabled) {
    const rivals = new Set<ChainEntry>()
    for (const key of bucketKeys(entry)) {
      const bucket = buckets.get(key) ?? []
      for (const other of bucket) if (scopesMeet(entry, other)) rivals.add(other)
      bucket.push(entry)
      buckets.set(key, bucket)
    }
    const [other] = rivals
    if (other === undefined) continue
    report(
      entry.pointer,
      `Plugin ${quote(entry.value.id)} and plugin ${quote(other.value.id)} are both ${quote(entry.value.plugin)} and equally specific for some requests. Merge them, disable one, or make their scopes differ.`,
    )
  }
}

/** Only entries that share a key can be equally specific; keeps a thousand scoped instances from being compared in pairs. */
function bucketKeys({ value }: ChainEntry): string[] {
  const used = dimensions.filter(([list]) => value.scope[list].length > 0).map(([list]) => list)
  const level = JSON.stringify([value.plugin, used])
  const finest = value.scope.tenants.length > 0 ? 'tenants' : (used[0] ?? null)
  return finest === null ? [level] : value.scope[finest].map((name) => `${level} ${name}`)
}

/** True when some request is in both scopes (an empty list is everything). */
function scopesMeet(a: ChainEntry, b: ChainEntry): boolean {
  return dimensions.every(([list]) => {
    const left = a.value.scope[list]
    const right = b.value.scope[list]
    return left.length === 0 || right.length === 0 || left.some((name) => right.includes(name))
  })
}

function checkOrder(enabled: readonly ChainEntry[], { report, complete }: PluginsCheck): void {
  const providers = providersOf(enabled)
  for (const [index, entry] of enabled.entries()) {
    for (const fact of entry.definition?.needs ?? []) {
      const able = (providers.get(fact) ?? []).filter((one) => scopesMeet(entry, one.entry))
      const before = able.filter((one) => one.index < index).map((one) => one.entry)
      const after = able.filter((one) => one.index > index).map((one) => one.entry)
      const late = after.find((one) => before.length === 0 || !standsBefore(before, one, entry))
      // An entry that could not be read may be the one that provides it; its own problem is already reported.
      if (late !== undefined || (before.length === 0 && complete))
        report(entry.pointer, orderSentence(entry, fact, late))
    }
  }
}

/**
 * True when, wherever `late` and `entry` both run, one of `before` has provided the fact already. Instances of one
 * plugin run at the place of the first that covers the route, so that of those only the routes count.
 */
function standsBefore(before: readonly ChainEntry[], late: ChainEntry, entry: ChainEntry): boolean {
  const counting = before.filter(
    ({ value }) => value.plugin === late.value.plugin || isForEverybody(value.scope),
  )
  if (counting.some(({ value }) => value.scope.routes.length === 0)) return true
  const covered = new Set(counting.flatMap(({ value }) => value.scope.routes))
  const [some, others] = [late.value.scope.routes, entry.value.scope.routes]
  const shared =
    some.length === 0 ? others : others.length === 0 ? some : some.filter((id) => others.includes(id))
  return shared.length > 0 && shared.every((id) => covered.has(id))
}

function isForEverybody(scope: ChainEntry['value']['scope']): boolean {
  return scope.tenants.length === 0 && scope.plans.length === 0
}

function providersOf(enabled: readonly ChainEntry[]): Map<Fact, { index: number; entry: ChainEntry }[]> {
  const providers = new Map<Fact, { index: number; entry: ChainEntry }[]>()
  for (const [index, entry] of enabled.entries()) {
    for (const fact of entry.definition?.provides ?? []) {
      const list = providers.get(fact) ?? []
      list.push({ index, entry })
      providers.set(fact, list)
    }
  }
  return providers
}

function orderSentence(entry: ChainEntry, fact: Fact, later: ChainEntry | undefined): string {
  const start = `Plugin ${quote(entry.value.id)} needs "${fact}", which `
  if (later !== undefined) {
    return `${start}plugin ${quote(later.value.id)} provides: put ${quote(later.value.id)} before it in the list.`
  }
  return `${start}no enabled plugin before it provides: enable one that does, before it, or disable ${quote(entry.value.id)}.`
}
