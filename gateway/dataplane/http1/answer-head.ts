// The bytes of an answer before its body. Worker thread; used by server-stream.ts. Values are checked where they come in:
// by the parsers, or by exchange.ts for what plugins say.
import { STATUS_CODES } from 'node:http'

export interface AnswerHead {
  /** Status line and header lines, latin1, without the empty line. */
  readonly text: string
  /** Content-Length; -1 when there is none. */
  readonly length: number
}

/** Date is added where the upstream said none (RFC 9110 section 6.6.1). */
export function toAnswerHead(status: number, headers: readonly string[]): AnswerHead {
  let text = statusLineOf(status)
  let length = -1
  let dated = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    // Only the lengths of the names in question are worth lower-casing (bench: small GET).
    if (name.length === 14 && name.toLowerCase() === 'content-length') length = Number(value)
    else if (name.length === 4 && name.toLowerCase() === 'date') dated = true
    text += `${name}: ${value}\r\n`
  }
  if (!dated) text += toDate().line
  return { text, length }
}

export function toInterimHead(status: number, headers: readonly string[]): string {
  let text = statusLineOf(status)
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${text}\r\n`
}

const statusLines: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`,
)

/** Throws on what is no status of a response. */
function statusLineOf(status: number): string {
  const line = statusLines[status]
  if (line === undefined || status < 100) throw new RangeError(`${status} is no status of a response`)
  return line
}

export interface AnswerDate {
  readonly value: string
  /** A header line. */
  readonly line: string
}

export const toDate = createDate()

/** IMF-fixdate, written once a second. */
function createDate(): () => AnswerDate {
  let second = 0
  let date: AnswerDate = { value: '', line: '' }
  return () => {
    const now = Math.floor(Date.now() / 1000)
    if (now !== second) {
      second = now
      const value = new Date(now * 1000).toUTCString()
      date = { value, line: `date: ${value}\r\n` }
    }
    return date
  }
}
