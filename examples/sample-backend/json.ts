// JSON in and out, with a bound on what is read.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

const bodyLimitBytes = 65_536

/** Answered to the client with its status and message. */
export class BadRequest extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bodyLimitBytes) throw new BadRequest(413, `A body may have ${bodyLimitBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Always an object: anything else is refused. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(await readText(request))
  } catch (error) {
    if (error instanceof BadRequest) throw error
    throw new BadRequest(400, 'The body is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadRequest(400, 'The body must be a JSON object.')
  }
  return value as Record<string, unknown>
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  if (status === 204 || status === 205 || status === 304) {
    response.writeHead(status, headers).end()
    return
  }
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}
