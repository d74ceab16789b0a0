// Certificates and private keys in PEM files: read, and checked before anybody relies on them. Main thread; used for
// listeners (gateway/control/certificates.ts) and for upstreams (check/upstream-tls.ts).
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { CertificatePair } from '../gateway/contract/protocol.ts'

const largestBytes = 1_048_576

export type Read<T> = { readonly value: T } | { readonly problem: string }

export interface CheckedPair extends CertificatePair {
  /** The first certificate: the one that is shown, not those who issued it. */
  readonly leaf: X509Certificate
}

export type PairProblem = { readonly file: 'certFile' | 'keyFile'; readonly message: string }

/** The paths are absolute. */
export function readPair(
  certFile: string,
  keyFile: string,
): { readonly pair: CheckedPair } | { readonly problems: readonly PairProblem[] } {
  const cert = readCertificates(certFile)
  const key = readKey(keyFile)
  const problems: PairProblem[] = []
  if ('problem' in cert) problems.push({ file: 'certFile', message: cert.problem })
  if ('problem' in key) problems.push({ file: 'keyFile', message: key.problem })
  if ('problem' in cert || 'problem' in key) return { problems }
  const leaf = cert.value.certificates[0] as X509Certificate
  const mismatch = findMismatch({ certFile, keyFile, leaf, key: key.value.key })
  if (mismatch !== null) return { problems: [{ file: 'keyFile', message: mismatch }] }
  const pair = { cert: cert.value.text, key: key.value.text, leaf }
  const unusable = findRefusal(pair)
  if (unusable === null) return { pair }
  return { problems: [{ file: 'certFile', message: `${certFile} cannot be used: ${unusable}.` }] }
}

function findMismatch(one: { certFile: string; keyFile: string; leaf: X509Certificate; key: KeyObject }) {
  if (one.leaf.checkPrivateKey(one.key)) return null
  return (
    `${one.keyFile} is not the key of the first certificate in ${one.certFile}. ` +
    'Put both files of one pair there; the server certificate comes before those who issued it.'
  )
}

/** What OpenSSL has against it, such as a key that is too small; null: nothing. */
function findRefusal({ cert, key }: CertificatePair): string | null {
  try {
    createSecureContext({ cert, key })
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** All certificates of a file, such as those that are trusted. */
export function readCertificates(
  path: string,
): Read<{ readonly text: string; readonly certificates: readonly X509Certificate[] }> {
  const read = readText(path)
  if ('problem' in read) return read
  const blocks = read.value.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null) {
    return {
      problem: `${path} holds no certificate. It must be a PEM file with "-----BEGIN CERTIFICATE-----".`,
    }
  }
  try {
    return { value: { text: read.value, certificates: blocks.map((block) => new X509Certificate(block)) } }
  } catch {
    return { problem: `${path} holds a certificate that cannot be read. Write the file anew.` }
  }
}

function readKey(path: string): Read<{ readonly text: string; readonly key: KeyObject }> {
  const read = readText(path)
  if ('problem' in read) return read
  try {
    return { value: { text: read.value, key: createPrivateKey(read.value) } }
  } catch (error) {
    const encrypted =
      (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE' || read.value.includes('ENCRYPTED')
    const problem = encrypted
      ? `${path} is encrypted. Store the key without a passphrase, readable to the gateway alone.`
      : `${path} holds no private key. It must be a PEM file with "-----BEGIN PRIVATE KEY-----".`
    return { problem }
  }
}

function readText(path: string): Read<string> {
  try {
    const stats = statSync(path)
    // Opening a pipe would wait for a writer, for ever.
    if (!stats.isFile()) return { problem: `${path} is not a regular file.` }
    if (stats.size > largestBytes) return { problem: `${path} is larger than ${largestBytes} bytes.` }
    return { value: readFileSync(path, 'latin1') }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { problem: `${path} is missing. Put the file there or correct the path.` }
    if (code === 'EACCES')
      return { problem: `${path} may not be read. Give the gateway's user the right to.` }
    return { problem: `${path} cannot be read: ${message}.` }
  }
}

const soonMs = 14 * 86_400_000

/** What an operator should know of a certificate that is used all the same. */
export function findCertificateWarnings(
  leaf: X509Certificate,
  hosts: readonly string[],
  nowMs: number,
): string[] {
  const warnings: string[] = []
  const untilMs = Date.parse(leaf.validTo)
  if (untilMs <= nowMs) warnings.push(`it expired on ${leaf.validTo}; renew it`)
  else if (untilMs - nowMs < soonMs) warnings.push(`it expires on ${leaf.validTo}; renew it`)
  if (Date.parse(leaf.validFrom) > nowMs) warnings.push(`it is valid only from ${leaf.validFrom}`)
  const missing = hosts.filter((host) => host !== '*' && !isFor(leaf, host))
  if (missing.length > 0) warnings.push(`it is not for ${missing.join(', ')}; clients will refuse it there`)
  return warnings
}

function isFor(leaf: X509Certificate, host: string): boolean {
  const address = host.startsWith('[') ? host.slice(1, -1) : host
  if (isIP(address) !== 0) return leaf.checkIP(address) !== undefined
  // A wildcard covers what any one label in its place would.
  const name = host.startsWith('*.') ? `any-label${host.slice(1)}` : host
  return leaf.checkHost(name) !== undefined
}
