// Certificates made for one test by openssl, in a folder of the test's. None is kept.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Authority {
  readonly name: string
  /** PEM. */
  readonly cert: string
}

export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface IssueOptions {
  /** Such as `DNS:a.example.com,URI:spiffe://acme/billing`. */
  readonly names?: string
  readonly subject?: string
  /** Below 0: it has expired. */
  readonly days?: number
  /** Of the key; a curve without it. */
  readonly algorithm?: 'rsa'
}

export interface CertificateShop {
  readonly dir: string
  authority(name: string): Authority
  issue(by: Authority, options: IssueOptions): Issued
  /** Writes `<name>.crt` and `<name>.key`, each by a rename. */
  put(name: string, issued: Issued): void
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const newRsaKey = ['-newkey', 'rsa:2048', '-nodes']

export function createCertificateShop(dir: string): CertificateShop {
  mkdirSync(dir, { recursive: true })
  const at = (name: string): string => join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let count = 0
  return {
    dir,
    authority(name) {
      const files = ['-keyout', at(`${name}.ca.key`), '-out', at(`${name}.ca.crt`)]
      const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
      openssl('req', '-x509', ...newKey, ...files, ...usage, '-days', '30', '-subj', `/CN=${name} CA`)
      return { name, cert: readFileSync(at(`${name}.ca.crt`), 'latin1') }
    },
    issue(by, { names = 'DNS:unused.invalid', subject = '/CN=leaf', days = 30, algorithm }) {
      const leaf = `leaf-${count++}`
      const ca = ['-CA', at(`${by.name}.ca.crt`), '-CAkey', at(`${by.name}.ca.key`)]
      const files = ['-keyout', at(`${leaf}.key`), '-out', at(`${leaf}.crt`)]
      const name = ['-subj', subject, '-addext', `subjectAltName=${names}`]
      const usage = ['-addext', 'basicConstraints=critical,CA:FALSE']
      openssl(
        'req',
        '-x509',
        ...(algorithm === 'rsa' ? newRsaKey : newKey),
        ...ca,
        ...files,
        '-days',
        String(Math.max(1, days)),
        ...name,
        ...usage,
      )
      if (days < 0) {
        // `req` makes none that is over.
        const csr = at(`${leaf}.csr`)
        openssl('req', '-new', '-key', at(`${leaf}.key`), '-out', csr, ...name, ...usage)
        const copied = ['-days', String(days), '-copy_extensions', 'copyall', '-out', at(`${leaf}.crt`)]
        openssl('x509', '-req', '-in', csr, ...ca, ...copied)
      }
      return {
        cert: readFileSync(at(`${leaf}.crt`), 'latin1'),
        key: readFileSync(at(`${leaf}.key`), 'latin1'),
      }
    },
    put(name, { cert, key }) {
      for (const [kind, text] of [
        ['crt', cert],
        ['key', key],
      ] as const) {
        writeFileSync(at(`${name}.${kind}.new`), text)
        renameSync(at(`${name}.${kind}.new`), at(`${name}.${kind}`))
      }
    },
  }
}
