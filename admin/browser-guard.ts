// Keeps web pages of other origins away from a listener on the operator's own machine: DNS rebinding (a foreign name
// that resolves to 127.0.0.1) and cross-origin requests. Main thread; a hook registered by server.ts.
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { HttpProblem } from './problems.ts'

export function createBrowserGuard(allowedHosts: readonly string[]): (request: FastifyRequest) => void {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()))
  return (request) => {
    // A whole URL as the request target would name a second host, which RFC 9112 puts above the Host header.
    if (!request.url.startsWith('/')) {
      throw new HttpProblem(400, 'BAD_URL', 'The request target must be a path.')
    }
    const authority = request.headers.host
    if (authority !== undefined) checkHost(authority, allowed)
    const origin = request.headers.origin
    if (origin !== undefined && !isSameHost(origin, authority)) {
      throw new HttpProblem(403, 'CROSS_ORIGIN', 'Web pages of another origin may not use the admin API.')
    }
  }
}

function checkHost(authority: string, allowed: ReadonlySet<string>): void {
  const host = hostOf(authority)
  if (host !== null && (isLocalName(host) || allowed.has(host))) return
  throw new HttpProblem(
    421,
    'UNKNOWN_HOST',
    'The admin API does not answer under this Host. Use an address or localhost, or list the name in admin.allowedHosts of gateway.json.',
  )
}

/** A name without a dot, such as a container's, is no public name: no foreign site can be served under it. */
function isLocalName(host: string): boolean {
  return isIP(host) !== 0 || !host.includes('.') || host.endsWith('.localhost')
}

function hostOf(authority: string): string | null {
  try {
    const { hostname, username, pathname } = new URL(`http://${authority}`)
    if (username !== '' || pathname !== '/' || hostname === '') return null
    return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  } catch {
    return null
  }
}

function isSameHost(origin: string, authority: string | undefined): boolean {
  if (authority === undefined || !URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  // Behind a TLS proxy the page is https while this listener speaks http, so only the host is compared.
  return (protocol === 'http:' || protocol === 'https:') && host === new URL(`${protocol}//${authority}`).host
}
