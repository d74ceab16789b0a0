// Which certificate is for which host. Worker thread; used by terminator.ts and secured.ts.

/** Exact names, `*.example.com` for exactly one label (RFC 9525 section 6.3), `*` for all. Lower-case. */
export class HostNames {
  readonly #names: ReadonlySet<string>

  constructor(hosts: readonly string[]) {
    this.#names = new Set(hosts)
  }

  covers(host: string): boolean {
    return this.#names.has('*') || this.#names.has(host) || this.#names.has(toWildcard(host))
  }
}

/** Index of the list of hosts for a name, an exact one before a wildcard. */
export class HostIndex {
  readonly #byName = new Map<string, number>()
  readonly fallback: number

  constructor(lists: readonly (readonly string[])[]) {
    for (const [index, hosts] of lists.entries()) for (const host of hosts) this.#byName.set(host, index)
    this.fallback = this.#byName.get('*') ?? 0
  }

  find(host: string): number {
    return this.#byName.get(host) ?? this.#byName.get(toWildcard(host)) ?? this.fallback
  }
}

function toWildcard(host: string): string {
  const dot = host.indexOf('.')
  // No label, no wildcard: `.example.com` is not below example.com.
  return dot <= 0 ? '' : `*${host.slice(dot)}`
}
