// The decision of the ip-restriction plugin. Worker thread; called by index.ts.
import type { RecheckView, RequestView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import { deny } from '../../gateway/contract/reply.ts'
import { type Address, type AddressSet, createAddressSet, parseNetwork, toAddress } from './address.ts'

export interface AddressLists {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

export interface IpRestrictionConfig extends AddressLists {
  readonly tenants: Readonly<Record<string, AddressLists>>
}

type Problem = { pointer: string; message: string }

export function checkAddressLists(config: IpRestrictionConfig): Problem[] {
  const problems = checkLists(config, '')
  for (const [tenant, lists] of Object.entries(config.tenants)) {
    problems.push(...checkLists(lists, `/tenants/${tenant.replaceAll('~', '~0').replaceAll('/', '~1')}`))
  }
  return problems
}

function checkLists(lists: AddressLists, at: string): Problem[] {
  const problems: Problem[] = []
  for (const name of ['allow', 'deny'] as const) {
    lists[name]?.forEach((text, index) => {
      const network = parseNetwork(text)
      if (typeof network === 'string') problems.push({ pointer: `${at}/${name}/${index}`, message: network })
    })
  }
  return problems
}

export function createIpRestriction(config: IpRestrictionConfig): Plugin {
  const general = compile(config)
  const tenants = new Map(Object.entries(config.tenants).map(([id, lists]) => [id, compile(lists)]))
  const refused = deny(403, 'AEGIS_IP_DENIED', 'Your address may not use this service.')

  const judge = (ex: RequestView | RecheckView): Verdict => {
    const tenant = ex.tenant ?? ex.hostTenant
    const own = tenant === null ? undefined : tenants.get(tenant.id)
    if (general === null && own == null) return undefined
    const address = toAddress(ex.clientIp)
    if (address === null || !admits(general, address) || !admits(own, address)) return refused
    return undefined
  }
  return { onRequest: judge, onRecheck: judge }
}

interface Compiled {
  readonly allow: AddressSet | null
  readonly deny: AddressSet
}

/** null: lists that ask for nothing. */
function compile(lists: AddressLists): Compiled | null {
  const { allow = [], deny: denied = [] } = lists
  if (allow.length === 0 && denied.length === 0) return null
  return { allow: allow.length === 0 ? null : createAddressSet(allow), deny: createAddressSet(denied) }
}

function admits(lists: Compiled | null | undefined, address: Address): boolean {
  if (lists == null) return true
  return !lists.deny.has(address) && (lists.allow === null || lists.allow.has(address))
}
