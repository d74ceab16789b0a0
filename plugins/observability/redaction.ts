// Takes secrets out of logged queries. Worker thread; used by access-log.ts.

export interface Redaction {
  /** A raw query without '?'. */
  query(raw: string): string
  /** A URL such as a Referer's: only what follows its '?' changes. */
  url(raw: string | undefined): string | undefined
}

const mask = '[redacted]'

export function createQueryRedaction(names: readonly string[]): Redaction {
  const secret = new Set(names.map((name) => name.toLowerCase()))

  function redactPair(pair: string): string {
    const equals = pair.indexOf('=')
    return equals >= 0 && isSecret(pair.slice(0, equals)) ? `${pair.slice(0, equals + 1)}${mask}` : pair
  }

  /** Compared as a server reads it: `%74oken`, `TOKEN`, `token[]` and ` token` are all `token`. */
  function isSecret(rawName: string): boolean {
    const name = decodeName(rawName)
    if (name === null) return true
    const bracket = name.indexOf('[')
    return secret.has((bracket > 0 ? name.slice(0, bracket) : name).trim().toLowerCase())
  }

  function query(raw: string): string {
    if (secret.size === 0 || !raw.includes('=')) return raw
    // Some servers take ';' for '&'. The separators stay in the list, being captured.
    return raw
      .split(/([&;])/)
      .map(redactPair)
      .join('')
  }

  return {
    query,
    url(raw) {
      const mark = raw?.indexOf('?') ?? -1
      return raw === undefined || mark < 0 ? raw : `${raw.slice(0, mark + 1)}${query(raw.slice(mark + 1))}`
    },
  }
}

/** null: not decodable, so nobody can say what it is. */
function decodeName(raw: string): string | null {
  const spaced = raw.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return null
  }
}
