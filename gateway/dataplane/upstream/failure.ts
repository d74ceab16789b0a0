// What an error of the upstream client means: for the client, for the health of the target, for a retry.
import { deny, type Reply } from '../../contract/reply.ts'
import type { RetryReason } from '../../contract/snapshot.ts'
import type { Outcome } from './cluster.ts'

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
const rejected = deny(
  400,
  'AEGIS_BAD_REQUEST',
  'The request body does not have the length that its header gives.',
)

/** `sent`: the request was handed to a connection, so that the upstream may have seen it. */
export function explainFailure(error: Error, sent: boolean): UpstreamFailure {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const detail = `${code || error.name}: ${error.message}`
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { outcome: 'connect-failure', reply: connectTimedOut, retry: 'connect-failure', detail }
  }
  if (code.startsWith('AEGIS_')) return { outcome: 'cancelled', reply: broken, retry: null, detail }
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return { outcome: 'cancelled', reply: rejected, retry: null, detail }
  }
  if (!sent) return { outcome: 'connect-failure', reply: refused, retry: 'connect-failure', detail }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return { outcome: 'timeout', reply: timedOut, retry: null, detail }
  }
  return { outcome: 'reset', reply: broken, retry: 'reset-before-response', detail }
}
