// The addresses of one DNS name, looked up again when their TTL is over. Main thread; run by discovered.ts.
import { Resolver } from 'node:dns/promises'
import type { Clock } from '../../contract/ports.ts'
import type { DnsDiscovery } from '../../contract/snapshot.ts'
import { type Finding, type FoundTarget, toFinding } from './finding.ts'

export interface DnsLookupPorts {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

interface Records {
  readonly found: readonly FoundTarget[]
  /** Least of all records. */
  readonly ttlSeconds: number
}

const firstRetryMs = 500
const longestRetryMs = 4_000
/** Targets of SRV records that are resolved; more are cut off. */
const mostNames = 100

/** `name` without placeholders. The returned function ends it. */
export function followDns(
  name: string,
  discovery: DnsDiscovery,
  ports: DnsLookupPorts,
  onFinding: (finding: Finding) => void,
): () => void {
  const { clock, random } = ports
  let cancel = (): void => {}
  let stopped = false
  let failures = 0
  const once = async (): Promise<void> => {
    const lookup = createLookup(discovery)
    cancel = () => lookup.cancel()
    // Also a bound on what takes several questions; the resolver's own time-outs grow with each try.
    const stopTimer = clock.after(discovery.timeoutMs, () => lookup.cancel())
    const outcome = await lookup.run(name)
    stopTimer()
    if (stopped) return
    failures = outcome.finding.kind === 'failed' ? failures + 1 : 0
    onFinding(outcome.finding)
    const delayMs = failures > 0 ? retryMs(failures) : outcome.againMs
    // A little later than the TTL: a resolver's cache counts in whole seconds. Never earlier.
    if (!stopped) cancel = clock.after(delayMs * (1 + 0.1 * random()), () => void once())
  }
  void once()
  return () => {
    stopped = true
    cancel()
  }
}

function retryMs(failures: number): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 10))
}

function createLookup(discovery: DnsDiscovery) {
  const { timeoutMs, resolvers, minRefreshMs, maxRefreshMs, scheme } = discovery
  // Two tries within the time allowed; a resolver for each look-up, so that a changed resolv.conf is seen.
  const resolver = new Resolver({ timeout: Math.max(1, Math.floor(timeoutMs / 3)), tries: 2 })
  if (resolvers.length > 0) resolver.setServers(resolvers)
  return {
    cancel: () => resolver.cancel(),
    async run(name: string): Promise<{ finding: Finding; againMs: number }> {
      try {
        const { found, ttlSeconds } = await resolve(resolver, name, discovery)
        const againMs = Math.min(Math.max(ttlSeconds * 1000, minRefreshMs), maxRefreshMs)
        const finding = toFinding(scheme, found)
        return { finding, againMs: finding.kind === 'empty' ? minRefreshMs : againMs }
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException
        if (isNothing(code)) return { finding: { kind: 'empty' }, againMs: minRefreshMs }
        return { finding: { kind: 'failed', reason: `${discovery.type} of ${name}: ${code}` }, againMs: 0 }
      }
    },
  }
}

/** The name, or records of this type, do not exist: an answer, not a failure. */
function isNothing(code: string): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA'
}

async function resolve(resolver: Resolver, name: string, discovery: DnsDiscovery): Promise<Records> {
  const { type, port } = discovery
  if (type === 'SRV') return resolveServices(resolver, name)
  const records = await addressesOf(resolver, name, type)
  return {
    // Host names the service, not the address that was found for it.
    found: records.map(({ address }) => ({
      address,
      port: port ?? 0,
      weight: 1,
      host: toHost(name, discovery),
    })),
    ttlSeconds: leastTtl(records),
  }
}

function toHost(name: string, { scheme, port }: DnsDiscovery): string {
  return new URL(`${scheme}://${name}:${port}`).host
}

interface AddressRecord {
  readonly address: string
  readonly ttl: number
}

function addressesOf(resolver: Resolver, name: string, type: 'A' | 'AAAA'): Promise<AddressRecord[]> {
  return type === 'A' ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true })
}

function leastTtl(records: readonly AddressRecord[]): number {
  return records.reduce((least, { ttl }) => Math.min(least, ttl), Number.POSITIVE_INFINITY)
}

/** RFC 2782. Node does not tell the TTL of SRV records: that of the addresses behind them stands for it. */
async function resolveServices(resolver: Resolver, name: string): Promise<Records> {
  const services = await resolver.resolveSrv(name)
  const first = Math.min(...services.map(({ priority }) => priority))
  const wanted = services.filter(({ priority }) => priority === first)
  const names = [...new Set(wanted.map((service) => service.name))].slice(0, mostNames)
  const addresses = new Map(
    await Promise.all(names.map(async (one) => [one, await anyAddressesOf(resolver, one)] as const)),
  )
  const found = wanted.flatMap((service) =>
    (addresses.get(service.name) ?? []).map(({ address }) => ({
      address,
      port: service.port,
      // 0 is the smallest weight there is, not none.
      weight: Math.max(1, service.weight),
      host: `${service.name}:${service.port}`,
    })),
  )
  return { found, ttlSeconds: leastTtl([...addresses.values()].flat()) }
}

async function anyAddressesOf(resolver: Resolver, name: string): Promise<AddressRecord[]> {
  const orNone = (error: NodeJS.ErrnoException): AddressRecord[] => {
    if (isNothing(error.code ?? '')) return []
    throw error
  }
  const v4 = await addressesOf(resolver, name, 'A').catch(orNone)
  return v4.length > 0 ? v4 : addressesOf(resolver, name, 'AAAA').catch(orNone)
}
