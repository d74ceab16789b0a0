// Where a target is, and by which name it has to prove itself. Worker thread; made by pools.ts for our own clients.
import { isIP } from 'node:net'
import type { UpstreamTls } from '../../contract/snapshot.ts'
import { type TlsConnect, toTlsConnect } from '../../contract/upstream-tls.ts'

export interface TargetAddress {
  readonly host: string
  readonly port: number
  /** null: plain text. */
  readonly tls: TlsConnect | null
}

/**
 * `origin`: `http://host:port` or `https://host:port`. `knownAs`: the host that discovery found for an address. The name is
 * the config's or discovery's, never one that a client wrote.
 */
export function toTargetAddress(
  origin: string,
  tls: UpstreamTls | null,
  knownAs: string | null,
): TargetAddress {
  const { protocol, hostname, port } = new URL(origin)
  const host = toBareHost(hostname)
  if (protocol === 'http:') return { host, port: Number(port || 80), tls: null }
  const name =
    tls?.serverName ?? (knownAs === null ? host : toBareHost(new URL(`https://${knownAs}`).hostname))
  // An address is no name to ask for (RFC 6066 section 3); what is verified then is the address that is connected to.
  const named = isIP(name) === 0 ? { servername: name } : {}
  return { host, port: Number(port || 443), tls: { ...toTlsConnect(tls), ...named } }
}

function toBareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
