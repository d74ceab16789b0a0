// Who gets a tunnel, what ends one, what passes through it, and what a TLS listener lets in.
import type { Mutant } from '../mutant.ts'

const handshake = {
  file: 'gateway/dataplane/upstream/handshake.ts',
  tests: ['test/gateway/dataplane/upstream/handshake.test.ts'],
}
const overTheWire = ['test/integration/websocket-handshake.test.ts']
const call = { file: 'gateway/dataplane/upstream/upstream-call.ts', tests: overTheWire }
const tunnel = {
  file: 'gateway/dataplane/upstream/tunnel.ts',
  tests: ['test/gateway/dataplane/upstream/tunnel.test.ts'],
}
const watch = {
  file: 'gateway/dataplane/long-lived.ts',
  tests: ['test/gateway/dataplane/long-lived.test.ts'],
}
const cors = { file: 'plugins/cors/cors.ts', tests: ['test/plugins/cors/cors.test.ts'] }
const jwt = { file: 'plugins/jwt/authenticate.ts', tests: ['test/plugins/jwt/recheck.test.ts'] }
const tenant = { file: 'plugins/tenant/tenant.ts', tests: ['test/plugins/tenant/tenant.test.ts'] }

const terminator = {
  file: 'gateway/dataplane/tls/terminator.ts',
  tests: ['test/integration/tls-hostile.test.ts'],
}
const certs = {
  file: 'plugins/client-cert/client-cert.ts',
  tests: ['test/plugins/client-cert/client-cert.test.ts'],
}
const certRules = { ...certs, file: 'plugins/client-cert/rules.ts' }

export const handshakeMutants: readonly Mutant[] = [
  {
    ...call,
    rule: 'no header of a 101 is two lines',
    find: ' || socket.destroyed || ex.unsendable !== null) {',
    replace: ' || socket.destroyed) {',
  },
  {
    ...call,
    tests: ['test/integration/event-streams.test.ts'],
    rule: 'an event stream that was held back is asked about again like any other',
    find: '!ex.down.write(held)) ex.down.onDrain',
    replace: '!ex.down.write(held)) return ex.down.onDrain',
  },
  {
    ...handshake,
    rule: 'a handshake asks for websocket and nothing else',
    find: "upgrade.toLowerCase() === 'websocket' &&",
    replace: "upgrade.toLowerCase().includes('websocket') &&",
  },
  { ...handshake, rule: 'a handshake is a GET', find: "    method === 'GET' &&\n", replace: '' },
  { ...handshake, rule: 'a handshake is of HTTP/1.1', find: "    version === '1.1' &&\n", replace: '' },
  { ...handshake, rule: 'a handshake has no body', find: "    body === 'none' &&\n", replace: '' },
  { ...handshake, rule: 'a head at fault is no handshake', find: '    fault === null &&\n', replace: '' },
  {
    ...handshake,
    rule: 'a handshake names Upgrade in Connection',
    find: "    listsUpgrade(findField(fields, 'connection')) &&\n",
    replace: '',
  },
  {
    ...handshake,
    rule: 'a handshake is of version 13',
    find: "    findField(fields, 'sec-websocket-version') === '13' &&\n",
    replace: '',
  },
  {
    ...handshake,
    rule: 'a handshake has one key of 16 bytes',
    find: "/^[A-Za-z0-9+/]{22}==$/.test(findField(fields, 'sec-websocket-key') ?? '')",
    replace: "findField(fields, 'sec-websocket-key') !== undefined",
  },
  {
    ...handshake,
    rule: 'a 101 is to websocket',
    find: "    findField(answered, 'upgrade')?.toLowerCase() === 'websocket' &&\n",
    replace: '',
  },
  {
    ...handshake,
    rule: 'a 101 names Upgrade in Connection',
    find: "    listsUpgrade(findField(answered, 'connection')) &&\n",
    replace: '',
  },
  {
    ...handshake,
    rule: 'a 101 proves that it answers this key',
    find: "findField(answered, 'sec-websocket-accept') === toAccept(findField(asked, 'sec-websocket-key') ?? '')",
    replace: "findField(answered, 'sec-websocket-accept') !== null",
  },
  {
    ...call,
    rule: 'a tunnel opens only where the 101 agrees',
    find: 'if (!isAgreement(ex.down.head.fields, fields)) {',
    replace: 'if (!isAgreement(ex.down.head.fields, fields) && ex.ended) {',
  },
  {
    ...call,
    rule: 'a 101 is never passed on as an interim answer',
    find: 'if (status === 101) return stream.abort',
    replace: 'if (status === 100.5) return stream.abort',
  },
  {
    ...call,
    rule: 'what the service says while the hooks run on its 101 waits',
    find: '    socket.pause()\n',
    replace: '',
  },
  {
    file: 'gateway/dataplane/listener.ts',
    tests: overTheWire,
    rule: 'nothing behind a handshake is a request',
    find: 'ex.lastOnConnection = isHandshake',
    replace: 'ex.lastOnConnection = false',
  },
  {
    ...cors,
    rule: 'under "*" a page of another host opens no socket with cookies',
    find: "policy.origins.any ? ex.header('cookie') === undefined : policy.origins.has(origin)",
    replace: 'policy.origins.any || policy.origins.has(origin)',
  },
  {
    ...cors,
    rule: 'a page that is not allowed opens no socket',
    find: "policy.origins.any ? ex.header('cookie') === undefined : policy.origins.has(origin)",
    replace: "policy.origins.any ? ex.header('cookie') === undefined : true",
  },
  {
    ...cors,
    rule: 'a page without TLS is not the own page of a host with it',
    find: " && (scheme === 'http' || page.protocol === 'https:')",
    replace: '',
  },
]

export const tunnelMutants: readonly Mutant[] = [
  {
    ...tunnel,
    rule: 'a reset passes as a reset',
    find: 'socket.resetAndDestroy()\n',
    replace: 'socket.end()\n',
  },
  {
    ...tunnel,
    rule: 'a side that takes no more stops the other one',
    find: '    this.#from.pause()\n',
    replace: '',
  },
  {
    ...tunnel,
    rule: 'a half-close passes as one',
    find: '      if (!this.#over) this.#to.end()\n',
    replace: '      if (!this.#over) this.#to.destroy()\n',
  },
  {
    ...tunnel,
    rule: 'a Close frame never stands within another frame',
    find: 'if (this.#frames.between) this.#end()',
    replace: 'this.#end()',
  },
  {
    file: 'gateway/dataplane/upstream/frames.ts',
    tests: ['test/gateway/dataplane/upstream/frames.test.ts'],
    rule: 'the length of a frame is read in whatever form it has',
    find: 'length === 127 ? 10 : length === 126 ? 4 : 2',
    replace: 'length === 126 ? 4 : 2',
  },
]

export const longLivedMutants: readonly Mutant[] = [
  {
    ...watch,
    rule: 'what is open is asked about again and again',
    find: '      if (this.#entries.size > 0) this.#schedule()\n',
    replace: '',
  },
  {
    ...watch,
    rule: 'what a plugin refuses is ended',
    find: "if (verdict !== undefined) this.#end(entry, 'refused'",
    replace: "if (verdict === null) this.#end(entry, 'refused'",
  },
  {
    ...watch,
    rule: 'what was opened by a route ends with the route',
    find: "if (route === undefined) this.#end(entry, 'route', 1008, 'AEGIS_NO_ROUTE')",
    replace: 'if (route === undefined) continue',
  },
  {
    ...watch,
    rule: 'the live config decides of what an old one opened',
    find: '      ex.runtime = successors.get(old) ?? inPlaceOf(old, live)\n',
    replace: '',
  },
  {
    ...watch,
    tests: ['test/gateway/dataplane/long-lived-memory.test.ts'],
    rule: 'a WebSocket lets go of the config that it began with',
    find: 'ex.runtime = successors.get(old) ?? inPlaceOf(old, live)',
    replace: 'successors.set(old, inPlaceOf(old, live))',
  },
  {
    ...watch,
    rule: 'idleMs ends what is idle',
    find: 'else if (idleMs > 0 && ',
    replace: 'else if (idleMs < 0 && ',
  },
  { ...watch, rule: 'maxMs ends what is old', find: 'if (maxMs > 0 && ', replace: 'if (maxMs < 0 && ' },
  {
    ...watch,
    rule: 'what opens during a drain is ended by it',
    find: '    if (this.#drainMs !== null) this.#endWithin(entry, this.#drainMs)\n',
    replace: '',
  },
  {
    ...jwt,
    rule: 'what a token opened does not outlive it',
    find: "if (now >= untilMs && !mayExpire) return 'expired'",
    replace: "if (now >= untilMs && ex.getSlot(this.ports.slot) === undefined) return 'expired'",
  },
  {
    ...jwt,
    rule: 'what a token opened ends with its revocation, kept or not',
    find: "if (this.ports.revocations.isRevoked(subject)) return 'revoked'",
    replace: "if (!mayExpire && this.ports.revocations.isRevoked(subject)) return 'revoked'",
  },
  {
    ...jwt,
    rule: 'keys that changed judge anew what their forerunners let in',
    find: 'if (kept !== undefined && kept.generation === kept.issuer.source.generation())',
    replace: 'if (kept !== undefined)',
  },
  {
    ...jwt,
    rule: 'what nobody was asked for at first needs a caller once the route does',
    find: "return auth === 'required' && ex.identity === null ? this.refusals.missing : undefined",
    replace: 'return undefined',
  },
  {
    ...tenant,
    rule: 'what a tenant opened ends when it is suspended',
    find: "return tenant.status === 'suspended' ? suspended : undefined",
    replace: 'return undefined',
  },
  {
    ...tenant,
    rule: 'what a tenant opened ends when it is removed',
    find: '      if (tenant === undefined) return refuseUnknown(ex)\n      return tenant',
    replace: '      if (tenant === undefined) return undefined\n      return tenant',
  },
  {
    file: 'plugins/ip-restriction/ip-restriction.ts',
    tests: ['test/plugins/ip-restriction/ip-restriction.test.ts'],
    rule: 'what an address opened ends when it is denied',
    find: 'return { onRequest: judge, onRecheck: judge }',
    replace: 'return { onRequest: judge }',
  },
]

export const tlsMutants: readonly Mutant[] = [
  {
    ...terminator,
    rule: 'only ciphers with forward secrecy and authenticated encryption',
    find: '        ciphers,\n',
    replace: '',
  },
  {
    ...terminator,
    rule: 'no renegotiation',
    find: 'secureOptions: constants.SSL_OP_NO_RENEGOTIATION',
    replace: 'secureOptions: 0',
  },
  {
    ...terminator,
    rule: 'a handshake that is not done in time is cut',
    find: 'handshakeTimeout: config.handshakeMs',
    replace: 'handshakeTimeout: 600_000',
  },
  {
    ...terminator,
    rule: 'minVersion is the oldest version that is spoken',
    find: "minVersion: config.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2'",
    replace: "minVersion: 'TLSv1'",
    tests: ['test/integration/tls.test.ts'],
  },
  {
    ...terminator,
    rule: 'a certificate of another issuer does not get in under request',
    find: "shown === undefined ? config.clientAuth === 'require' : !socket.authorized",
    replace: "shown === undefined && config.clientAuth === 'require'",
    tests: ['test/integration/tls.test.ts'],
  },
  {
    file: 'gateway/dataplane/tls/host-names.ts',
    tests: ['test/gateway/dataplane/tls/host-names.test.ts'],
    rule: 'a wildcard stands for exactly one label',
    find: "dot <= 0 ? '' : `*${host.slice(dot)}`",
    replace: "dot <= 0 ? '' : `*${host.slice(host.lastIndexOf('.', host.lastIndexOf('.') - 1))}`",
  },
]

export const clientCertMutants: readonly Mutant[] = [
  {
    ...certs,
    rule: 'a route that needs a caller refuses who shows no certificate',
    find: "return this.#refuses && ex.route.auth === 'required' ? reply : undefined",
    replace: 'return undefined',
  },
  {
    ...certs,
    rule: 'the certificate of a trusted proxy is nobody behind it',
    find: 'return ex.peerTrusted ? null : ex.clientCertificate',
    replace: 'return ex.clientCertificate',
  },
  {
    ...certs,
    rule: 'a certificate of one tenant is none of another',
    find: 'return tenantId !== null && asked !== null && tenantId !== asked ? refusals.tenant : undefined',
    replace: 'return undefined',
  },
  {
    ...certs,
    rule: 'a certificate that expired on an open connection is refused',
    find: 'if (clock.wallMs() >= expiresAt * 1000 && !mayExpire) return refusals.expired',
    replace: '',
  },
  {
    ...certs,
    rule: 'a certificate that was revoked is refused',
    find: 'if (revocations.isRevoked({ ...subject, sessionId: null, issuedAt: 0 })) return refusals.revoked',
    replace: '',
  },
  {
    ...certs,
    rule: 'rules that changed end what they no longer allow',
    find: 'if (now?.userId !== identity.userId || now.tenantId !== identity.tenantId) return refusals.unknown',
    replace: 'if (now === null) return undefined',
  },
  {
    ...certRules,
    rule: 'of several URIs none is the caller',
    find: 'uris.length === 1 ? uris : []',
    replace: 'uris',
  },
  {
    ...certRules,
    rule: 'the issuer that a rule names is the issuer',
    find: ' || (rule.issuer ?? issuer) !== issuer',
    replace: '',
  },
  {
    ...certRules,
    rule: 'what no header can carry is nobody',
    find: 'if (!isId(userId) || (tenantId !== null && !isId(tenantId))) return null',
    replace: '',
  },
  {
    file: 'plugins/client-cert/subject.ts',
    tests: certs.tests,
    rule: 'of several CNs none is the caller',
    find: "names.length === 1 ? (names[0] as string) : ''",
    replace: "names[0] ?? ''",
  },
  {
    file: 'plugins/client-cert/subject.ts',
    tests: certs.tests,
    rule: 'an escaped comma ends no attribute',
    find: "if (character === '\\\\') at += 1\n",
    replace: "if (character === '') at += 1\n",
  },
  {
    file: 'plugins/client-cert/pattern.ts',
    tests: certs.tests,
    rule: 'a {name} is one whole segment that is not empty',
    find: "free ? part === '' : part !== text",
    replace: '!free && part !== text',
  },
  {
    file: 'plugins/client-cert/check.ts',
    tests: certs.tests,
    rule: 'a rule without a condition is refused',
    find: 'conditions.every((name) => rule[name] === undefined)',
    replace: 'conditions.length === 0',
  },
  {
    file: 'config/check/coverage.ts',
    tests: ['test/config/check-coverage.test.ts'],
    rule: 'a plugin that is told to let requests pass enforces nothing',
    find: 'covers(definition) && !lenient.has(value.plugin)',
    replace: 'covers(definition)',
  },
]
