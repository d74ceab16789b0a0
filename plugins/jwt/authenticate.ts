// The request hook: finds the token, judges it (from the cache without a promise), and sets the identity. Worker thread.
import type { RecheckView, RequestView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { CounterChild, PluginPorts } from '../../gateway/contract/ports.ts'
import { createTokenCache, type TokenCache } from './cache.ts'
import { createKeySource } from './key-source.ts'
import { createRefusals, type Refusal, type Result } from './outcome.ts'
import type { JwtConfig } from './schema.ts'
import { createTokenSource, type Found, type TokenSource } from './token-sources.ts'
import { createVerifier, type Issuer, type Verified, type Verifier } from './verify.ts'

export function createJwt(config: JwtConfig, ports: PluginPorts): Plugin {
  const issuers = new Map<string, Issuer>()
  for (const issuer of config.issuers) {
    issuers.set(issuer.issuer, { config: issuer, source: createKeySource(issuer, config.jwks, ports) })
  }
  const authenticator = new Authenticator(config, ports, createVerifier(issuers, config))
  return {
    start: async () => {
      await Promise.all([...issuers.values()].map(({ source }) => source.start()))
    },
    onRequest: (ex) => authenticator.onRequest(ex),
    onRecheck: (ex) => authenticator.onRecheck(ex),
    close: () => {
      for (const { source } of issuers.values()) source.close()
    },
  }
}

class Authenticator {
  private readonly config: JwtConfig
  private readonly ports: PluginPorts
  private readonly sources: readonly TokenSource[]
  private readonly cache: TokenCache | null
  private readonly verify: Verifier
  /** Tokens that are being verified now; bounded by the requests in flight. */
  private readonly pending = new Map<string, Promise<Verified | Refusal>>()
  private readonly refusals: ReturnType<typeof createRefusals>
  private readonly count: (result: Result) => void

  constructor(config: JwtConfig, ports: PluginPorts, verify: Verifier) {
    this.config = config
    this.ports = ports
    this.sources = config.sources.map(createTokenSource)
    this.cache = createTokenCache(config.cache)
    this.verify = verify
    this.refusals = createRefusals(config.realm)
    this.count = createCount(ports)
  }

  onRequest(ex: RequestView): Verdict | Promise<Verdict> {
    const { auth } = ex.route
    if (auth === 'none') return undefined
    const token = this.find(ex)
    if (token === null) return this.withoutToken(ex)
    if (token === 'ambiguous' || token.length > this.config.maxTokenBytes) return this.refuse('malformed')
    const known = this.cache?.get(token)
    if (known !== undefined) return this.settle(ex, token, known, 'cached')
    const judged = this.judge(token)
    return judged instanceof Promise
      ? judged.then((late) => this.conclude(ex, token, late))
      : this.conclude(ex, token, judged)
  }

  /** Whether the token that opened it would still do. */
  onRecheck(ex: RecheckView): Verdict | Promise<Verdict> {
    const { auth } = ex.route
    if (auth === 'none') return undefined
    const kept = ex.getSlot(this.ports.slot) as Verified | undefined
    if (kept !== undefined && kept.generation === kept.issuer.source.generation())
      return this.verdictOn(ex, kept)
    // Keys or issuers have changed since: it is judged anew.
    const token = this.find(ex)
    if (token === null) return auth === 'required' && ex.identity === null ? this.refusals.missing : undefined
    if (token === 'ambiguous' || token.length > this.config.maxTokenBytes) return this.refusals.malformed
    const judged = this.cache?.get(token) ?? this.judge(token)
    return judged instanceof Promise
      ? judged.then((late) => this.verdictOn(ex, late))
      : this.verdictOn(ex, judged)
  }

  private verdictOn(ex: RecheckView, judged: Verified | Refusal): Verdict {
    const mayExpire = ex.route.longLived.onExpiry === 'keep'
    const refusal = typeof judged === 'string' ? judged : this.findFault(ex, judged, mayExpire)
    // Where nobody can tell at the moment, it goes on.
    return refusal === null || refusal === 'keys_unavailable' ? undefined : this.refusals[refusal]
  }

  private conclude(ex: RequestView, token: string, judged: Verified | Refusal): Verdict {
    return typeof judged === 'string' ? this.refuse(judged) : this.settle(ex, token, judged, 'ok')
  }

  private find(ex: RequestView | RecheckView): Found {
    for (const source of this.sources) {
      const found = source.find(ex)
      if (found !== null) return found
    }
    return null
  }

  private withoutToken(ex: RequestView): Verdict {
    // Another plugin may have known the caller by other means already.
    if (ex.route.auth === 'required' && ex.identity === null) return this.refuse('missing')
    this.count('anonymous')
    return undefined
  }

  /** One verification for all requests that bring the same new token at the same time. */
  private judge(token: string): Verified | Refusal | Promise<Verified | Refusal> {
    const running = this.pending.get(token)
    if (running !== undefined) return running
    const judged = this.verify(token)
    if (!(judged instanceof Promise)) return this.keep(token, judged)
    const judging = judged.then((late) => this.keep(token, late)).finally(() => this.pending.delete(token))
    this.pending.set(token, judging)
    return judging
  }

  /** Refused tokens are never kept: anybody can make them, without end. */
  private keep(token: string, judged: Verified | Refusal): Verified | Refusal {
    if (typeof judged !== 'string') this.cache?.set(token, judged)
    return judged
  }

  private settle(ex: RequestView, token: string, verified: Verified, result: 'ok' | 'cached'): Verdict {
    const fault = this.findFault(ex, verified)
    if (fault === 'expired') this.cache?.delete(token)
    if (fault !== null) return this.refuse(fault)
    ex.identity = verified.identity
    ex.setSlot(this.ports.slot, verified)
    if (!this.config.forwardToken) for (const source of this.sources) source.strip(ex)
    this.count(result)
    return undefined
  }

  /** What can change from one request to the next: time, revocation, and the tenant asked for. */
  private findFault(ex: RequestView | RecheckView, verified: Verified, mayExpire = false): Refusal | null {
    const { identity, revocable, fromMs, untilMs } = verified
    const now = this.ports.clock.wallMs()
    if (now >= untilMs && !mayExpire) return 'expired'
    if (now < fromMs) return 'not_yet_valid'
    const asked = (ex.tenant ?? ex.hostTenant)?.id ?? null
    // A token bound to no tenant is revoked within the tenant that it is used in.
    const subject =
      revocable.tenantId === null && asked !== null ? { ...revocable, tenantId: asked } : revocable
    if (this.ports.revocations.isRevoked(subject)) return 'revoked'
    return asked !== null && !this.agrees(identity.tenantId, asked) ? 'tenant_mismatch' : null
  }

  private agrees(named: string | null, asked: string): boolean {
    return named === null ? !this.config.requireTenant : named === asked
  }

  private refuse(refusal: Refusal): Verdict {
    this.count(refusal)
    return this.refusals[refusal]
  }
}

/** Children are made once: the hot path only increments. */
function createCount({ metrics }: PluginPorts): (result: Result) => void {
  const counter = metrics.counter('aegis_jwt_verifications_total', 'Tokens judged, by result.', ['result'])
  const children = new Map<Result, CounterChild>()
  return (result) => {
    let child = children.get(result)
    if (child === undefined) {
      child = counter.labels(result)
      children.set(result, child)
    }
    child.inc()
  }
}
