// Rules that keep the service there for everybody: limits, framing, back-pressure, publishing and the admin API, as far as
// no other list here has them; the policy of upstreams is in upstreams.ts.
import { type Mutant, mutantsOf } from '../mutant.ts'

const upstream = 'gateway/dataplane/upstream/'
const http1 = 'gateway/dataplane/http1/'
const serverTest = 'test/gateway/dataplane/http1/server-connection.test.ts'
const admissionTest = 'test/integration/admission.test.ts'
const proxyTest = 'test/integration/proxy.test.ts'
const accessTest = 'test/admin/access.test.ts'

const overload = mutantsOf(
  'gateway/dataplane/overload.ts',
  ['test/gateway/dataplane/overload.test.ts'],
  [
    [
      'a loop that lags sheds requests',
      'const over = limitMs > 0 && medianOf(this.#lags) > limitMs',
      'const over = false',
    ],
    ['the busiest tenant is shed first', 'return asked > this.#perTenant', 'return asked > 0'],
    ['somebody is always served', 'return Math.max(1, each)', 'return each'],
  ],
)

const limits = [
  ...mutantsOf(
    'gateway/dataplane/admission.ts',
    [admissionTest],
    [
      [
        'limits.headerCount holds',
        'if (fields.kinds.length > limits.headerCount) {',
        'if (fields.kinds.length < 0) {',
      ],
      ['limits.urlBytes holds', 'if (url.length > urlBytes) {', 'if (url.length < 0) {'],
      [
        'an expectation that nobody knows is refused',
        "if (expect.toLowerCase() !== '100-continue')",
        "if (expect === '')",
      ],
    ],
  ),
  ...mutantsOf(
    'gateway/dataplane/admission.ts',
    [proxyTest],
    [
      [
        'limits.bodyBytes holds for an announced body',
        'if (ex.contentLength <= ex.bodyLimit) return undefined',
        'if (ex.contentLength < Number.POSITIVE_INFINITY) return undefined',
      ],
    ],
  ),
  ...mutantsOf(
    `${http1}message-parser.ts`,
    ['test/gateway/dataplane/http1/request-parser.test.ts'],
    [['limits.headerBytes holds', 'if (earliest - at > limitBytes) throw', 'if (earliest < at) throw']],
  ),
  ...mutantsOf(
    `${upstream}request-body.ts`,
    [proxyTest],
    [
      [
        'limits.bodyBytes holds for a body of untold length',
        'if (ex.requestBytes > ex.bodyLimit) this.#fail(tooLarge(ex.bodyLimit))\n    else {',
        '{',
      ],
      [
        'a client that waits for 100 is asked for its body',
        'ex.expectsContinue = false\n  ex.down.invite()',
        'ex.expectsContinue = false',
      ],
    ],
  ),
  ...mutantsOf(
    `${http1}server-stream.ts`,
    [proxyTest],
    [
      [
        '100 Continue comes once policy has let the request pass',
        "this.#awaited = head.expect !== ''",
        "this.#awaited = head.expect !== ''\n    if (this.#awaited) connection.write('HTTP/1.1 100 Continue\\r\\n\\r\\n')",
      ],
    ],
  ),
  ...mutantsOf(
    `${http1}server-stream.ts`,
    [serverTest],
    [
      [
        'nothing is read behind a refused body that nobody can measure',
        "(this.#awaited || body === 'chunked' || announced > discardLimitBytes)",
        '(this.#awaited || announced > discardLimitBytes)',
      ],
      ['nothing is read behind a refused body that is too long', ' || announced > discardLimitBytes)', ')'],
      ['nothing is read behind a refused body that was not asked for', '(this.#awaited || body', '(body'],
    ],
  ),
]

const connections = [
  ...mutantsOf(
    `${http1}server-connection.ts`,
    [serverTest],
    [
      [
        'a client that takes nothing of its answer for idleMs is cut off',
        'if (!taken && this.#stalled === null) {',
        'if (!taken && this.#requests < 0) {',
      ],
      [
        'a client that leaves little of its answer unread is cut off',
        "this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.idleMs)\n    this.#socket.write('',",
        "this.#socket.write('',",
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}request-body.ts`,
    ['test/gateway/dataplane/upstream/request-body.test.ts'],
    [
      [
        'a client waits for an upstream that does not read',
        'if (!sink.write(bytes)) ex.down.pause()',
        'sink.write(bytes)',
      ],
    ],
  ),
]

const framing = [
  ...mutantsOf(
    `${http1}server-stream.ts`,
    [serverTest, 'test/gateway/dataplane/respond.test.ts', proxyTest],
    [
      [
        'an answer to HEAD has no body',
        "this.head.method === 'HEAD' || status === 204 || status === 304",
        'status === 204 || status === 304',
      ],
      [
        '204 has no body',
        "this.head.method === 'HEAD' || status === 204 || status === 304",
        "this.head.method === 'HEAD' || status === 304",
      ],
      [
        '304 has no body',
        "this.head.method === 'HEAD' || status === 204 || status === 304",
        "this.head.method === 'HEAD' || status === 204",
      ],
    ],
  ),
  ...mutantsOf(
    `${http1}response-parser.ts`,
    ['test/gateway/dataplane/http1/response-parser.test.ts'],
    [
      [
        "an upstream's answer to HEAD has no body",
        'this.#headRequest || status === 204 || status === 304 ?',
        'status === 204 || status === 304 ?',
      ],
      [
        "an upstream's 204 has no body",
        'this.#headRequest || status === 204 || status === 304 ?',
        'this.#headRequest || status === 304 ?',
      ],
      [
        "an upstream's 304 has no body",
        'this.#headRequest || status === 204 || status === 304 ?',
        'this.#headRequest || status === 204 ?',
      ],
      [
        'a 204 that speaks of a body is the last of its connection',
        'if ((status < 200 || status === 204) && (chunked || length > 0)) this.reusable = false\n',
        '',
      ],
    ],
  ),
]

const publishing = mutantsOf(
  'gateway/control/publisher.ts',
  ['test/gateway/control/publisher.test.ts'],
  [
    [
      'a config that one worker refuses is used by none',
      'if (refusals.length > 0 || write === null) {',
      'if (write === null) {',
    ],
    [
      'a worker that does not answer has refused',
      'return error instanceof WorkerGone ? null : (error as Error).message',
      'return error === null ? WorkerGone.name : null',
    ],
    [
      'workers forget what is not used',
      "for (const worker of workers) worker.tell({ kind: 'abort', version })",
      'void workers\n  void version',
    ],
    [
      'a config that cannot be written is used by none',
      'abort(workers, snapshot.version)\n        throw error',
      'void error',
    ],
    [
      'a worker that refuses the live config does not come up',
      'if (refusal !== null) throw new Error(`the live',
      'if (refusal === undefined) throw new Error(`the live',
    ],
  ],
)

const admin = [
  ...mutantsOf(
    'admin/auth.ts',
    [accessTest],
    [
      [
        'nobody is let in without a token',
        'if (request.caller === null) throw unauthorized(request)\n  if (hasRole(request.caller, needed)) return',
        'if (request.caller === null || hasRole(request.caller, needed)) return',
      ],
      [
        'metrics are open on loopback alone',
        "return metricsOpen ? null : 'viewer'",
        'return metricsOpen ? null : null',
      ],
      [
        'a token comes as Bearer',
        "header.slice(0, space).toLowerCase() !== 'bearer'",
        "header.slice(0, space) === ''",
      ],
    ],
  ),
  ...mutantsOf(
    'admin/browser-guard.ts',
    [accessTest],
    [
      [
        'a page of another origin does not reach the admin API',
        'if (origin !== undefined && !isSameHost(origin, authority)) {',
        "if (origin === '' && !isSameHost(origin, authority)) {",
      ],
      ['a target names no second host', "if (!request.url.startsWith('/')) {", "if (request.url === '') {"],
      [
        'a name that hides a user or a path is no host',
        "if (username !== '' || pathname !== '/' || hostname === '') return null\n",
        'void username\n    void pathname\n',
      ],
    ],
  ),
  ...mutantsOf(
    'admin/server.ts',
    [accessTest],
    [['no answer of the admin API is cached', "      'cache-control': 'no-store',\n", '']],
  ),
  ...mutantsOf(
    'admin/etag.ts',
    ['test/admin/resources.test.ts'],
    [
      ['a write under a tag that is old is refused', 'if (!holds) throw lostRace(current)\n', 'void holds\n'],
      [
        'a weak tag never matches a write',
        'const tags = parseTags(ifMatch)\n',
        'const tags = parseTags(ifMatch).map(withoutWeakness)\n',
      ],
      [
        'If-None-Match does not replace what is there',
        "if (tags.includes('*') || tags.includes(current)) {",
        "if (tags.includes('*') && tags.includes('')) {",
      ],
    ],
  ),
  ...mutantsOf(
    'admin/history.ts',
    ['test/admin/config.test.ts'],
    [
      [
        'a rollback keeps to If-Match',
        'checkPreconditions(request.headers, configTag(files))',
        'void [checkPreconditions, configTag, files]',
      ],
    ],
  ),
]

export const limitAndAdminMutants: readonly Mutant[] = [
  ...[...overload, ...limits, ...connections, ...framing],
  ...[...publishing, ...admin],
]
