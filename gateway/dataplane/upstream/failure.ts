// What an error of the upstream client means: for the client, for the health of the target, for a retry.
import { GatewayError } from '../../contract/errors.ts'
import { deny, type Reply } from '../../contract/reply.ts'
import type { RetryReason } from '../../contract/snapshot.ts'
import type { Outcome } from './attempt.ts'

export interface UpstreamFailure {
  readonly outcome: Outcome
  readonly reply: Reply
  /** Which `retry.on` entry covers it; null: never retried. */
  readonly retry: RetryReason | null
  /** For the log. */
  readonly detail: string
}

const connectTimedOut = deny(
  504,
  'AEGIS_UPSTREAM_CONNECT_TIMEOUT',
  'The service could not be reached in time.',
)
const refused = deny(502, 'AEGIS_UPSTREAM_UNREACHABLE', 'The service could not be reached.')
const timedOut = deny(504, 'AEGIS_UPSTREAM_TIMEOUT', 'The service did not answer in time.')
const broken = deny(
  502,
  'AEGIS_UPSTREAM_BROKEN',
  'The service broke off or sent an answer that is not valid HTTP.',
)
const mismatch = deny(
  400,
  'AEGIS_BAD_REQUEST',
  'The request body does not have the length that its header gives.',
)
const noTunnel = deny(501, 'AEGIS_NO_WEBSOCKET', 'The service takes no WebSockets.')
const noDescriptor = deny(503, 'AEGIS_NO_DESCRIPTORS', 'The gateway has no room for another connection.', [
  'retry-after',
  '1',
])
const unsendable = deny(500, 'AEGIS_INTERNAL', 'The gateway could not put the request to the service.')

interface Meaning {
  readonly outcome: Outcome
  readonly reply: Reply
  readonly retry: RetryReason | null
}

/**
 * Codes whose meaning does not depend on how far the try came. The client's and our own faults are no verdict about the
 * target ('cancelled'): else a header that cannot be sent would get healthy servers ejected.
 */
const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  [
    'UND_ERR_CONNECT_TIMEOUT',
    { outcome: 'connect-failure', reply: connectTimedOut, retry: 'connect-failure' },
  ],
  ['ECONNECT_TIMEOUT', { outcome: 'connect-failure', reply: connectTimedOut, retry: 'connect-failure' }],
  [
    'UPSTREAM_CONNECT_TIMEOUT',
    { outcome: 'connect-failure', reply: connectTimedOut, retry: 'connect-failure' },
  ],
  // Over HTTP/2 the server says so, or closed a connection before it got to the request.
  ['UPSTREAM_UNPROCESSED', { outcome: 'connect-failure', reply: refused, retry: 'connect-failure' }],
  ['UPSTREAM_UNSENDABLE', { outcome: 'cancelled', reply: unsendable, retry: null }],
  ['UPSTREAM_NO_TUNNEL', { outcome: 'cancelled', reply: noTunnel, retry: null }],
  // We cannot connect to anybody: that says nothing of this one.
  ['EMFILE', { outcome: 'cancelled', reply: noDescriptor, retry: null }],
  ['ENFILE', { outcome: 'cancelled', reply: noDescriptor, retry: null }],
  ['UPSTREAM_LENGTH_MISMATCH', { outcome: 'cancelled', reply: mismatch, retry: null }],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', { outcome: 'cancelled', reply: mismatch, retry: null }],
  ['UND_ERR_INVALID_ARG', { outcome: 'cancelled', reply: unsendable, retry: null }],
  ['UND_ERR_NOT_SUPPORTED', { outcome: 'cancelled', reply: unsendable, retry: null }],
  ['UND_ERR_CLOSED', { outcome: 'cancelled', reply: unsendable, retry: null }],
  ['UND_ERR_DESTROYED', { outcome: 'cancelled', reply: unsendable, retry: null }],
])
/** While the upstream had the request. */
const timeouts: ReadonlySet<string> = new Set([
  'UPSTREAM_HEADERS_TIMEOUT',
  'UPSTREAM_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])
const timeout: Meaning = { outcome: 'timeout', reply: timedOut, retry: null }
const unreachable: Meaning = { outcome: 'connect-failure', reply: refused, retry: 'connect-failure' }
const reset: Meaning = { outcome: 'reset', reply: broken, retry: 'reset-before-response' }

/** `sent`: the request was handed to a connection, so that the upstream may have seen it. */
export function explainFailure(error: Error, sent: boolean): UpstreamFailure {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const detail = `${code || error.name}: ${error.message}`
  if (error instanceof GatewayError) {
    const reply = deny(error.status, error.code, `${error.message}.`)
    return { outcome: 'cancelled', reply, retry: null, detail }
  }
  const known = meanings.get(code)
  if (known !== undefined) return { ...known, detail }
  if (!sent) return { ...unreachable, detail }
  if (timeouts.has(code)) return { ...timeout, detail }
  return { ...reset, detail }
}
