// One WebSocket handshake and the account of its tunnel. Worker thread; made by upgrade.ts.
// http-proxy-3 sends the request and joins the sockets; what the client is answered before that is decided here, for
// the library would pass every answer on as it came, without policy, framing rules or backpressure.
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { deny } from '../../contract/reply.ts'
import type { Exchange } from '../exchange.ts'
import { toDownstreamHeaders } from '../headers.ts'
import { answerInstead, answerWith, breakOff, sendHead, startAnswer } from '../respond.ts'
import type { Outcome } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import { explainFailure } from './failure.ts'
import type { UpstreamHandle } from './upstream-handle.ts'

/** How long a peer may keep its side open after the other one has closed. */
const lingerMs = 5_000

type Join = (answer: IncomingMessage, upstreamSocket: Socket, head: Buffer) => void

const notWebSocket = deny(502, 'AEGIS_UPSTREAM_BROKEN', 'The service changed to another protocol than asked.')

export class Handshake {
  readonly #ex: Exchange
  readonly #upstream: UpstreamHandle
  readonly #startedAt = performance.now()
  #request: ClientRequest | null = null
  #connected = false
  #outcome: Outcome = 'cancelled'

  constructor(ex: Exchange, upstream: UpstreamHandle, endpoint: Endpoint) {
    this.#ex = ex
    this.#upstream = upstream
    ex.attempts = 1
    ex.target = endpoint.url
    ex.abort = this
    upstream.cluster.began(endpoint)
    ex.socket.once('close', () => upstream.cluster.ended(endpoint, this.#outcome))
  }

  /** The client is gone. */
  abort(): void {
    this.#request?.destroy()
  }

  readonly onRequest = (request: ClientRequest): void => {
    const ex = this.#ex
    this.#request = request
    // The library would put the path together anew; the query goes up byte for byte.
    request.path = ex.query === '' ? ex.upstreamPath : `${ex.upstreamPath}?${ex.query}`
    request.once('socket', (socket) => socket.once('connect', () => this.#onConnect()))
    request.setTimeout(this.#upstream.config.timeouts.headersMs, () => {
      const error = new Error('no answer to the handshake')
      request.destroy(Object.assign(error, { code: 'UND_ERR_HEADERS_TIMEOUT' }))
    })
  }

  #onConnect(): void {
    this.#connected = true
  }

  /** Puts our listeners in the place of those that http-proxy-3 has just registered; its way to join the sockets is kept. */
  takeOver(): void {
    const request = this.#request
    if (request === null) throw new Error('http-proxy-3 made no request')
    const join = request.listeners('upgrade').at(-1) as Join
    for (const event of ['upgrade', 'response', 'error']) request.removeAllListeners(event)
    request.on('error', (error) => this.#fail(error))
    request.on('response', (answer) => this.#relay(answer))
    request.on('upgrade', (answer, socket: Socket, head) =>
      this.#switch(answer, socket, () => join(answer, socket, head)),
    )
  }

  #fail(error: Error): void {
    const ex = this.#ex
    if (ex.ended) return
    const failure = explainFailure(error, this.#connected)
    this.#answered(failure.outcome)
    ex.failure = failure.detail
    answerWith(ex, failure.reply)
  }

  /** The service refused the handshake: its answer goes down like every other. */
  #relay(answer: IncomingMessage): void {
    const ex = this.#ex
    const status = answer.statusCode ?? 502
    this.#answered(status >= 502 && status <= 504 ? 'status-error' : 'ok')
    this.#request?.setTimeout(this.#upstream.config.timeouts.bodyIdleMs, () => this.#request?.destroy())
    ex.responseSource = 'upstream'
    ex.lastOnConnection = true
    startAnswer(ex, status, toDownstreamHeaders(answer.rawHeaders), () => {
      if (!sendHead(ex)) return answer.destroy()
      answer.on('data', (chunk: Buffer) => {
        ex.responseBytes += chunk.length
      })
      pipeline(answer, ex.res, (error) => {
        if (error && !ex.ended) breakOff(ex)
      })
    })
  }

  #switch(answer: IncomingMessage, upstreamSocket: Socket, join: () => void): void {
    const ex = this.#ex
    upstreamSocket.setTimeout(0)
    upstreamSocket.on('error', (error) => {
      ex.failure = `${error.name}: ${error.message}`
    })
    const isWebSocket = answer.headers.upgrade?.toLowerCase() === 'websocket'
    this.#answered(isWebSocket ? 'ok' : 'reset')
    ex.responseSource = 'upstream'
    const headers = toDownstreamHeaders(answer.rawHeaders)
    headers.push('connection', 'Upgrade', 'upgrade', 'websocket')
    startAnswer(ex, 101, headers, () => {
      if (ex.ended || !isWebSocket || upstreamSocket.destroyed) {
        upstreamSocket.destroy()
        answerInstead(ex, notWebSocket)
        return
      }
      this.#join(answer, upstreamSocket, join)
    })
  }

  /** From here on the bytes on the client's socket are the upstream's. */
  #join(answer: IncomingMessage, upstreamSocket: Socket, join: () => void): void {
    const ex = this.#ex
    const { socket } = ex
    const before = { read: socket.bytesRead, written: socket.bytesWritten }
    ex.res.detachSocket(socket)
    ex.headSent = true
    // http-proxy-3 writes the head from the answer's headers, as text.
    answer.headers = toHeaderRecord(ex.responseHeaders) as IncomingHttpHeaders
    socket.setDefaultEncoding('latin1')
    // Before the listener of listener.ts, which closes the account.
    socket.prependOnceListener('close', () => {
      ex.requestBytes = socket.bytesRead - before.read
      ex.responseBytes = socket.bytesWritten - before.written
      upstreamSocket.destroySoon()
    })
    endTogether(socket, upstreamSocket)
    join()
  }

  #answered(outcome: Outcome): void {
    this.#outcome = outcome
    this.#ex.upstreamMs = performance.now() - this.#startedAt
  }
}

/**
 * http-proxy-3 passes a half-close on. A peer that leaves it at that would hold both sockets for good, so that the other
 * one has only so long to say its last.
 */
function endTogether(one: Socket, other: Socket): void {
  let timer: NodeJS.Timeout | undefined
  const linger = (): void => {
    timer ??= setTimeout(() => {
      one.destroy()
      other.destroy()
    }, lingerMs)
  }
  let open = 2
  const onClose = (): void => {
    open -= 1
    if (open === 0) clearTimeout(timer)
    else linger()
  }
  for (const socket of [one, other]) {
    socket.once('end', linger)
    socket.once('close', onClose)
  }
}

/** Repeated headers become a list, as node and http-proxy-3 take them. */
export function toHeaderRecord(flat: readonly string[]): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    const value = flat[i + 1] as string
    const known = record[name]
    record[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value]
  }
  return record
}
