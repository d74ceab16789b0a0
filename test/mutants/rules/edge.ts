// Strictness of HTTP/1.1 requests, the one canonical path, and which headers cross the gateway.
import type { Mutant } from '../mutant.ts'

const dataplane = 'gateway/dataplane'
const path = { file: `${dataplane}/path.ts`, tests: ['test/gateway/dataplane/path.test.ts'] }
const readings = { file: `${dataplane}/readings.ts`, tests: ['test/gateway/dataplane/readings.test.ts'] }
const routing = { file: `${dataplane}/routing.ts`, tests: ['test/gateway/dataplane/routing.test.ts'] }
const headers = { file: `${dataplane}/headers.ts`, tests: ['test/gateway/dataplane/headers.test.ts'] }
const fields = { ...headers, file: `${dataplane}/http1/fields.ts` }
const requests = {
  file: `${dataplane}/http1/request-parser.ts`,
  tests: ['test/gateway/dataplane/http1/request-parser.test.ts'],
}
const messages = { ...requests, file: `${dataplane}/http1/message-parser.ts` }
const peers = { file: `${dataplane}/peers.ts`, tests: ['test/gateway/dataplane/peers.test.ts'] }
const via = { file: `${dataplane}/via.ts`, tests: ['test/gateway/dataplane/via.test.ts'] }
const admission = { file: `${dataplane}/admission.ts`, tests: ['test/integration/loops.test.ts'] }

const pathMutants: readonly Mutant[] = [
  {
    ...path,
    rule: 'an encoded backslash is refused',
    find: 'if (value === backslash) return',
    replace: 'if (value === -2) return',
  },
  {
    ...path,
    rule: 'an encoded control character is refused',
    find: 'if (value < 32 || value === 127) return',
    replace: 'if (value === -2) return',
  },
  {
    ...path,
    rule: 'an escape that is none is refused',
    find: 'if (value < 0) return',
    replace: 'if (value < -2) return',
  },
  {
    ...path,
    rule: 'overlong UTF-8 is refused',
    find: 'if (value >= 0xc0 && isOverlong(value, raw, at + 3)) {',
    replace: 'if (value === -2) {',
  },
  {
    ...path,
    rule: 'a backslash is refused',
    find: '} else if (code === backslash) {',
    replace: '} else if (code === -2) {',
  },
  {
    ...path,
    rule: 'a fragment behind a path is refused',
    find: '} else if (code === 35) {',
    replace: '} else if (code === -2) {',
  },
  {
    ...path,
    rule: 'unreserved characters have one spelling',
    find: 'value < 128 && unreserved[value] === 1',
    replace: 'value === -2',
  },
  {
    ...path,
    rule: 'a path does not leave its root',
    find: 'if (kept.pop() === undefined) return',
    replace: 'if (kept.pop() === null) return',
  },
  {
    ...path,
    rule: 'a dot segment with a parameter is refused',
    find: '} else if (isDotWithParameter(segment)) {',
    replace: "} else if (segment === '\\n') {",
  },
  {
    ...path,
    rule: 'runs of slashes are merged',
    find: 'keepSlashes && i < last',
    replace: 'i < last',
  },
  {
    ...path,
    rule: 'control characters in a query are refused',
    find: 'if (code <= 32 || code === 127) return',
    replace: 'if (code === -2) return',
  },
  {
    ...path,
    rule: 'a path that can be read in two ways is known as such',
    find: 'ambiguous: ambiguity.test(path)',
    replace: 'ambiguous: false',
  },
  {
    ...readings,
    rule: 'parameters are cut off',
    find: 'const name = end < 0 ? segment : segment.slice(0, end)',
    replace: 'const name = end < 0 ? segment : segment',
  },
  {
    ...readings,
    rule: 'what begins a query or a fragment once it is decoded ends the path, or its segment',
    find: 'if (end.test(text)) readings.push',
    replace: "if (text === '') readings.push",
  },
  {
    ...path,
    rule: 'an encoded question mark or hash can be read in two ways',
    find: '25|3F|23)',
    replace: '25)',
  },
  {
    ...readings,
    rule: 'a dot segment that decoding brings out is refused',
    find: 'if (dotSegment.test(next))',
    replace: "if (next === '')",
  },
  {
    ...readings,
    rule: 'a slash in a parameter is refused',
    find: "if (text.split('/').some(hasSlashInParameter))",
    replace: "if (text === '')",
  },
  {
    ...readings,
    rule: 'escapes are decoded twice',
    find: 'const mostRounds = 2',
    replace: 'const mostRounds = 1',
  },
  {
    ...routing,
    rule: 'an encoded slash is refused where its route does not keep it',
    find: "if (route.encodedSlashes === 'refuse' && ex.path.includes('%2F'))",
    replace: "if (ex.path === '')",
  },
  {
    ...routing,
    rule: 'all readings of a path belong to one route',
    find: "return apart ? 'The path can be read",
    replace: "return apart && ex.path === '' ? 'The path can be read",
  },
  {
    ...routing,
    rule: 'a route that refuses encoded slashes is not reached by them',
    find: "&& other.encodedSlashes === 'keep')",
    replace: ')',
  },
  {
    ...routing,
    rule: 'what a lenient upstream would take for the denied place is refused',
    find: 'if (ex.ambiguousPath) {',
    replace: 'if (ex.ambiguousPath && ex.ended) {',
  },
  {
    file: 'plugins/waf/seclang/request-line.ts',
    tests: ['test/plugins/waf/plugin.test.ts'],
    rule: 'the WAF goes by the canonical path',
    find: 'decodePath(canonicalPath ?? path)',
    replace: 'decodePath(path)',
  },
]

const headerMutants: readonly Mutant[] = [
  {
    ...headers,
    rule: "a client's headers of our names, of its connection and of its framing do not go up",
    find: 'if (kinds[i] !== Kind.plain || nominated',
    replace: 'if (nominated',
  },
  {
    ...headers,
    rule: 'what Connection names does not go up',
    find: 'if (kinds[i] !== Kind.plain || nominated?.has(toPlainName(names[i] as string))) continue',
    replace: 'if (kinds[i] !== Kind.plain) continue',
  },
  {
    ...headers,
    rule: "what belongs to the upstream's connection does not come down",
    find: 'if ((kinds[i] as Kind) >= Kind.hop || nominated?.has(toPlainName(names[i] as string))) continue',
    replace: 'if (nominated?.has(toPlainName(names[i] as string))) continue',
  },
  {
    ...headers,
    rule: "what the upstream's Connection names does not come down",
    find: 'if ((kinds[i] as Kind) >= Kind.hop || nominated?.has(toPlainName(names[i] as string))) continue',
    replace: 'if ((kinds[i] as Kind) >= Kind.hop) continue',
  },
  {
    ...headers,
    rule: "a plugin's header replaces every spelling of the client's",
    find: 'if (name.length === plain.length && toPlainName(name) === plain) continue',
    replace: 'if (name === plain) continue',
  },
  {
    ...headers,
    tests: ['test/integration/headers-up.test.ts'],
    rule: 'a stranger is not believed in X-Forwarded-For',
    find: "const chain = trusted ? ex.header('x-forwarded-for') : undefined",
    replace: "const chain = ex.header('x-forwarded-for')",
  },
  {
    ...headers,
    tests: ['test/integration/headers-up.test.ts'],
    rule: 'a stranger is not believed in X-Forwarded-Host',
    find: "(trusted ? ex.header('x-forwarded-host') : undefined)",
    replace: "ex.header('x-forwarded-host')",
  },
  {
    ...headers,
    tests: ['test/integration/headers-up.test.ts'],
    rule: 'a stranger is not believed in X-Forwarded-Prefix',
    find: "const outer = trusted ? ex.header('x-forwarded-prefix') : undefined",
    replace: "const outer = ex.header('x-forwarded-prefix')",
  },
  {
    ...fields,
    rule: 'other spellings of our names are ours',
    find: "return lower.includes('_') || lower.includes('.') ? lower.replaceAll(/[_.]/g, '-') : lower",
    replace: 'return lower',
  },
  {
    ...peers,
    rule: 'the client is the rightmost address that is no trusted proxy',
    find: 'if (!isTrusted(hop)) return client',
    replace: "if (hop === '') return client",
  },
  {
    ...peers,
    rule: 'what is no address ends the list of proxies',
    find: 'if (isIP(hop) === 0) return client',
    replace: 'if (isIP(hop) === 0) continue',
  },
  {
    ...peers,
    rule: 'an IPv4-mapped address is the IPv4 address',
    find: "spelled.startsWith('::ffff:') && isIP(spelled.slice(7)) === 4 ? spelled.slice(7) : spelled",
    replace: 'spelled',
  },
  {
    ...admission,
    tests: ['test/integration/headers-up.test.ts'],
    rule: 'only a trusted peer says who its client is',
    find: "ex.clientIp = ex.peerTrusted ? peers.clientOf(ex.peerIp, ex.header('x-forwarded-for')) : ex.peerIp",
    replace: "ex.clientIp = peers.clientOf(ex.peerIp, ex.header('x-forwarded-for'))",
  },
  {
    ...admission,
    tests: ['test/integration/headers-up.test.ts'],
    rule: 'only a trusted peer says what its scheme is',
    find: 'if (ex.peerTrusted) ex.scheme',
    replace: 'ex.scheme',
  },
  {
    ...admission,
    rule: 'a request that was here before gets 508',
    find: '(fields.kinds.includes(Kind.via) ? checkVia(ex) : undefined)',
    replace: 'undefined',
  },
  {
    ...admission,
    rule: 'Max-Forwards counts down and ends',
    find: "(ex.method === 'OPTIONS' ? checkForwards(ex) : undefined)",
    replace: 'undefined',
  },
  {
    ...via,
    rule: "a stranger's Via does not go on, but for our own gateways",
    find: "return trusted ? received : gateways.join(', ')",
    replace: 'return received',
  },
  {
    ...via,
    rule: 'a row of gateways has an end',
    find: 'if (gateways.length >= mostGateways) return null',
    replace: 'if (gateways.length < 0) return null',
  },
]

const requestMutants: readonly Mutant[] = [
  {
    ...requests,
    rule: 'Content-Length is one plain number',
    find: 'if (length >= 0 || !lengthPattern.test(value))',
    replace: "if (value === '')",
  },
  {
    ...requests,
    rule: 'the only transfer coding is chunked, once',
    find: "if (chunked || value.toLowerCase() !== 'chunked')",
    replace: "if (value === '')",
  },
  {
    ...requests,
    rule: 'TE beside CL is refused',
    find: 'else if (chunked && length >= 0)',
    replace: 'else if (chunked && length >= 1e15)',
  },
  {
    ...requests,
    rule: 'HTTP/1.0 has no TE',
    find: 'if (chunked && old) fault',
    replace: 'if (chunked && old && !chunked) fault',
  },
  {
    ...requests,
    rule: 'Host is given once',
    find: 'if (host !== null) fault =',
    replace: "if (host === '\\n') fault =",
  },
  {
    ...requests,
    rule: '__proto__ is no header',
    find: "if (names[i] === '__proto__') fault =",
    replace: "if (names[i] === '') fault =",
  },
  {
    ...requests,
    rule: 'a target is visible ASCII',
    find: "target === '' || notTarget.test(target))",
    replace: "target === '')",
  },
  {
    ...requests,
    rule: 'a method is one that is known',
    find: 'if (!methods.has(method)) return',
    replace: "if (method === '') return",
  },
  {
    ...messages,
    rule: 'a chunk ends where it said',
    find: 'if (piece[at] !== 13 || (piece.length - at >= 2 && piece[at + 1] !== 10))',
    replace: 'if (piece[at] === 256)',
  },
  {
    ...messages,
    rule: 'a chunk size is hexadecimal digits',
    find: "if (size === null) throw new SyntaxFault('a chunk-size line is not valid')\n  return Number.parseInt(size[1] as string, 16)",
    replace: 'return size === null ? Number.parseInt(line, 16) || 0 : Number.parseInt(size[1] as string, 16)',
  },
  {
    ...messages,
    rule: 'a trailer does not speak of the framing',
    find: 'if (kinds.some((kind) => tooLate.has(kind)))',
    replace: 'if (kinds.length < 0)',
  },
  {
    ...requests,
    file: `${dataplane}/http1/fields.ts`,
    rule: 'a header name is a token with its colon behind it, on a line of its own',
    find: 'if (colon === at || text.charCodeAt(colon) !== 58) throw',
    replace: "if (text === '') throw",
  },
  {
    ...requests,
    file: `${dataplane}/http1/fields.ts`,
    rule: 'a header value holds no control characters',
    find: 'if ((code < 32 && code !== 9) || code === 127) throw',
    replace: 'if (code < 0) throw',
  },
]

export const edgeMutants: readonly Mutant[] = [...pathMutants, ...headerMutants, ...requestMutants]
