// What must hold when a part fails: keys, decisions, files. npm run test:mutants -- faults
import type { Mutant } from '../mutant.ts'

const documents = 'gateway/control/documents.ts'
const documentReader = 'gateway/control/document-reader.ts'
const documentTests = ['test/gateway/control/documents.test.ts']
const authorize = 'plugins/rbac/authorize.ts'
const authorizeTests = ['test/plugins/rbac/authorize.test.ts']
const jwks = 'plugins/jwt/jwks.ts'
const jwksTests = ['test/plugins/jwt/jwks.test.ts']

export const faultMutants: readonly Mutant[] = [
  {
    rule: 'a key set that is asked for during a fetch is fetched once more',
    file: documents,
    find: 'if (this.running) this.onceMore = true',
    replace: 'if (this.running) this.onceMore = false',
    tests: documentTests,
  },
  {
    rule: 'an issuer that comes back is noticed within five seconds',
    file: documents,
    find: 'const longestRetryMs = 3200',
    replace: 'const longestRetryMs = 600_000',
    tests: documentTests,
  },
  {
    rule: 'unknown keys cause no more than one fetch in a cool-down',
    file: documents,
    find: 'now - this.refreshedAtMs < this.source.cooldownMs',
    replace: 'now < this.refreshedAtMs',
    tests: documentTests,
  },
  {
    rule: 'a document that is too long is no document',
    file: documentReader,
    find: 'if (length > maxBytes) throw',
    replace: 'if (length > 2 * maxBytes) throw',
    tests: documentTests,
  },
  {
    rule: 'an error page never replaces keys',
    file: documentReader,
    find: "if (source.format === 'jwks' && !holdsKeys(text)) throw",
    replace: "if (source.format === 'text' && !holdsKeys(text)) throw",
    tests: documentTests,
  },
  {
    rule: 'a document is never fetched over http when it was asked for over https',
    file: documentReader,
    find: "if (from.protocol === 'https:' && url.protocol !== 'https:')",
    replace: "if (from.protocol === 'https:' && url.protocol === 'ftp:')",
    tests: documentTests,
  },
  {
    rule: 'a key set with a private key is refused whole',
    file: jwks,
    find: "if (asymmetric.some((jwk) => 'd' in jwk || 'priv' in jwk))",
    replace: "if (asymmetric.some((jwk) => 'never' in jwk))",
    tests: jwksTests,
  },
  {
    rule: 'a key set that mixes secrets with public keys is refused whole',
    file: jwks,
    find: 'if (asymmetric.length > 0 && asymmetric.length < jwks.length)',
    replace: 'if (asymmetric.length > jwks.length)',
    tests: jwksTests,
  },
  {
    rule: 'a key set with two keys of one name is refused whole',
    file: jwks,
    find: 'if (new Set(kids).size < kids.length)',
    replace: 'if (new Set(kids).size > kids.length)',
    tests: jwksTests,
  },
  {
    rule: 'what a withdrawn key has proved is proved no more',
    file: 'plugins/jwt/cache.ts',
    find: 'known.generation === known.issuer.source.generation()',
    replace: 'known.generation >= 0',
    tests: jwksTests,
  },
  {
    rule: 'a token in the cache ends with its time',
    file: 'plugins/jwt/authenticate.ts',
    find: 'if (now >= untilMs && !mayExpire)',
    replace: 'if (now < 0 && !mayExpire)',
    tests: ['test/plugins/jwt/cache.test.ts'],
  },
  {
    rule: 'a revoked token is refused, cached or not',
    file: 'plugins/jwt/authenticate.ts',
    find: "if (this.ports.revocations.isRevoked(subject)) return 'revoked'",
    replace: 'this.ports.revocations.isRevoked(subject)',
    tests: ['test/plugins/jwt/request.test.ts'],
  },
  {
    rule: 'only status 200 authorizes',
    file: authorize,
    find: 'if (reply.status !== 200) throw',
    replace: 'if (reply.status === 0) throw',
    tests: authorizeTests,
  },
  {
    rule: 'only true and false are answers',
    file: authorize,
    find: "if (typeof allowed !== 'boolean') throw",
    replace: "if (typeof allowed === 'symbol') throw",
    tests: authorizeTests,
  },
  {
    rule: 'an answer that is too long is none',
    file: authorize,
    find: 'if (Buffer.byteLength(reply.body) > maxBytes) throw',
    replace: 'if (Buffer.byteLength(reply.body) < 0) throw',
    tests: authorizeTests,
  },
  {
    rule: 'permissions that are no list of texts are no answer',
    file: authorize,
    find: "if (Object.hasOwn(value, 'permissions') && !isPermissions(permissions))",
    replace: "if (Object.hasOwn(value, 'permissions') && permissions === 0)",
    tests: authorizeTests,
  },
  {
    rule: 'a ttl that is no number of seconds makes no answer',
    file: authorize,
    find: "if (Object.hasOwn(value, 'ttl') && !isTtl(ttl)) throw",
    replace: "if (Object.hasOwn(value, 'ttl') && ttl === '') throw",
    tests: authorizeTests,
  },
  {
    rule: 'a stale answer counts for its grace and no longer',
    file: 'plugins/rbac/decider.ts',
    find: 'const graceMs = this.config.staleOnErrorSeconds * 1_000',
    replace: 'const graceMs = Number.POSITIVE_INFINITY',
    tests: ['test/plugins/rbac/decider.test.ts'],
  },
  {
    rule: 'without onUnavailable "stale" no old answer counts',
    file: 'plugins/rbac/decider.ts',
    find: "if (this.config.onUnavailable !== 'stale') return 'unavailable'",
    replace: "if (this.config.onUnavailable === 'allow') return 'unavailable'",
    tests: ['test/plugins/rbac/decider.test.ts'],
  },
  {
    rule: 'a decision ends with its time',
    file: 'plugins/rbac/worker-cache.ts',
    find: 'if (decision !== undefined && now < decision.untilMs)',
    replace: 'if (decision !== undefined)',
    tests: ['test/plugins/rbac/decider.test.ts'],
  },
  {
    rule: 'several config files change together, also when the process is killed',
    file: 'config/write.ts',
    find: 'if (first !== undefined && second !== undefined)',
    replace: 'if (first !== undefined && first === second)',
    tests: ['test/config/unfinished-write.test.ts'],
  },
  {
    rule: 'a write that was noted before a kill is finished at the next start',
    file: 'config/unfinished-write.ts',
    find: 'await rename(resolve(dir, from), target).catch(() => {})',
    replace: 'void rename',
    tests: ['test/config/unfinished-write.test.ts'],
  },
  {
    rule: 'what a crash cut off takes no later audit entry with it',
    file: 'gateway/control/whole-lines.ts',
    find: 'size > 0 && !(await endsLine(file, size))',
    replace: 'size < 0 && !(await endsLine(file, size))',
    tests: ['test/gateway/control/audit.test.ts'],
  },
  {
    rule: 'audit entries that could not be written are written later',
    file: 'gateway/control/audit.ts',
    find: 'retry = clock.after(retryMs, flush)',
    replace: 'unwritten.length = 0',
    tests: ['test/gateway/control/audit.test.ts'],
  },
  {
    rule: 'versions that could not be kept are kept later',
    file: 'config/history.ts',
    find: 'if (state.writeFailure !== null) retry =',
    replace: "if (state.writeFailure === '') retry =",
    tests: ['test/config/history.test.ts'],
  },
  {
    rule: 'endpoints that could not be kept are kept later',
    file: 'gateway/control/discovery/last-good.ts',
    find: 'due ??= clock.after(retryMs, write)',
    replace: 'due = null',
    tests: ['test/gateway/control/discovery/last-good.test.ts'],
  },
  {
    rule: 'a worker that stands still is ended',
    file: 'gateway/control/supervisor.ts',
    find: 'if (!thread.settled || thread.looksWithoutBeat() < looks) continue',
    replace: 'if (thread.settled || thread.looksWithoutBeat() < looks) continue',
    tests: ['test/gateway/control/supervisor.test.ts'],
  },
]
