// A copy of a request for another upstream, whose answer is thrown away. Worker thread; made by runtime.ts for each route
// that has one, called by forward.ts. It never waits, never holds up the original, and never fails it.
import type { Duplex } from 'node:stream'
import type { MirrorConfig } from '../../contract/snapshot.ts'
import type { Exchange } from '../exchange.ts'
import { toUpstreamHeaders } from '../headers.ts'
import type { Attempt, Outcome } from './attempt.ts'
import { BodyCopy } from './body-copy.ts'
import { explainFailure } from './failure.ts'
import { RequestBody } from './request-body.ts'
import type { Queued, UpstreamHandler, UpstreamStream } from './transport.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** dropped: no place, no target, or a body that is too large; nothing was sent. */
export type MirrorResult = 'answered' | 'failed' | 'dropped'

export interface Mirror {
  /** Before the original is sent; `body` is what it will send. */
  copy(ex: Exchange, body: RequestBody | Buffer | null): void
}

export interface MirrorParts {
  readonly config: MirrorConfig
  readonly upstream: UpstreamHandle
  readonly random: () => number
  count(upstream: string, result: MirrorResult): void
}

/** What is read of an answer before its connection is given up, in bytes. */
const discardLimitBytes = 65_536
const unwanted = new Error('this answer is not wanted')

export function createMirror({ config, upstream, random, count }: MirrorParts): Mirror {
  const drop = (): void => count(upstream.name, 'dropped')
  const send = (ex: Exchange, body: Buffer | null): void => {
    try {
      const part = upstream.of(ex.tenant === null ? null : ex.tenant.id)
      if (!sendCopy(ex, part, body, (result) => count(upstream.name, result))) drop()
    } catch (error) {
      ex.runtime.log.error({ err: error, upstream: upstream.name }, 'a request could not be mirrored')
    }
  }
  return {
    copy(ex, body) {
      if (random() * 100 >= config.percent) return
      if (body instanceof RequestBody) {
        body.copyTo(new BodyCopy(config.bodyBytes, (whole) => (whole === null ? drop() : send(ex, whole))))
      } else if (body !== null && body.length > config.bodyBytes) drop()
      else send(ex, body)
    },
  }
}

/** False: there is no place for it. */
function sendCopy(
  ex: Exchange,
  upstream: UpstreamHandle,
  body: Buffer | null,
  onResult: (result: MirrorResult) => void,
): boolean {
  const { cluster, config } = upstream
  if (upstream.arriving !== null || cluster.enter(ex) !== 'ok') return false
  const endpoint = cluster.pick([], ex)
  if (endpoint === null) return false
  const discard = new Discard(cluster.begin(endpoint, ex), config.timeouts.headersMs, onResult)
  discard.queued = upstream.poolOf(endpoint).transport.dispatch(
    {
      method: ex.method,
      path: ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`,
      headers: toUpstreamHeaders(ex, upstream.hostOf(endpoint), config.preserveHost),
      body,
      length: body === null ? -1 : body.length,
      upgrade: false,
    },
    discard,
  )
  return true
}

/** Reads an answer to its end, within limits of size and time, and keeps nothing of it. */
class Discard implements UpstreamHandler {
  queued: Queued | null = null
  readonly #attempt: Attempt
  readonly #onResult: (result: MirrorResult) => void
  readonly #timer: NodeJS.Timeout
  #stream: UpstreamStream | null = null
  #status = 0
  #bytes = 0
  #over = false

  constructor(attempt: Attempt, limitMs: number, onResult: (result: MirrorResult) => void) {
    this.#attempt = attempt
    this.#onResult = onResult
    this.#timer = setTimeout(() => this.#giveUp(), limitMs)
  }

  onStart(stream: UpstreamStream): void {
    this.#stream = stream
    if (this.#over) stream.abort(unwanted)
  }

  onHead(_stream: UpstreamStream, status: number): void {
    if (status < 200) return
    this.#status = status
    if (!isFailure(status)) this.#attempt.answered()
  }

  onData(_stream: UpstreamStream, bytes: Buffer): void {
    this.#bytes += bytes.length
    if (this.#bytes > discardLimitBytes) this.#giveUp()
  }

  onEnd(): void {
    this.#end(isFailure(this.#status) ? 'status-error' : 'ok')
  }

  onUpgrade(_fields: unknown, socket: Duplex): void {
    socket.destroy()
    this.#end('reset')
  }

  onError(error: Error): void {
    this.#end(explainFailure(error, this.#stream !== null).outcome)
  }

  /** After a head, that we hang up on a long answer is no failure of its upstream. */
  #giveUp(): void {
    this.#end(this.#status === 0 ? 'timeout' : 'ok')
    if (this.#stream === null) this.queued?.leave()
    else this.#stream.abort(unwanted)
  }

  #end(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#attempt.ended(outcome)
    this.#onResult(this.#status === 0 ? 'failed' : 'answered')
  }
}

function isFailure(status: number): boolean {
  return status >= 502 && status <= 504
}
