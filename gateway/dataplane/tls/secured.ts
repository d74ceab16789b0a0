// What the handshake of a connection established, for all its requests. Worker thread; made by terminator.ts.
import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../../contract/exchange.ts'
import type { HostNames } from './host-names.ts'

export interface Secured {
  /** Hosts of the certificate that the client was shown: it may ask for no other. */
  readonly hosts: HostNames
  /** Verified; null: the client showed none. */
  readonly clientCertificate: ClientCertificate | null
  /** What upstreams are told of it; null: nothing. */
  readonly forwardedCertificate: string | null
}

export function toClientCertificate(certificate: X509Certificate): ClientCertificate {
  const names = parseNames(certificate.subjectAltName ?? '')
  return {
    subject: toOneLine(certificate.subject),
    issuer: toOneLine(certificate.issuer),
    serialNumber: certificate.serialNumber,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    dnsNames: names.filter(([kind]) => kind === 'DNS').map(([, name]) => name),
    uris: names.filter(([kind]) => kind === 'URI').map(([, name]) => name),
    expiresAt: Math.floor(Date.parse(certificate.validTo) / 1000),
  }
}

/** Node writes one attribute a line, the most general first, each escaped as RFC 4514 asks. */
function toOneLine(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(',')
}

const nameEntry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/gy

/** Of `DNS:a, URI:"b, c"`: names that hold a comma or the like stand there as JSON strings. */
function parseNames(text: string): [kind: string, name: string][] {
  return [...text.matchAll(nameEntry)].map(([, kind = '', name = '']) => [
    kind,
    name.startsWith('"') ? (JSON.parse(name) as string) : name,
  ])
}

/** One element of X-Forwarded-Client-Cert, in the form that Envoy gave it. */
export function toForwardedCertificate({ fingerprint, subject, dnsNames, uris }: ClientCertificate): string {
  const parts = [`Hash=${fingerprint}`, `Subject=${toQuoted(subject)}`]
  for (const uri of uris) parts.push(`URI=${toQuoted(uri)}`)
  for (const name of dnsNames) parts.push(`DNS=${toQuoted(name)}`)
  return parts.join(';')
}

/** An issuer may have signed any text: in a header it is one quoted string of printable ASCII. */
function toQuoted(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, (piece) => encodeURIComponent(piece.toWellFormed()))
  return `"${ascii.replaceAll(/["\\]/g, '\\$&')}"`
}
