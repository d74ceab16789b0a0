// Which origins an operator means, compiled once; matching compares strings and scans characters, no regular expression.

/** `https://*.example.com:8443`, taken apart. */
interface Wildcard {
  /** `https://` */
  readonly scheme: string
  /** `.example.com:8443` */
  readonly suffix: string
}

export interface OriginSet {
  readonly any: boolean
  has(origin: string): boolean
}

const wildcardForm = /^([a-z][a-z0-9+.-]*:\/\/)\*(\.[a-z0-9-]+(?:\.[a-z0-9-]+)*)(:\d{1,5})?$/
const customForm = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(:\d{1,5})?$/

/** Browsers send far shorter ones (a name has at most 253 characters). */
export const maxOriginLength = 512

/** null: fine; else what is wrong and the remedy. */
export function checkOrigin(text: string): string | null {
  if (text === '*' || text === 'null') return null
  const said = JSON.stringify(text)
  if (text !== text.toLowerCase()) return `${said} must be lower-case, as browsers send it`
  if (text.includes('*')) return checkWildcard(text, said)
  if (!/^https?:/.test(text)) {
    return customForm.test(text) ? null : `${said} is no origin; write scheme://host[:port] without a path`
  }
  if (URL.parse(text)?.origin === text) return null
  const meant = URL.parse(text)?.origin
  return `${said} is no origin as browsers send it; write ${meant ?? 'https://app.example.com'}`
}

function checkWildcard(text: string, said: string): string | null {
  const match = wildcardForm.exec(text)
  if (match === null) return `${said} is no wildcard; the only form is https://*.example.com[:port]`
  const [, scheme, domain, port = ''] = match
  const exact = `${scheme}x${domain}${port}`
  if (/^https?:/.test(exact) && URL.parse(exact)?.origin !== exact) {
    return `${said} can never match what a browser sends; leave out the scheme's own port`
  }
  if (domain === '.localhost' || domain?.lastIndexOf('.') !== 0) return null
  return `${said} would let every site below a top-level domain in; name a domain, such as https://*.example.com`
}

export function createOriginSet(origins: readonly string[]): OriginSet {
  const any = origins.includes('*')
  const exact = new Set(origins.filter((origin) => !origin.includes('*')))
  const wildcards = origins.filter((origin) => origin.includes('*.')).map(toWildcard)
  return {
    any,
    has(origin) {
      if (any || exact.has(origin)) return true
      if (wildcards.length === 0 || origin.length > maxOriginLength) return false
      return wildcards.some((wildcard) => matches(wildcard, origin))
    },
  }
}

function toWildcard(text: string): Wildcard {
  const star = text.indexOf('*')
  return { scheme: text.slice(0, star), suffix: text.slice(star + 1) }
}

/** The part under the star must be one or more whole labels, so that neither a path nor another port nor userinfo hides there. */
function matches({ scheme, suffix }: Wildcard, origin: string): boolean {
  const end = origin.length - suffix.length
  if (end <= scheme.length || !origin.startsWith(scheme) || !origin.endsWith(suffix)) return false
  let labelLength = 0
  for (let i = scheme.length; i < end; i++) {
    const code = origin.charCodeAt(i)
    if (code === 46) {
      if (labelLength === 0) return false
      labelLength = 0
    } else if (isLabelCharacter(code)) labelLength += 1
    else return false
  }
  return labelLength > 0
}

/** a-z, 0-9, hyphen, underscore: browsers send host names in lower case and punycode. */
function isLabelCharacter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95
}
