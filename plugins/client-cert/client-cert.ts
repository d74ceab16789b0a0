// The request hook: whom the certificate of the connection stands for. Worker thread; called by index.ts.
import type {
  ClientCertificate,
  Identity,
  RecheckView,
  RequestView,
} from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import { deny, type Reply } from '../../gateway/contract/reply.ts'
import { claim, createMapping, type Mapping } from './rules.ts'
import type { ClientCertConfig } from './schema.ts'

/** 403 and not 401: there is no challenge that a client could answer on this connection (RFC 9110 section 15.5.2). */
const refusals = {
  missing: deny(403, 'AEGIS_CLIENT_CERT_MISSING', 'This resource needs a client certificate.'),
  unknown: deny(403, 'AEGIS_CLIENT_CERT_UNKNOWN', 'The client certificate is that of nobody known here.'),
  expired: deny(403, 'AEGIS_CLIENT_CERT_EXPIRED', 'The client certificate has expired.'),
  revoked: deny(403, 'AEGIS_CLIENT_CERT_REVOKED', 'The client certificate was revoked.'),
  tenant: deny(403, 'AEGIS_TENANT_MISMATCH', 'The client certificate does not belong to this tenant.'),
}

export function createClientCert(config: ClientCertConfig, ports: PluginPorts): Plugin {
  const judge = new Judge(config, ports)
  return { onRequest: (ex) => judge.onRequest(ex), onRecheck: (ex) => judge.onRecheck(ex) }
}

class Judge {
  readonly #mapping: Mapping
  readonly #ports: PluginPorts
  readonly #refuses: boolean
  /** By certificate, which is the same object for all requests of a connection. */
  readonly #known = new WeakMap<ClientCertificate, Identity | 'unknown'>()

  constructor({ rules, otherwise }: ClientCertConfig, ports: PluginPorts) {
    this.#mapping = createMapping(rules)
    this.#ports = ports
    this.#refuses = otherwise === 'refuse'
  }

  onRequest(ex: RequestView): Verdict {
    // Whoever is known already brought another credential.
    if (ex.route.auth === 'none' || ex.identity !== null) return undefined
    const certificate = certificateOf(ex)
    if (certificate === null) return this.#refuse(ex, refusals.missing)
    const identity = this.#identify(certificate)
    if (identity === null) return this.#refuse(ex, refusals.unknown)
    const fault = this.#findFault(ex, identity)
    if (fault !== undefined) return fault
    ex.identity = identity
    return undefined
  }

  onRecheck(ex: RecheckView): Verdict {
    const { identity, route } = ex
    if (route.auth === 'none') return undefined
    if (identity === null) return this.#refuse(ex, refusals.missing)
    const certificate = certificateOf(ex)
    // Another credential stands for the caller.
    if (certificate === null || identity.claims[claim] !== certificate.fingerprint) return undefined
    const now = this.#identify(certificate)
    if (now?.userId !== identity.userId || now.tenantId !== identity.tenantId) return refusals.unknown
    return this.#findFault(ex, now, route.longLived.onExpiry === 'keep')
  }

  #refuse(ex: RequestView | RecheckView, reply: Reply): Verdict {
    return this.#refuses && ex.route.auth === 'required' ? reply : undefined
  }

  #identify(certificate: ClientCertificate): Identity | null {
    let known = this.#known.get(certificate)
    if (known === undefined) {
      known = this.#mapping(certificate) ?? 'unknown'
      this.#known.set(certificate, known)
    }
    return known === 'unknown' ? null : known
  }

  /** What can change from one request of a connection to the next: time, revocation, and the tenant asked for. */
  #findFault(ex: RequestView | RecheckView, identity: Identity, mayExpire = false): Verdict {
    const { clock, revocations } = this.#ports
    const { userId, tenantId, expiresAt } = identity
    if (clock.wallMs() >= expiresAt * 1000 && !mayExpire) return refusals.expired
    const asked = (ex.tenant ?? ex.hostTenant)?.id ?? null
    const subject = { userId, tenantId: tenantId ?? asked, tokenId: identity.claims[claim] as string }
    if (revocations.isRevoked({ ...subject, sessionId: null, issuedAt: 0 })) return refusals.revoked
    return tenantId !== null && asked !== null && tenantId !== asked ? refusals.tenant : undefined
  }
}

/** That of a trusted proxy stands for the proxy, and not for those whose requests it passes on. */
function certificateOf(ex: RequestView | RecheckView): ClientCertificate | null {
  return ex.peerTrusted ? null : ex.clientCertificate
}
