// A WebSocket whose handshake both sides have agreed to: two sockets joined, bytes passed as they are. Worker thread;
// called by upstream-call.ts.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RequestHead } from '../downstream.ts'
import type { Exchange } from '../exchange.ts'
import { findField } from '../http1/fields.ts'

/** How long a peer may keep its side open after the other one has closed. */
const lingerMs = 5_000

/** RFC 6455 section 4.2.1. Anything else that asks for an upgrade is served as ordinary HTTP. */
export function isWebSocketHandshake({ method, version, fields, body, fault }: RequestHead): boolean {
  const upgrade = findField(fields, 'upgrade')
  return (
    upgrade !== undefined &&
    upgrade.toLowerCase() === 'websocket' &&
    method === 'GET' &&
    version === '1.1' &&
    body === 'none' &&
    fault === null &&
    listsUpgrade(findField(fields, 'connection')) &&
    findField(fields, 'sec-websocket-version') === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(findField(fields, 'sec-websocket-key') ?? '')
  )
}

function listsUpgrade(connection: string | undefined): boolean {
  return (connection ?? '').split(',').some((option) => option.trim().toLowerCase() === 'upgrade')
}

/** `ahead`: what the upstream sent behind its answer. From here on the bytes on the client's socket are the upstream's. */
export function joinTunnel(ex: Exchange, upstream: Duplex, ahead: Buffer): void {
  const headers = [...ex.responseHeaders, 'connection', 'Upgrade', 'upgrade', 'websocket']
  const client = ex.down.detach(headers)
  ex.headSent = true
  count(ex, client.socket)
  upstream.on('error', (error) => {
    ex.failure = `${error.name}: ${error.message}`
    client.socket.destroy()
  })
  upstream.once('close', () => client.socket.end())
  client.socket.once('close', () => upstream.destroy())
  endTogether(client.socket, upstream)
  if (ahead.length > 0) client.socket.write(ahead)
  if (client.ahead.length > 0) upstream.write(client.ahead)
  upstream.pipe(client.socket)
  client.socket.pipe(upstream)
}

/** What passes through the tunnel, told when its account is closed. */
function count(ex: Exchange, socket: Socket): void {
  const read = socket.bytesRead
  const written = socket.bytesWritten
  socket.prependOnceListener('close', () => {
    ex.requestBytes = socket.bytesRead - read
    ex.responseBytes = socket.bytesWritten - written
  })
}

/**
 * A half-close is passed on. A peer that leaves it at that would hold both sockets for good, so that the other one has
 * only so long to say its last.
 */
function endTogether(one: Duplex, other: Duplex): void {
  let timer: NodeJS.Timeout | undefined
  let open = 2
  const linger = (): void => {
    timer ??= setTimeout(() => {
      one.destroy()
      other.destroy()
    }, lingerMs)
  }
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
