// Requests to one target over HTTP/2: its sessions, and the requests that wait for a stream. Worker thread; made by
// upstream/pools.ts.
import type { ClientTimeouts } from '../http1/client-connection.ts'
import type { Deadlines } from '../http1/deadlines.ts'
import type { TargetAddress } from '../upstream/target-address.ts'
import type { Queued, Transport, UpstreamHandler, UpstreamRequest } from '../upstream/transport.ts'
import { ClientCall } from './client-call.ts'
import { ClientSession, type SessionOwner } from './client-session.ts'
import { Http2Fault } from './dial.ts'

export interface Http2ClientOptions {
  readonly target: TargetAddress
  /** Requests under way at most; so many sessions are opened at most where a server allows one stream each. */
  readonly requests: number
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
}

/**
 * A server that allows few streams, or none, must not make us open connections without end. Those that only end what is
 * under way on them do not count: their requests do.
 */
const mostSessions = 32

export class Http2Client implements Transport, SessionOwner {
  readonly timeouts: ClientTimeouts
  readonly deadlines: Deadlines
  readonly target: TargetAddress
  readonly #requests: number
  readonly #sessions = new Set<ClientSession>()
  readonly #waiting: ClientCall[] = []
  #connecting = 0
  /** What a new session is thought to take, from the one before. */
  #expected = 100
  #closed: PromiseWithResolvers<void> | null = null

  constructor({ target, requests, timeouts, deadlines }: Http2ClientOptions) {
    this.target = target
    this.#requests = requests
    this.timeouts = timeouts
    this.deadlines = deadlines
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): Queued | null {
    const call = new ClientCall(this, request, handler)
    if (request.upgrade) {
      call.fail(new Http2Fault('UPSTREAM_NO_TUNNEL', 'a WebSocket cannot go to an HTTP/2 upstream'))
      return null
    }
    for (const session of this.#sessions) {
      if (!session.hasRoom) continue
      call.start(session)
      return null
    }
    this.#waiting.push(call)
    this.#openForWaiting()
    return call
  }

  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    this.#closeUnused()
    return this.#closed.promise
  }

  onReady(session: ClientSession): void {
    this.#connecting -= 1
    this.#expected = Math.max(1, session.allowed)
    this.onRoom(session)
  }

  onRoom(session: ClientSession): void {
    while (this.#waiting.length > 0 && session.hasRoom) this.#waiting.shift()?.start(session)
    this.#openForWaiting()
    if (this.#closed !== null) this.#closeUnused()
  }

  onGone(session: ClientSession, connectError: Error | null): void {
    this.#sessions.delete(session)
    if (connectError !== null) {
      this.#connecting -= 1
      // All that would have gone over it.
      for (const call of this.#waiting.splice(0, this.#expected)) call.onNoConnection(connectError)
    }
    this.#openForWaiting()
    if (this.#closed !== null) this.#closeUnused()
  }

  onUnprocessed(call: ClientCall): void {
    this.#waiting.unshift(call)
    for (const session of this.#sessions) if (session.hasRoom) return this.onRoom(session)
    this.#openForWaiting()
  }

  onLeft(call: ClientCall): void {
    const at = this.#waiting.indexOf(call)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  #openForWaiting(): void {
    while (this.#waiting.length > this.#connecting * this.#expected) {
      if (!this.#mayOpen()) return
      this.#connecting += 1
      this.#sessions.add(new ClientSession(this))
    }
  }

  #mayOpen(): boolean {
    if (this.#sessions.size >= this.#requests) return false
    let lasting = 0
    for (const session of this.#sessions) if (!session.isEnding) lasting += 1
    return lasting < mostSessions
  }

  #closeUnused(): void {
    if (this.#waiting.length > 0) return
    for (const session of this.#sessions) session.close()
    if (this.#sessions.size === 0) this.#closed?.resolve()
  }
}
