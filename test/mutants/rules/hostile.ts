// Hostile upstreams, slow and greedy clients, and what the gateway does when it runs out of something.
import type { Mutant } from '../mutant.ts'

const dataplane = 'gateway/dataplane'
const client = {
  file: `${dataplane}/http1/client.ts`,
  tests: ['test/gateway/dataplane/http1/client.test.ts'],
}
const connection = { ...client, file: `${dataplane}/http1/client-connection.ts` }
const upload = { ...client, file: `${dataplane}/http1/upload.ts` }
const responses = {
  file: `${dataplane}/http1/response-parser.ts`,
  tests: ['test/gateway/dataplane/http1/response-parser.test.ts'],
}
const answers = { ...responses, file: `${dataplane}/http1/response-head.ts` }
const server = {
  file: `${dataplane}/http1/server-connection.ts`,
  tests: ['test/gateway/dataplane/http1/server-connection.test.ts'],
}
const call = { file: `${dataplane}/upstream/upstream-call.ts`, tests: ['test/integration/aborts.test.ts'] }
const passing = { ...call, tests: ['test/integration/chain.test.ts'] }
const places = {
  file: 'gateway/shared-state/connection-places.ts',
  tests: ['test/gateway/shared-state/connection-places.test.ts'],
}
const descriptors = {
  file: `${dataplane}/descriptors.ts`,
  tests: ['test/gateway/dataplane/descriptors.test.ts'],
}

const upstreamMutants: readonly Mutant[] = [
  {
    ...client,
    rule: 'a connection that came free is looked at once more before it is used',
    find: 'if (turn === this.#freshTurn) return',
    replace: 'if (turn < 0) return',
  },
  {
    ...client,
    rule: 'who waited for a connection that was of no use does not wait for another',
    find: 'if (unused !== null) this.#waiting.shift()?.handler.onError(unused)',
    replace: 'if (unused === undefined) this.#waiting.shift()',
  },
  {
    ...client,
    rule: 'no more connections than allowed',
    find: 'if (this.#all.size >= this.#most) return false',
    replace: 'if (this.#most < 0) return false',
  },
  {
    ...connection,
    rule: 'an answer before the end of the request is the last of its connection',
    find: 'this.#parser.reusable && this.#sent && !this.#ended',
    replace: 'this.#parser.reusable',
  },
  {
    ...connection,
    rule: 'a connection that nobody uses is closed',
    find: 'this.deadlineMs = deadlines.after(Math.min(timeouts.keepAliveMs, this.#parser.keepAliveMs))',
    replace: 'this.deadlineMs = deadlines.after(timeouts.keepAliveMs) * 0',
  },
  {
    ...connection,
    rule: 'an upstream has so long for the head of its answer',
    find: 'this.deadlineMs = this.#pool.deadlines.after(this.#pool.timeouts.headersMs)\n    this.#parser.expect',
    replace: 'this.deadlineMs = 0\n    this.#parser.expect',
  },
  {
    ...upload,
    rule: 'a body longer than announced is not sent on',
    find: 'if (this.#due >= 0) return this.#socket.write(bytes)',
    replace: 'if (this.#due > -Infinity) return this.#socket.write(bytes)',
  },
  {
    ...upload,
    rule: 'a body shorter than announced does not end well',
    find: 'if (this.#due > 0) return this.fail(new LengthMismatch())',
    replace: 'if (this.#due > Infinity) return this.fail(new LengthMismatch())',
  },
  {
    ...answers,
    rule: 'one Content-Length only',
    find: "if (known >= 0) throw new SyntaxFault('there is more than one Content-Length')",
    replace: 'if (known === -2) return known',
  },
  {
    ...answers,
    rule: 'Content-Length is a plain number',
    find: "if (!lengthPattern.test(value)) throw new SyntaxFault('Content-Length is not a plain number')",
    replace: 'if (!lengthPattern.test(value)) return Number.parseInt(value, 10)',
  },
  {
    ...answers,
    rule: 'a length and chunks are refused',
    find: 'if (framing.chunked && framing.length >= 0)',
    replace: 'if (framing.chunked && framing.length === -2)',
  },
  {
    ...answers,
    rule: 'no transfer coding but chunked',
    find: "if (old || value.toLowerCase() !== 'chunked')",
    replace: "if (old && value.toLowerCase() === 'x')",
  },
  {
    ...responses,
    rule: 'a body that ends with its connection is broken where it had a length',
    find: "if (this.state !== State.untilClose) throw new SyntaxFault('the connection ended before the answer did')",
    replace: 'if (this.state === State.idle) return',
  },
  {
    ...passing,
    rule: 'interim answers have an end',
    find: 'if (this.#interim > mostInterim) return',
    replace: 'if (this.#interim > Infinity) return',
  },
  {
    ...passing,
    rule: 'an answer that breaks off breaks the one to the client',
    find: 'if (this.#passing) return breakOff(ex)',
    replace: 'if (this.#passing) return ex.down.end(null)',
  },
  {
    ...call,
    rule: 'what was asked for a client that left is given up',
    find: '    else this.#stream.abort(unwanted)\n',
    replace: '',
  },
  {
    file: `${dataplane}/upstream/turn.ts`,
    tests: ['test/integration/aborts.test.ts'],
    rule: 'a client that left waits for no place',
    find: 'clearTimeout(this.#timer)\n    this.#upstream.cluster.leave(this)',
    replace: 'clearTimeout(this.#timer)',
  },
  {
    file: `${dataplane}/upstream/failure.ts`,
    tests: ['test/gateway/dataplane/upstream/failure.test.ts'],
    rule: 'a lack of descriptors is no mark against the service',
    find: "['EMFILE', { outcome: 'cancelled', reply: noDescriptor, retry: null }],",
    replace: '',
  },
]

const clientMutants: readonly Mutant[] = [
  {
    ...server,
    rule: 'a head that is late is answered 408',
    find: 'if (stream === null && this.#parser.inHead && !this.#closing) return this.#parser.abandon(headLate)',
    replace: '',
  },
  {
    ...server,
    rule: 'a body that is late is answered 408',
    find: 'if (stream !== null && !stream.complete && !stream.answered) return this.#parser.abandon(headLate)',
    replace: '',
  },
  {
    ...server,
    rule: 'the head behind a request has a time of its own',
    find: 'this.deadlineMs = this.#owner.deadlines.after(this.#owner.limits.headersMs)',
    replace: 'this.deadlineMs = 0',
  },
  {
    ...server,
    rule: 'no more requests on a connection than allowed',
    find: 'this.#requests === limits.requests',
    replace: 'this.#requests === -1',
  },
  {
    ...server,
    rule: 'what a client sends behind its last answer has a limit',
    find: 'if (this.#lingered > lingerBytes) this.destroy()',
    replace: '',
  },
  {
    ...places,
    rule: 'no more connections than limits.connections',
    find: "if (most > 0 && this.#sum(headerWords) >= most) return 'full'",
    replace: "if (most < 0) return 'full'",
  },
  {
    ...places,
    rule: 'no more connections of one address than limits.connectionsPerIp',
    find: "return 'full-for-address'",
    replace: "return 'taken'",
  },
  {
    ...places,
    rule: 'places are taken one at a time',
    find: 'this.#lock.acquireAll(this.#stripes, 1)',
    replace: '',
  },
  {
    ...places,
    rule: 'what a dead worker held comes free',
    find: 'this.#words[headerWords + worker] = 0',
    replace: '',
  },
  {
    ...descriptors,
    rule: 'listeners pause while there is no descriptor',
    find: 'listener.suspend()',
    replace: 'listener.resume()',
  },
  {
    ...descriptors,
    rule: 'listeners go on only once there is room',
    find: 'this.#exhausted ? roomToResume : 1',
    replace: '1',
  },
]

export const hostileMutants: readonly Mutant[] = [...upstreamMutants, ...clientMutants]
