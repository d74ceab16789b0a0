// Checks of discovered upstreams beyond their schema: one source each, names that can be looked up, a Consul to ask.
import { isIP } from 'node:net'
import { escapeStep } from '../pointer.ts'
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote } from '../wording.ts'
import { hostProblem } from './host-pattern.ts'
import { soundItems } from './places.ts'
import type { RoutesCheck } from './tenants.ts'

type Upstream = RoutesFile['upstreams'][string]
type Dns = NonNullable<Upstream['dns']>

export interface DiscoveryCheck {
  readonly upstream: Upstream
  readonly pointer: string
  /** Names the upstream in the sentence. */
  readonly say: Report
  readonly hasConsul: boolean
}

export function checkDiscovery({ upstream, pointer, say, hasConsul }: DiscoveryCheck): void {
  const { targets, consul, dns } = upstream
  const given = [targets, consul, dns].filter((one) => one !== undefined).length
  if (given !== 1) {
    const found = given === 0 ? 'none of them is' : `${given} of them are`
    say(pointer, `exactly one of "targets", "consul" and "dns" says where it runs; ${found} given.`)
    return
  }
  if (consul !== undefined) {
    const problem = serviceProblem(consul.service)
    if (problem !== null) say(`${pointer}/consul/service`, problem)
    if (!hasConsul) {
      say(
        `${pointer}/consul`,
        'gateway.json names no Consul. Add "consul": { "url": ... } there, or set CONSUL_URL.',
      )
    }
  }
  if (dns !== undefined) checkDns(dns, `${pointer}/dns`, say)
}

/** Consul and DNS look names up without regard to case: two such tenants would get each other's endpoints. */
export function checkTenantNames({ file, places, report }: RoutesCheck): void {
  if (perTenantUpstreams({ file, places }).size === 0) return
  const seen = new Map<string, string>()
  for (const { value, pointer } of soundItems(file.tenants, '/tenants', places)) {
    const other = seen.get(value.id.toLowerCase())
    seen.set(value.id.toLowerCase(), value.id)
    if (other === undefined || other === value.id) continue
    report(
      `${pointer}/id`,
      `The tenants ${quote(other)} and ${quote(value.id)} differ in case only; with "{tenant}" in an upstream they would share their endpoints.`,
    )
  }
}

/** Names of the sound upstreams of which every tenant has its own part. */
export function perTenantUpstreams({ file, places }: Pick<RoutesCheck, 'file' | 'places'>): Set<string> {
  const names = places.isSound('/upstreams') ? Object.keys(file.upstreams) : []
  const sound = names.filter((name) => places.isSound(`/upstreams/${escapeStep(name)}`))
  return new Set(sound.filter((name) => isPerTenant(file.upstreams[name] as Upstream)))
}

function isPerTenant({ consul, dns }: Upstream): boolean {
  return consul?.service.includes('{tenant}') === true || dns?.name.includes('{tenant}') === true
}

function serviceProblem(service: string): string | null {
  if (/[{}]/.test(service.replaceAll('{tenant}', ''))) return 'of braces only "{tenant}" is known in a name.'
  return /^[^\s/?#\p{Cc}]+$/u.test(service) ? null : `${quote(service)} is not a name of a service.`
}

function checkDns(dns: Dns, pointer: string, say: Report): void {
  const { name, type, port, resolvers, minRefreshMs, maxRefreshMs } = dns
  const plain = name.replaceAll('{tenant}', 'tenant')
  if (/[{}]/.test(plain)) say(`${pointer}/name`, 'of braces only "{tenant}" is known in a name.')
  else if (isIP(plain) !== 0) say(`${pointer}/name`, `${quote(name)} is an address; give it in "targets".`)
  else if (hostProblem(plain) !== null) say(`${pointer}/name`, `${quote(name)} is not a DNS name.`)
  if (type === 'SRV' && port !== undefined) say(`${pointer}/port`, 'SRV records name the ports themselves.')
  if (type !== 'SRV' && port === undefined) say(pointer, `"port" is needed with ${type} records.`)
  if (minRefreshMs > maxRefreshMs) {
    say(`${pointer}/minRefreshMs`, `it must not be greater than maxRefreshMs (${maxRefreshMs}).`)
  }
  for (const [index, resolver] of resolvers.entries()) {
    if (!isResolver(resolver)) {
      const example = '"10.0.0.2", "10.0.0.2:53" or "[fd00::2]:53"'
      say(`${pointer}/resolvers/${index}`, `${quote(resolver)} is not an address such as ${example}.`)
    }
  }
}

function isResolver(text: string): boolean {
  if (isIP(text) !== 0) return true
  const parts = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text)
  if (parts === null) return false
  const family = isIP(parts[1] ?? parts[2] ?? '')
  const port = Number(parts[3])
  return family === (parts[1] === undefined ? 4 : 6) && port > 0 && port <= 65_535
}
