// How the gateway proves itself to an upstream and what it asks of it, in the words of node:tls. Used by both threads.
import type { UpstreamTls } from './snapshot.ts'

export interface TlsConnect {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}

/** null: the system's certificates, and verification. */
export function toTlsConnect(tls: UpstreamTls | null): TlsConnect {
  if (tls === null) return {}
  const { ca, cert, key, serverName, verify } = tls
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    ...(serverName === null ? {} : { servername: serverName }),
    rejectUnauthorized: verify,
  }
}
