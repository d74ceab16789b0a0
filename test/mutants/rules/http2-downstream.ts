// Rules of HTTP/2 from clients.
import type { Mutant } from '../mutant.ts'

const folder = 'gateway/dataplane/http2'
const head = ['test/gateway/dataplane/http2/request-head.test.ts']
const admission = ['test/integration/http2-admission.test.ts']
const clients = ['test/integration/http2-clients.test.ts']
const connection = ['test/gateway/dataplane/http2/connection.test.ts']
const limits = ['test/gateway/dataplane/http2/limits.test.ts']
const stream = [
  'test/gateway/dataplane/http2/stream.test.ts',
  'test/gateway/dataplane/http2/connection-end.test.ts',
]
const hpack = ['test/gateway/dataplane/http2/hpack.test.ts']

type Row = readonly [rule: string, find: string, replace: string, tests: readonly string[]]

const rows: Readonly<Record<string, readonly Row[]>> = {
  'request-head.ts': [
    [
      'a value with a control byte is refused',
      'if ((code < 32 && code !== 9) || code === 127) return false',
      '',
      head,
    ],
    [
      'a value with white space at its ends is refused',
      "return value === '' || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)))",
      'return true || isBlank(0)',
      head,
    ],
    ['a name that is no token is refused', '!isToken(name) || ', '(isToken(name) && false) || ', head],
    [
      'a name in upper case is refused',
      'upperCase.test(name) || ',
      '(upperCase.test(name) && false) || ',
      head,
    ],
    ['__proto__ is refused', "name === '__proto__'", 'false', head],
    [
      'a pseudo-header behind a header is refused',
      "if (this.fields.kinds.length > 0) return this.refuse('A pseudo-header stands behind a header.')",
      '',
      head,
    ],
    [
      'a pseudo-header is there once',
      'if (this.#pseudo.has(name)) return this.refuse(`${name} is there more than once.`)',
      '',
      head,
    ],
    [
      'pseudo-headers that are none of a request are refused',
      "return this.refuse('There is a pseudo-header that is none of a request.')",
      '{}',
      head,
    ],
    [
      'the method is a known one',
      "if (!methods.has(method)) return this.refuse('The method is not known.')",
      '',
      head,
    ],
    ['the path is in origin-form', "|| (path !== '*' && !path.startsWith('/'))", '', head],
    ['the path has visible ASCII only', 'notTarget.test(path)', 'notTarget.test("")', head],
    [
      'Host agrees with :authority',
      'this.#host !== null && !isSameHost(authority, this.#host)',
      'this.#host !== null && !isSameHost(authority, authority)',
      head,
    ],
    [
      'Host is there once',
      "if (this.#host !== null) this.refuse('The request has more than one Host header.')",
      '',
      head,
    ],
    [
      'Content-Length is there once, as plain digits',
      'if (this.#length >= 0 || !lengthPattern.test(value))',
      'if (value === "never" || !lengthPattern.test("0"))',
      head,
    ],
    [
      'fields that speak of the connection are refused',
      'else if (forbidden.has(kind) || ',
      "else if ((forbidden.has(kind) && name === '') || ",
      head,
    ],
    ['Proxy-Connection is refused', "name === 'proxy-connection'", "name === ''", head],
    ['TE is trailers or nothing', "value.toLowerCase() !== 'trailers'", "value.toLowerCase() === ''", head],
    [
      'a body that never comes is refused',
      'if (ended && this.#length > 0)',
      'if (ended && this.#length > 0 && false)',
      head,
    ],
    [
      'cookie crumbs are one field',
      "if (name === 'cookie' && this.#cookie >= 0) return this.#joinCookie(value)",
      "if (name === '') return this.#joinCookie(value)",
      head,
    ],
    [
      'fields beyond the limits are not kept',
      'if (this.#bytes > this.#limits.headBytes || full)',
      'if (full)',
      head,
    ],
    [
      'trailers have no pseudo-headers',
      'this.fault === null && this.#pseudo.size === 0 ?',
      'this.fault === null ?',
      head,
    ],
  ],
  'stream.ts': [
    [
      'a body is not longer than it said',
      'if (length >= 0 && this.body.received + bytes.length > length)',
      'if (length < -1)',
      stream,
    ],
    [
      'a body is not shorter than it said',
      'if (length >= 0 && this.body.received !== length)',
      'if (length < -1)',
      admission,
    ],
    [
      'an answer that is not as long as it said does not end well',
      'if (this.#due < 0 || (this.#due > 0 && this.#due !== Number.POSITIVE_INFINITY)) return this.breakOff()',
      '',
      stream,
    ],
    [
      'a client that takes nothing of an answer is given up',
      'this.#stall ??= new Stall(deadlines, idleMs, () => this.reset(Code.cancel))',
      'void [deadlines, idleMs, Stall, Code]',
      limits,
    ],
    [
      'for gRPC requestMs is a pause, for others it is not',
      'if (this.#lasting) this.#renewDeadline()',
      'this.#renewDeadline()',
      limits,
    ],
    [
      'a client is told to stop sending',
      'if (!this.received) outbound.reset(this.id, this.#verdict)',
      '',
      stream,
    ],
  ],
  'inbound.ts': [
    [
      'a header block is not interrupted',
      'if (this.#block !== null && (type !== Type.continuation || id !== this.#block.id))',
      'if (false)',
      connection,
    ],
    ['SETTINGS come first', 'if (!this.#settled && type !== Type.settings)', 'if (false)', connection],
    [
      'a header block has a size',
      'if (block.bytes > most || block.pieces.length > mostPieces)',
      'if (block.pieces.length > mostPieces)',
      limits,
    ],
    [
      'a header block has a number of frames',
      'if (block.bytes > most || block.pieces.length > mostPieces)',
      'if (block.bytes > most)',
      limits,
    ],
    [
      'PING counts',
      "if (payload.length !== 8) throw missized('PING')\n    this.#guard.onEmptyFrame()",
      "if (payload.length !== 8) throw missized('PING')",
      limits,
    ],
    [
      'SETTINGS count',
      '    this.#guard.onEmptyFrame()\n    if (isAck) return',
      '    if (isAck) return',
      limits,
    ],
    [
      'WINDOW_UPDATE counts',
      '    this.#guard.onEmptyFrame()\n    this.#sink.onWindow(id, bytes)',
      '    this.#sink.onWindow(id, bytes)',
      limits,
    ],
    ['empty DATA counts', 'if (bytes.length === 0 && !ended) this.#guard.onEmptyFrame()', '', limits],
    [
      'padding is not longer than its frame',
      "if (to < from) throw broken('there is more padding than frame')",
      '',
      connection,
    ],
  ],
  'connection.ts': [
    [
      'a cancelled request counts (CVE-2023-44487)',
      '    stream.onGone()\n    this.#guard.onReset()',
      '    stream.onGone()',
      limits,
    ],
    [
      'a request that is cancelled in one breath is not begun',
      'if (!stream.over) this.#owner.onRequest(stream)',
      'this.#owner.onRequest(stream)',
      limits,
    ],
    ['malformed requests count', 'if (stream.deaf) this.#guard.onMalformed()', '', limits],
    ['no more streams than allowed', 'if (this.#isFull()) {', 'if (false) {', connection],
    ['no more DATA than the window of the connection', 'if (this.#window < 0)', 'if (false)', connection],
    [
      'no more DATA than the window of the stream',
      'const excess = stream.body.window < 0',
      'const excess = stream.body.window < -1e9',
      connection,
    ],
    ['no DATA behind the end', 'if (excess || stream.received) {', 'if (excess) {', connection],
    [
      'who reads nothing is not read from',
      'if (this.#socket.writableLength > mostUnsentBytes) this.#socket.pause()',
      '',
      limits,
    ],
    [
      'half a head has its time',
      'if (inHead) this.deadlineMs = this.deadlines.after(headersMs)',
      'if (inHead) this.deadlineMs = 0',
      limits,
    ],
    [
      'what comes behind the last GOAWAY is not served',
      'if (id <= this.#lastId || id > this.#lastServedId)',
      'if (id <= this.#lastId)',
      stream,
    ],
    [
      'a connection has its number of requests',
      'if (this.#requests !== this.#owner.limits.requests) return',
      'if (this.#requests !== -1) return',
      stream,
    ],
  ],
  'request-body.ts': [
    [
      'a piece of a byte holds a byte',
      'bytes.copy(this.#held, this.#heldBytes)',
      'this.#held = Buffer.concat([this.#held.subarray(0, this.#heldBytes), bytes, Buffer.alloc(65_536)])',
      limits,
    ],
    [
      'room is given only for what was taken',
      '    this.#heldBytes = length\n',
      '    this.#heldBytes = length\n    this.#onTaken(bytes.length)\n',
      limits,
    ],
  ],
  'flood-guard.ts': [
    [
      'windows that are opened by bytes account for nothing',
      'if (bytes >= pieceBytes) this.#frames.give',
      'this.#frames.give',
      limits,
    ],
  ],
  'hpack-decoder.ts': [
    [
      'the table is no larger than allowed',
      "if (bytes > tableBytes) throw new CompressionFault('the table is made larger than was allowed')",
      '',
      hpack,
    ],
    [
      'a change of the table stands first',
      "if (begun) throw new CompressionFault('the table changes its size within a header block')",
      '',
      hpack,
    ],
  ],
  'huffman.ts': [
    [
      'padding of a string is less than a byte of ones',
      'return mayEnd[node] === 1 ?',
      'return mayEnd.length > 0 ?',
      hpack,
    ],
  ],
  'answer-block.ts': [
    [
      'no answer speaks of the connection',
      'if (forbidden.has(name.toLowerCase())) continue',
      "if (forbidden.has(name.toLowerCase()) && name === '') continue",
      stream,
    ],
  ],
}

const here: readonly Mutant[] = Object.entries(rows).flatMap(([file, list]) =>
  list.map(([rule, find, replace, tests]) => ({
    rule: `HTTP/2: ${rule}`,
    file: `${folder}/${file}`,
    find,
    replace,
    tests,
  })),
)

export const http2DownstreamMutants: readonly Mutant[] = [
  ...here,
  {
    rule: 'HTTP/2: :scheme is that of the connection',
    file: 'gateway/dataplane/admission.ts',
    find: "if (!ex.peerTrusted) return malformed(ex, 'The :scheme is not that of the connection.')",
    replace: '',
    tests: admission,
  },
  {
    rule: 'HTTP/2: a listener without it does not offer it',
    file: 'gateway/dataplane/tls/terminator.ts',
    find: "config.http2 ? ['h2', 'http/1.1'] : ['http/1.1']",
    replace: "['h2', 'http/1.1']",
    tests: clients,
  },
]
