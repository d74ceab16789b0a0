// What a look-up of an upstream's endpoints came to. Main thread.
import type { TargetConfig } from '../../contract/snapshot.ts'

export type Finding =
  /** At least one; each origin once, in the order of their origins. */
  | { readonly kind: 'targets'; readonly targets: readonly TargetConfig[] }
  /** It was answered that there is none. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'failed'; readonly reason: string }

export interface FoundTarget {
  /** Address or host name. */
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly host?: string
}

/** More would be a mistake, and is cut off. */
const mostTargets = 1000
const heaviest = 1_000_000

/** Leaves out what is no origin, so that one bad registration does not cost the good ones. */
export function toFinding(scheme: 'http' | 'https', found: readonly FoundTarget[]): Finding {
  const byUrl = new Map<string, TargetConfig>()
  for (const { address, port, weight, host } of found) {
    const url = toOrigin(scheme, address, port)
    if (url === null || byUrl.size >= mostTargets) continue
    const whole = Number.isFinite(weight) ? Math.round(weight) : 1
    byUrl.set(url, {
      url,
      weight: Math.min(Math.max(whole, 1), heaviest),
      ...(host === undefined ? {} : { host }),
    })
  }
  if (byUrl.size === 0) return { kind: 'empty' }
  const targets = [...byUrl.values()].sort((a, b) => (a.url < b.url ? -1 : 1))
  return { kind: 'targets', targets }
}

function toOrigin(scheme: string, address: string, port: number): string | null {
  if (!/^[A-Za-z0-9._:-]+$/.test(address) || !Number.isInteger(port) || port < 1 || port > 65_535) return null
  const url = URL.parse(`${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`)
  return url === null ? null : url.origin
}
