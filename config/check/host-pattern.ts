// Grammar of host names in the config: exact, or `*.rest` where a wildcard is allowed.
import { isIP } from 'node:net'

/** null when `host` is a host name or address as it stands in a Host header without its port; else what is wrong. */
export function hostProblem(host: string): string | null {
  if (host === '') return 'it must not be empty'
  if (/[^!-~]/.test(host)) return 'names outside ASCII must be written in their "xn--" form, without spaces'
  if (host.startsWith('[')) {
    return host.endsWith(']') && isIP(host.slice(1, -1)) === 6
      ? null
      : 'it is not an IPv6 address in brackets'
  }
  if (isIP(host) === 4) return null
  if (isIP(host) === 6) return 'an IPv6 address must stand in brackets'
  if (host.includes('://') || host.includes('/')) return 'give the host alone, without scheme or path'
  if (/:\d*$/.test(host)) return 'give the host without a port'
  if (host.includes('*')) return '"*" is not allowed here'
  if (host.endsWith('.')) return 'leave out the final dot'
  if (host.length > 253) return 'it is longer than 253 characters'
  const bad = host.split('.').find((label) => !isLabel(label.toLowerCase()))
  return bad === undefined
    ? null
    : `"${bad}" is not a label of a host name (letters, digits and "-", at most 63)`
}

/** Like hostProblem; also allows `*.example.com`, which stands for exactly one label. */
export function hostPatternProblem(host: string): string | null {
  if (!host.startsWith('*.')) {
    return host.includes('*')
      ? '"*" can only be the whole first label, as in "*.example.com"'
      : hostProblem(host)
  }
  const rest = host.slice(2)
  if (isIP(rest) !== 0 || rest.startsWith('[')) return 'an address has no subdomains'
  return rest.includes('*')
    ? '"*" can only be the whole first label, as in "*.example.com"'
    : hostProblem(rest)
}

/** One lower-case label; "_" is accepted, since names in container networks hold it. */
function isLabel(label: string): boolean {
  return label.length <= 63 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label)
}

/** A label that can stand before a base domain (RFC 1123 section 2.1), lower-case. */
export function isDnsLabel(label: string): boolean {
  return label.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label)
}
