// Checks of tenancy, tenants and plans beyond their schema: who owns which host.
import type { Report } from '../problems.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote, suggest } from '../wording.ts'
import { hostProblem, isDnsLabel } from './host-pattern.ts'
import { type Entry, type Places, soundItems } from './places.ts'

type Tenant = RoutesFile['tenants'][number]

export interface RoutesCheck {
  readonly file: RoutesFile
  readonly places: Places
  readonly report: Report
  readonly warn: (message: string) => void
}

export function checkTenants(check: RoutesCheck): void {
  const { file, places, report } = check
  const domains = checkBaseDomains(check)
  const ids = new Set<string>()
  const owners = new Map<string, string>()
  for (const entry of soundItems(file.tenants, '/tenants', places)) {
    const { value, pointer } = entry
    if (ids.has(value.id)) report(`${pointer}/id`, `Two tenants have the id ${quote(value.id)}.`)
    ids.add(value.id)
    if (domains.size > 0 && !isDnsLabel(value.id)) report(`${pointer}/id`, labelSentence(value.id))
    checkPlan(entry, check)
    for (const [index, host] of value.hosts.entries()) {
      const message = hostSentence(value, host.toLowerCase(), domains, owners)
      if (message !== null) report(`${pointer}/hosts/${index}`, `Tenant ${quote(value.id)}: ${message}`)
    }
  }
}

function checkBaseDomains({ file, places, report }: RoutesCheck): Set<string> {
  const domains = new Set<string>()
  if (!places.isSound('/tenancy/baseDomains')) return domains
  for (const [index, domain] of file.tenancy.baseDomains.entries()) {
    const pointer = `/tenancy/baseDomains/${index}`
    const problem = hostProblem(domain)
    if (problem !== null) report(pointer, `Base domain ${quote(domain)}: ${problem}.`)
    else if (domains.has(domain.toLowerCase()))
      report(pointer, `Base domain ${quote(domain)} is given twice.`)
    else domains.add(domain.toLowerCase())
  }
  return domains
}

function labelSentence(id: string): string {
  return `Tenant ${quote(id)}: with base domains, the id is a subdomain, so it must be lower-case letters, digits and inner "-", at most 63 characters.`
}

function checkPlan({ value, pointer }: Entry<Tenant>, { file, places, report }: RoutesCheck): void {
  const { plan } = value
  if (plan === null || !places.isSound('/plans') || Object.hasOwn(file.plans, plan)) return
  const plans = Object.keys(file.plans)
  const known = plans.length === 0 ? 'No plans are given.' : `Known plans: ${plans.slice(0, 30).join(', ')}.`
  report(
    `${pointer}/plan`,
    `Tenant ${quote(value.id)}: there is no plan ${quote(plan)}.${suggest(plan, plans)} ${known}`,
  )
}

function hostSentence(
  tenant: Tenant,
  host: string,
  domains: ReadonlySet<string>,
  owners: Map<string, string>,
): string | null {
  const problem = hostProblem(host)
  if (problem !== null) return `the host ${quote(host)} cannot be used: ${problem}.`
  const owner = owners.get(host)
  if (owner === tenant.id) return `the host ${quote(host)} is given twice.`
  if (owner !== undefined) return `the host ${quote(host)} already belongs to the tenant ${quote(owner)}.`
  owners.set(host, tenant.id)
  const domain = domainAbove(host, domains)
  if (domain === undefined || host === `${tenant.id}.${domain}`) return null
  return `the host ${quote(host)} is below the base domain ${quote(domain)}, where only "${tenant.id}.${domain}" is this tenant's own.`
}

/** The longest base domain that the host is below, found label by label. */
function domainAbove(host: string, domains: ReadonlySet<string>): string | undefined {
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const rest = host.slice(dot + 1)
    if (domains.has(rest)) return rest
  }
  return undefined
}
