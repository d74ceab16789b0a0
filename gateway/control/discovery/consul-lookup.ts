// The instances of one service in Consul, for as long as they are wanted. Main thread; run by discovered.ts.
import type { ConsulDiscovery } from '../../contract/snapshot.ts'
import { type QueryPorts, runBlockingQuery } from '../consul/blocking-query.ts'
import type { ConsulClient, InstanceEntry } from '../consul/client.ts'
import { type Finding, type FoundTarget, toFinding } from './finding.ts'

export interface ConsulLookupPorts extends QueryPorts {
  readonly consul: ConsulClient
}

/** `service` without placeholders. The returned function ends it. */
export function followConsul(
  service: string,
  discovery: ConsulDiscovery,
  ports: ConsulLookupPorts,
  onFinding: (finding: Finding) => void,
): () => void {
  return runBlockingQuery(
    {
      ask: (ask) => ports.consul.instances({ ...discovery, service }, ask),
      onAnswer: (entries) => onFinding(toTargets(entries, discovery)),
      onFailure: (reason) => onFinding({ kind: 'failed', reason }),
    },
    ports,
  )
}

function toTargets(entries: readonly InstanceEntry[], { scheme, passingOnly }: ConsulDiscovery): Finding {
  const found: FoundTarget[] = []
  for (const entry of entries.filter((one) => typeof one === 'object' && one !== null)) {
    const status = worstStatus(entry)
    // Also when Consul filtered: what it sends is not believed to be well without its saying so.
    if (status === 'critical' || (passingOnly && status !== 'passing')) continue
    const { Service, Node } = entry
    const address = textOf(Service?.Address) ?? textOf(Node?.Address)
    if (address === null || typeof Service?.Port !== 'number') continue
    found.push({ address, port: Service.Port, weight: weightOf(Service.Weights, status) })
  }
  return toFinding(scheme, found)
}

function worstStatus({ Checks }: InstanceEntry): 'passing' | 'warning' | 'critical' {
  const statuses = (Array.isArray(Checks) ? Checks : []).map((check) => check?.Status)
  if (statuses.every((status) => status === 'passing')) return 'passing'
  return statuses.every((status) => status === 'passing' || status === 'warning') ? 'warning' : 'critical'
}

function weightOf(weights: unknown, status: 'passing' | 'warning'): number {
  const { Passing, Warning } = (weights ?? {}) as { Passing?: unknown; Warning?: unknown }
  const weight = status === 'passing' ? Passing : Warning
  return typeof weight === 'number' ? weight : 1
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
