// Trailers, and upstreams with HTTP/2.
import type { Mutant } from '../mutant.ts'

const plane = 'gateway/dataplane'
const trailers = ['test/gateway/dataplane/trailers.test.ts']
const body = ['test/gateway/dataplane/upstream/request-body.test.ts']
const client = ['test/gateway/dataplane/http2/client.test.ts']
const sessions = ['test/gateway/dataplane/http2/client-sessions.test.ts']
const hostile = ['test/gateway/dataplane/http2/client-hostile.test.ts']
const gateway = ['test/integration/http2-upstream.test.ts']
const tls = ['test/integration/upstream-tls.test.ts']

export const http2UpstreamMutants: readonly Mutant[] = [
  {
    rule: 'Connections that only end what is under way do not keep others from being opened',
    ...{ file: `${plane}/http2/client.ts`, tests: sessions },
    find: 'if (!session.isEnding) lasting += 1',
    replace: 'lasting += 1',
  },
  {
    rule: 'A session whose peer never closes its side is ended',
    ...{ file: `${plane}/http2/client-session.ts`, tests: hostile },
    find: 'else if (this.isEnding) this.fail(closed)',
    replace: '',
  },
  {
    rule: 'Nothing is kept of a request that left before a connection came',
    ...{
      file: `${plane}/upstream/upstream-call.ts`,
      tests: ['test/gateway/dataplane/upstream/queued.test.ts'],
    },
    find: 'if (this.#stream === null) this.#queued?.leave()',
    replace: 'if (this.#stream === null) return',
  },
  {
    rule: 'A trailer never says what a known header says',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'return !never.has(plain) && !neverBegins.test(plain)',
    replace: 'return !neverBegins.test(plain)',
  },
  {
    rule: 'A trailer is of no family of headers that matter',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'return !never.has(plain) && !neverBegins.test(plain)',
    replace: 'return !never.has(plain)',
  },
  {
    rule: 'A trailer is none that only the gateway may say, nor of the connection',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'fields.kinds.at(-1) === Kind.plain && isHarmless',
    replace: 'isHarmless',
  },
  {
    rule: 'A trailer is judged by all spellings of its name',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'const plain = toPlainName(name)',
    replace: 'const plain = name.toLowerCase()',
  },
  {
    rule: 'A trailer does not say anew what a plugin said of the headers',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'isHarmless(plain) && allows(plain)',
    replace: 'isHarmless(plain)',
  },
  {
    rule: 'A trailer holds no line break',
    ...{ file: `${plane}/trailers.ts`, tests: trailers },
    find: 'if (findFieldFault(name, value) !== null) continue',
    replace: '',
  },
  {
    rule: 'Trailers of a message are bounded in count',
    ...{ file: `${plane}/http1/message-parser.ts`, tests: trailers },
    find: 'if (this.#trailers.length >= 2 * mostTrailers)',
    replace: 'if (this.#trailers.length < 0)',
  },
  {
    rule: 'Trailers go to HTTP/1.1 clients that asked for them only',
    ...{ file: `${plane}/http1/server-stream.ts`, tests: gateway },
    find: 'if (trailers === null || !acceptsTrailers(this.head.fields))',
    replace: 'if (trailers === null)',
  },
  {
    rule: 'Trailers of a request do not pass a plugin that inspects bodies',
    ...{ file: `${plane}/upstream/request-body.ts`, tests: body },
    find: 'inspectUpTo > 0 ? null : ',
    replace: 'inspectUpTo < 0 ? null : ',
  },
  {
    rule: 'A body that was not kept whole does not go out anew',
    ...{ file: `${plane}/upstream/request-body.ts`, tests: body },
    find: 'if (this.started && this.#kept === null) return false',
    replace: '',
  },
  {
    rule: 'No header value with CR, LF or NUL goes up',
    ...{ file: `${plane}/http2/request-fields.ts`, tests: client },
    find: 'if (fault !== null) throw fault',
    replace: '',
  },
  {
    rule: 'No path with white space or control characters goes up',
    ...{ file: `${plane}/http2/request-fields.ts`, tests: client },
    find: 'if (notPath.test(path) || notPath.test(method))',
    replace: 'if (path.length + method.length < 0)',
  },
  {
    rule: 'A request body over HTTP/2 has the length that it said: not less',
    ...{ file: `${plane}/http2/stream-upload.ts`, tests: client },
    find: 'if (this.#due > 0) return this.fail(new LengthMismatch())',
    replace: '',
  },
  {
    rule: 'A request body over HTTP/2 has the length that it said: not more',
    ...{ file: `${plane}/http2/stream-upload.ts`, tests: client },
    find: 'if (this.#due < 0) {',
    replace: 'if (this.#due === Number.NEGATIVE_INFINITY) {',
  },
  {
    rule: 'An answer over HTTP/2 is whole by END_STREAM alone',
    ...{ file: `${plane}/http2/client-call.ts`, tests: hostile },
    find: 'if (chunk === null && !stream.closed) this.#whole = true',
    replace: 'if (chunk === null) this.#whole = true',
  },
  {
    rule: 'What a server may have processed does not go out anew',
    ...{ file: `${plane}/http2/client-call.ts`, tests: client },
    find: 'const unprocessed = !this.#answered && session.isUnprocessed(stream)',
    replace: 'const unprocessed = !this.#answered',
  },
  {
    rule: 'What no server has seen may go elsewhere, also where it went out before in vain',
    ...{ file: `${plane}/http2/client-call.ts`, tests: hostile },
    find: 'this.#starts === 0 ? error : new',
    replace: 'this.#starts >= 0 ? error : new',
  },
  {
    rule: 'A request goes out anew only so often',
    ...{ file: `${plane}/http2/client-call.ts`, tests: hostile },
    find: 'this.#starts < mostStarts && ',
    replace: 'this.#starts < 6 && ',
  },
  {
    rule: 'Trailers over HTTP/2 are bounded in count',
    ...{ file: `${plane}/http2/answer-fields.ts`, tests: hostile },
    find: 'if (raw.length > 2 * mostTrailers)',
    replace: 'if (raw.length < 0)',
  },
  {
    rule: 'Headers over HTTP/2 are bounded in count',
    ...{ file: `${plane}/http2/client-session.ts`, tests: hostile },
    find: 'maxHeaderListPairs: 256,',
    replace: 'maxHeaderListPairs: 65_536,',
  },
  {
    rule: 'An upstream pushes nothing',
    ...{ file: `${plane}/http2/client-session.ts`, tests: hostile },
    find: 'settings: { enablePush: false, ',
    replace: 'settings: { enablePush: true, ',
  },
  {
    rule: 'An upstream that floods the connection with control frames is given up',
    ...{ file: `${plane}/http2/client-session.ts`, tests: hostile },
    find: 'if (this.#controlFrames > mostControlFrames)',
    replace: 'if (this.#controlFrames < 0)',
  },
  {
    rule: 'A session that may be dead takes no requests',
    ...{ file: `${plane}/http2/client-session.ts`, tests: hostile },
    find: 'return this.#ready && !this.#checking && ',
    replace: 'return this.#ready && ',
  },
  {
    rule: 'No request leaves before the server has shown that it speaks HTTP/2',
    ...{ file: `${plane}/http2/client-session.ts`, tests: sessions },
    find: '    this.#session = session\n',
    replace: '    this.#session = session\n    this.#allowed = mostStreams\n    this.#onSettings()\n',
  },
  {
    rule: 'A server gets no more streams than it allows',
    ...{ file: `${plane}/http2/client-session.ts`, tests: sessions },
    find: ' && this.#calls.size < this.#allowed',
    replace: '',
  },
  {
    rule: 'Sessions of a target are bounded',
    ...{ file: `${plane}/http2/client.ts`, tests: sessions },
    find: 'return lasting < mostSessions',
    replace: 'return lasting < mostSessions || true',
  },
  {
    rule: 'A server with TLS does not choose the version of HTTP',
    ...{ file: `${plane}/upstream/pools.ts`, tests: tls },
    find: "const allowH2 = config.transport === 'http2'",
    replace: 'const allowH2 = true',
  },
  {
    rule: 'A target proves itself by the name of the config',
    file: `${plane}/upstream/target-address.ts`,
    tests: ['test/gateway/dataplane/upstream/target-address.test.ts'],
    find: 'tls?.serverName ?? (knownAs',
    replace: '(knownAs',
  },
]
