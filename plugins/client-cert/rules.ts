// From a certificate to an identity, by the first rule that fits. Compiled once; worker thread.
import type { ClientCertificate, Identity } from '../../gateway/contract/exchange.ts'
import { fillIn, type Parts, Pattern } from './pattern.ts'
import type { ClientCertRule } from './schema.ts'
import { readCn } from './subject.ts'

/** null: no rule fits. */
export type Mapping = (certificate: ClientCertificate) => Identity | null

/** Name of the claim that holds the certificate's fingerprint: it tells which credential an identity stands on. */
export const claim = 'client_certificate'

export const separators = { uri: '/', dns: '.', commonName: '' } as const

export function createMapping(rules: readonly ClientCertRule[]): Mapping {
  const compiled = rules.map(compileRule)
  return (certificate) => {
    const commonName = readCn(certificate.subject)
    for (const rule of compiled) {
      const identity = rule(certificate, commonName)
      if (identity !== null) return identity
    }
    return null
  }
}

function compileRule(rule: ClientCertRule) {
  const [uri, dns, name] = (['uri', 'dns', 'commonName'] as const).map((kind) =>
    rule[kind] === undefined ? null : new Pattern(rule[kind], separators[kind]),
  ) as [Pattern | null, Pattern | null, Pattern | null]
  return (certificate: ClientCertificate, commonName: string): Identity | null => {
    const { subject, issuer, fingerprint, uris, dnsNames } = certificate
    if ((rule.subject ?? subject) !== subject || (rule.issuer ?? issuer) !== issuer) return null
    if ((rule.fingerprint ?? fingerprint) !== fingerprint) return null
    const parts: Parts = new Map([
      ['subject', subject],
      ['fingerprint', fingerprint],
    ])
    // An X.509-SVID has one URI; of several nobody can say which one the caller is (SPIFFE X.509-SVID section 2).
    const fits =
      take('uri', uri, uris.length === 1 ? uris : [], parts) &&
      take(
        'dns',
        dns,
        dnsNames.map((one) => one.toLowerCase()),
        parts,
      ) &&
      take('commonName', name, commonName === '' ? [] : [commonName], parts)
    return fits ? toIdentity(rule, parts, certificate) : null
  }
}

/** Adds the first of the values that the pattern fits, and its parts. */
function take(kind: string, pattern: Pattern | null, values: readonly string[], parts: Parts): boolean {
  if (pattern === null) return true
  for (const value of values) {
    const found = pattern.match(value)
    if (found === null) continue
    for (const [name, part] of found) parts.set(name, part)
    parts.set(kind, value)
    return true
  }
  return false
}

/** null: what the certificate says cannot travel in a header, or names no tenant. */
function toIdentity(
  rule: ClientCertRule,
  parts: Parts,
  { expiresAt, fingerprint }: ClientCertificate,
): Identity | null {
  const userId = fillIn(rule.userId, parts)
  const tenantId = rule.tenant === '*' ? null : fillIn(rule.tenant, parts)
  if (!isId(userId) || (tenantId !== null && !isId(tenantId))) return null
  // One object serves every request of the connection: no plugin may change it for the next.
  return Object.freeze({
    ...{ userId, tenantId, expiresAt, claims: Object.freeze({ [claim]: fingerprint }) },
    ...{ roles: Object.freeze([...rule.roles]), permissions: Object.freeze([...rule.permissions]) },
  })
}

const longestId = 256

function isId(text: string): boolean {
  return (
    text.length <= longestId &&
    text.isWellFormed() &&
    text.trim() === text &&
    !/[\u0000-\u001f\u007f-\u009f]/.test(text)
  )
}
