// The opening handshake of a WebSocket (RFC 6455 section 4), as the gateway judges it on both sides. Worker thread; called
// by listener.ts for what clients send and by upstream-call.ts for what services answer.
import { createHash } from 'node:crypto'
import type { RequestHead } from '../downstream.ts'
import { type Fields, findField } from '../http1/fields.ts'

/** Of every WebSocket (RFC 6455 section 1.3). */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

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

/**
 * RFC 6455 section 4.1: what a 101 must say so that the service really took this handshake. It is the client's to check,
 * but a gateway that believes any 101 opens a tunnel to a service that still reads HTTP: whatever the client sends next
 * are requests that no policy sees.
 */
export function isAgreement(asked: Fields, answered: Fields): boolean {
  return (
    findField(answered, 'upgrade')?.toLowerCase() === 'websocket' &&
    listsUpgrade(findField(answered, 'connection')) &&
    findField(answered, 'sec-websocket-accept') === toAccept(findField(asked, 'sec-websocket-key') ?? '')
  )
}

export function toAccept(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64')
}

function listsUpgrade(connection: string | undefined): boolean {
  return (connection ?? '').split(',').some((option) => option.trim().toLowerCase() === 'upgrade')
}
