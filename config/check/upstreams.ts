// Checks of upstreams beyond their schema: names and origins.
import { escapeStep } from '../pointer.ts'
import type { Report } from '../problems.ts'
import { quote } from '../wording.ts'
import { checkDiscovery } from './discovery.ts'
import type { RoutesCheck } from './tenants.ts'

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const nameRule = 'must be 1 to 128 letters, digits, ".", "_" or "-", the first a letter or digit'

export function checkUpstreams({ file, places, report }: RoutesCheck, hasConsul: boolean): void {
  if (places.isSound('/plans')) {
    for (const name of Object.keys(file.plans)) {
      if (!namePattern.test(name))
        report(`/plans/${escapeStep(name)}`, `The plan name ${quote(name)} ${nameRule}.`)
    }
  }
  if (!places.isSound('/upstreams')) return
  for (const [name, upstream] of Object.entries(file.upstreams)) {
    const pointer = `/upstreams/${escapeStep(name)}`
    if (!namePattern.test(name)) {
      report(pointer, `The upstream name ${quote(name)} ${nameRule}.`)
      continue
    }
    if (!places.isSound(pointer)) continue
    const say: Report = (at, message) => report(at, `Upstream ${quote(name)}: ${message}`)
    checkDiscovery({ upstream, pointer, say, hasConsul })
    checkTargets(upstream.targets ?? [], pointer, say)
  }
}

function checkTargets(targets: readonly { readonly url: string }[], pointer: string, say: Report): void {
  const origins = new Set<string>()
  for (const [index, target] of targets.entries()) {
    const at = `${pointer}/targets/${index}/url`
    const origin = parseOrigin(target.url)
    if ('problem' in origin) say(at, origin.problem)
    else if (origins.has(origin.origin)) say(at, `the target ${origin.origin} is given twice.`)
    else origins.add(origin.origin)
  }
}

/** The URL is not quoted in problems: it may hold a password. */
export function parseOrigin(text: string): { readonly origin: string } | { readonly problem: string } {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:\/\//i.test(text)) {
    return {
      problem: 'the target must be an origin such as "http://127.0.0.1:4000" or "https://api.internal".',
    }
  }
  if (url.username !== '' || url.password !== '') {
    return { problem: 'the target must not hold a user name or password.' }
  }
  const rest = text.slice(text.indexOf('://') + 3)
  if (!/^[^/?#\\]+\/?$/.test(rest)) {
    return {
      problem: `the target must be an origin only (${url.origin}), without path, query or fragment; change paths by "rewrite" in the route.`,
    }
  }
  return { origin: url.origin }
}
