// A response that the gateway makes itself. A value, never thrown; gateway/dataplane/respond.ts turns it into bytes.

export interface Reply {
  readonly status: number
  /** Machine-readable reason, `AEGIS_...`; in the problem body, the access log and the events. */
  readonly code: string
  /** One plain sentence for the client; nothing internal. */
  readonly detail: string
  /** Flat list: name, value, name, value. */
  readonly headers: readonly string[]
  /** undefined: a problem body (RFC 9457) is rendered; null: no body; else sent as it is (say its content-type in `headers`). */
  readonly body: string | Uint8Array | null | undefined
}

const noHeaders: readonly string[] = Object.freeze([])

/** A refusal, rendered as problem+json (HTML or plain text by Accept). */
export function deny(
  status: number,
  code: string,
  detail: string,
  headers: readonly string[] = noHeaders,
): Reply {
  return { status, code, detail, headers, body: undefined }
}

/** A full answer of the gateway's own, such as a CORS preflight's. */
export function answer(
  status: number,
  headers: readonly string[] = noHeaders,
  body: string | Uint8Array | null = null,
): Reply {
  return { status, code: '', detail: '', headers, body }
}
