// One try of a request upstream, from the choice of the target to the last byte of the answer or the reason why there is
// none. Worker thread; made by forward.ts.
import type { Duplex } from 'node:stream'
import type { Verdict } from '../../contract/plugin.ts'
import { deny } from '../../contract/reply.ts'
import type { RetryReason } from '../../contract/snapshot.ts'
import type { Exchange } from '../exchange.ts'
import { toDownstreamHeaders } from '../headers.ts'
import type { Fields } from '../http1/fields.ts'
import { watchStream } from '../long-lived-stream.ts'
import { answerFailure, answerInstead, answerWith, breakOff, sendHead, startAnswer } from '../respond.ts'
import { type Trailers, toDownstreamTrailers } from '../trailers.ts'
import type { Attempt, Outcome } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import { explainFailure, type UpstreamFailure } from './failure.ts'
import { isAgreement } from './handshake.ts'
import { HeldAnswer } from './held-answer.ts'
import type { Race } from './race.ts'
import { RequestBody } from './request-body.ts'
import type { Queued, UpstreamHandler, UpstreamStream } from './transport.ts'
import { joinTunnel } from './tunnel.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** RFC 9110 section 9.2.2, less what a gateway should not repeat by itself. */
export const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** What is read of an answer that nobody wants before its connection is given up, in bytes. */
const discardLimitBytes = 65_536

/** Interim answers of one try; each one starts the wait for the final one anew. */
const mostInterim = 32

const noBytes = Buffer.alloc(0)
const unwanted = new Error('nobody waits for this try')

export interface Try {
  readonly endpoint: Endpoint
  /** Endpoints of the tries before. */
  readonly tried: readonly Endpoint[]
  readonly headers: readonly string[]
  readonly body: RequestBody | Buffer | null
  /** Makes the next try. */
  again(ex: Exchange, upstream: UpstreamHandle, tried: readonly Endpoint[]): void
}

export class UpstreamCall implements UpstreamHandler {
  /** Another try may be under way beside this one. */
  race: Race | null = null
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #try: Try
  readonly #attempt: Attempt
  readonly #startedAt = performance.now()
  /** null while it waits for a connection. */
  #stream: UpstreamStream | null = null
  #queued: Queued | null = null
  #queueTimer: NodeJS.Timeout | undefined
  /** Of the final answer; 0 before it came. */
  #status = 0
  #interim = 0
  /** The head went to the client: what follows of this answer does too. */
  #passing = false
  /** All of the answer came before its head could be passed on. */
  #complete = false
  #trailers: Trailers = null
  /** null: nobody wants to see the answer before the client does, or it was seen. */
  #held: HeldAnswer | null = null
  /** Why the answer can no longer be passed on, found while the hooks ran on its head. */
  #broken: UpstreamFailure | null = null
  /** Nobody waits for this try any longer. */
  #over = false
  #counted = true
  /** The time that it took is in the exchange's account. */
  #accounted = false
  #discardedBytes = 0
  /** Bytes of the body that are still to come; -1 when nobody said. */
  #due = -1

  constructor(ex: Exchange, upstream: UpstreamHandle, one: Try) {
    this.#ex = ex
    this.#upstream = upstream
    this.#try = one
    ex.attempts += 1
    ex.target = one.endpoint.url
    ex.abort = this
    this.#attempt = upstream.cluster.begin(one.endpoint, ex)
  }

  /** The client is gone or was answered otherwise. Does not call back. */
  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#close('cancelled')
    if (this.#stream === null) this.#queued?.leave()
    else this.#stream.abort(unwanted)
  }

  /** Another try of the request was quicker: the time of that one is the request's. */
  abandon(): void {
    this.#accounted = true
    this.abort()
  }

  /** Where no connection is on its way, the wait for one is bounded like the wait for an answer. */
  wait(queued: Queued): void {
    if (this.#stream !== null || this.#over || !this.#counted) return
    this.#queued = queued
    if (!queued.full) return
    const { headersMs } = this.#upstream.config.timeouts
    this.#queueTimer = setTimeout(() => {
      this.abort()
      if (this.#isLost()) return
      this.#ex.failure = `no connection to ${this.#try.endpoint.url} came free within ${headersMs} ms`
      const detail = 'The service has no free connection.'
      answerWith(this.#ex, deny(503, 'AEGIS_UPSTREAM_FULL', detail, ['retry-after', '1']))
    }, headersMs)
  }

  onStart(stream: UpstreamStream): void {
    if (this.#over) return stream.abort(unwanted)
    if (this.#queueTimer !== undefined) clearTimeout(this.#queueTimer)
    this.#stream = stream
  }

  onHead(stream: UpstreamStream, status: number, fields: Fields): void {
    if (status < 200) return this.#passInterim(stream, status, fields)
    this.#status = status
    const reason = toRetryReason(status)
    if (reason === null) this.#attempt.answered()
    else if (this.#isLost()) return this.#lose('status-error')
    else if (this.#mayRetry(reason)) return this.#retry('status-error')
    this.#win()
    this.#ex.responseSource = 'upstream'
    // The hooks may take their time: nothing is read from the upstream meanwhile.
    stream.pause()
    startAnswer(this.#ex, status, toDownstreamHeaders(fields), () => this.#pass(stream))
  }

  onData(stream: UpstreamStream, bytes: Buffer): void {
    if (this.#over) {
      this.#discardedBytes += bytes.length
      if (this.#discardedBytes > discardLimitBytes) stream.abort(unwanted)
      return
    }
    if (this.#held !== null) return this.#hold(stream, this.#held, bytes)
    const { down } = this.#ex
    this.#ex.responseBytes += bytes.length
    this.#due -= bytes.length
    // The last of it: with its head in one write where it is small. That closes the account.
    if (this.#due === 0) {
      this.#account()
      return down.end(bytes, null)
    }
    if (down.write(bytes)) return
    stream.pause()
    down.onDrain(() => stream.resume())
  }

  onEnd(trailers: Trailers): void {
    this.#close(toRetryReason(this.#status) === null ? 'ok' : 'status-error')
    if (this.#over) return
    const passed = toDownstreamTrailers(trailers)
    if (this.#passing) return this.#ex.down.end(null, passed)
    this.#complete = true
    this.#trailers = passed
    if (this.#held?.judging === false) this.#judge(this.#held)
  }

  /** The service agreed to the handshake. */
  onUpgrade(fields: Fields, socket: Duplex, ahead: Buffer): void {
    const ex = this.#ex
    const failure = (error: Error): void => {
      ex.failure = `${error.name}: ${error.message}`
    }
    socket.on('error', failure)
    if (this.#over || ex.ended) {
      socket.destroy()
      return this.#close('cancelled')
    }
    if (!isAgreement(ex.down.head.fields, fields)) {
      socket.destroy()
      return this.onError(new Error('the upstream answered 101, but not to this handshake'))
    }
    // The hooks may take their time: what it says meanwhile waits.
    socket.pause()
    ex.responseSource = 'upstream'
    this.#account()
    this.#attempt.answered()
    startAnswer(ex, 101, toDownstreamHeaders(fields), () => {
      if (ex.ended || socket.destroyed || ex.unsendable !== null) {
        this.#end(socket.destroyed ? 'reset' : 'cancelled')
        socket.destroy()
        return answerInstead(ex, explainFailure(new Error('the tunnel was closed'), true).reply)
      }
      // A tunnel is under way for as long as it is open.
      socket.once('close', () => this.#end('ok'))
      this.#over = true
      joinTunnel(ex, socket, ahead)
    })
  }

  onError(error: Error): void {
    if (this.#over || this.#ex.ended) return this.#close('cancelled')
    const failure = explainFailure(error, this.#stream !== null)
    const ex = this.#ex
    if (this.#status !== 0) {
      this.#close(failure.outcome)
      ex.failure = failure.detail
      ex.code = failure.reply.code
      if (this.#passing) return breakOff(ex)
      this.#broken = failure
      // Nothing that is still to come will tell the hooks to begin.
      if (this.#held?.judging === false) answerInstead(ex, failure.reply)
      return
    }
    if (this.#isLost()) return this.#lose(failure.outcome)
    if (failure.retry !== null && this.#mayRetry(failure.retry)) return this.#retry(failure.outcome)
    this.#close(failure.outcome)
    ex.failure = failure.detail
    answerWith(ex, failure.reply)
  }

  /** The hooks have run on the head. */
  #pass(stream: UpstreamStream): void {
    const ex = this.#ex
    if (this.#over || ex.ended) return
    if (this.#broken !== null) return answerInstead(ex, this.#broken.reply)
    if (ex.inspectResponseUpTo >= 0) return this.#beginHold(stream)
    this.#passOn(stream, noBytes)
  }

  /** The head goes out, and `held` behind it. */
  #passOn(stream: UpstreamStream, held: Buffer): void {
    const ex = this.#ex
    if (!sendHead(ex)) return this.#give()
    this.#passing = true
    ex.responseBytes += held.length
    if (this.#complete) return ex.down.end(held.length === 0 ? null : held, this.#trailers)
    const length = ex.responseHeader('content-length')
    // Over HTTP/2 the end may say more than the last byte: trailers, or that the answer is broken.
    if (length !== undefined && this.#upstream.config.transport !== 'http2')
      this.#due = Number(length) - held.length
    if (held.length > 0 && !ex.down.write(held)) ex.down.onDrain(() => stream.resume())
    else stream.resume()
    // Streams (SSE above all) show their head before their first byte of body; where a body came along with the head,
    // both go out in one write.
    if (this.#due >= 0) return
    queueMicrotask(() => ex.ended || ex.down.flush())
    watchStream(ex)
  }

  #beginHold(stream: UpstreamStream): void {
    const held = new HeldAnswer(this.#ex)
    this.#held = held
    if (this.#complete || held.full) this.#judge(held)
    else stream.resume()
  }

  #hold(stream: UpstreamStream, held: HeldAnswer, bytes: Buffer): void {
    held.add(bytes)
    if (!held.full || held.judging) return
    stream.pause()
    this.#judge(held)
  }

  #judge(held: HeldAnswer): void {
    const ex = this.#ex
    const settle = (verdict: Verdict): void => {
      if (this.#over || ex.ended) return
      if (verdict !== undefined) {
        this.#give()
        return answerInstead(ex, verdict)
      }
      if (this.#broken !== null) return answerInstead(ex, this.#broken.reply)
      this.#held = null
      this.#passOn(this.#stream as UpstreamStream, held.take())
    }
    held
      .judge(this.#complete)
      .then(settle)
      .catch((error) => answerFailure(ex, error))
  }

  /** What came is given up, which is no fault of the target. */
  #give(): void {
    this.#close('ok')
    this.abort()
  }

  /** RFC 9110 section 15.2: interim answers are passed on. */
  #passInterim(stream: UpstreamStream, status: number, fields: Fields): void {
    const { down, answering } = this.#ex
    this.#interim += 1
    if (this.#interim > mostInterim) return stream.abort(new Error('too many interim answers'))
    // A client that is told 101 takes what follows for another protocol; undici calls one without Upgrade interim.
    if (status === 101) return stream.abort(new Error('the upstream answered 101 to what was no handshake'))
    if (!this.#over && !answering) down.inform(status, toDownstreamHeaders(fields))
  }

  #mayRetry(reason: RetryReason): boolean {
    const { config, cluster } = this.#upstream
    const { tried, body } = this.#try
    if (this.#ex.ended || tried.length >= config.retry.attempts || !config.retry.on.includes(reason))
      return false
    // Nothing was sent, or doing it twice has the effect of doing it once.
    if (reason !== 'connect-failure' && !idempotent.has(this.#ex.method)) return false
    if (body instanceof RequestBody && body.started && !body.rewind()) return false
    return cluster.takeRetry()
  }

  #win(): void {
    if (this.race === null) return
    this.race.win(this)
    this.race = null
    this.#ex.target = this.#try.endpoint.url
  }

  /** It has failed while another try is still running. */
  #isLost(): boolean {
    const lost = this.race?.leave(this) === true
    this.race = null
    return lost
  }

  /** What still comes of it is read and thrown away. */
  #lose(outcome: Outcome): void {
    this.#accounted = true
    this.#close(outcome)
    this.#over = true
  }

  #retry(outcome: Outcome): void {
    this.#close(outcome)
    // What still comes of this answer is read and thrown away, so that its connection can serve again.
    this.#over = true
    const { again, tried, endpoint } = this.#try
    again(this.#ex, this.#upstream, [...tried, endpoint])
  }

  #close(outcome: Outcome): void {
    if (!this.#counted) return
    this.#account()
    this.#end(outcome)
  }

  #account(): void {
    if (this.#accounted) return
    this.#accounted = true
    this.#ex.upstreamMs += performance.now() - this.#startedAt
  }

  #end(outcome: Outcome): void {
    if (this.#queueTimer !== undefined) clearTimeout(this.#queueTimer)
    if (!this.#counted) return
    this.#counted = false
    // The client's bytes are free for the next try, or to be thrown away.
    if (this.#try.body instanceof RequestBody) this.#try.body.cancel()
    this.#attempt.ended(outcome)
  }
}

function toRetryReason(status: number): '502' | '503' | '504' | null {
  return status === 502 || status === 503 || status === 504 ? (String(status) as '502' | '503' | '504') : null
}
