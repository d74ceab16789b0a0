// The head of a response: status line, header lines, and what they say of the body (RFC 9112 sections 4 to 6). Worker
// thread; used by response-parser.ts.

export class ResponseError extends Error {
  readonly code = 'UPSTREAM_PROTOCOL'
}

const headerLimit = 256

/** RFC 9112 section 4: HTTP/1.x, three digits; an empty reason may lack its space. */
export function parseStatusLine(line: string): { status: number; old: boolean } {
  const minor = line.charCodeAt(7)
  const status =
    (line.charCodeAt(9) - 48) * 100 + (line.charCodeAt(10) - 48) * 10 + (line.charCodeAt(11) - 48)
  const shaped =
    line.startsWith('HTTP/1.') &&
    (minor === 48 || minor === 49) &&
    line.charCodeAt(8) === 32 &&
    isDigit(line.charCodeAt(9)) &&
    isDigit(line.charCodeAt(10)) &&
    isDigit(line.charCodeAt(11)) &&
    (line.length === 12 || line.charCodeAt(12) === 32)
  if (!shaped || status < 100 || status > 599) throw new ResponseError('the status line is not valid')
  refuseControls(line, 12)
  return { status, old: minor === 48 }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** RFC 9110 section 5.6.2: the characters of a token. */
const tokens = createTokenTable()

function createTokenTable(): Uint8Array {
  const table = new Uint8Array(256)
  const chars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  for (const char of chars) table[char.charCodeAt(0)] = 1
  return table
}

/** Lines of `name: value` from `start` on, without the empty line. */
export function parseHeaders(text: string, start: number): string[] {
  const headers: string[] = []
  let at = start
  while (at < text.length) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    if (headers.length >= headerLimit * 2) throw new ResponseError('the answer has too many headers')
    let colon = at
    while (colon < end && tokens[text.charCodeAt(colon)] === 1) colon += 1
    // Also refuses obs-fold and white space before the colon (RFC 9112 section 5.1).
    if (colon === at || text.charCodeAt(colon) !== 58) throw new ResponseError('a header name is not valid')
    const name = text.slice(at, colon)
    // Some readers leave a tab at the end in the value, so that `chunked` is none (llhttp does).
    if (text.charCodeAt(end - 1) === 9 && /^(?:transfer-encoding|content-length)$/i.test(name))
      throw new ResponseError(`a tab ends the value of ${name}`)
    headers.push(name, readValue(text, colon + 1, end))
    at = end + 2
  }
  return headers
}

function readValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127)
      throw new ResponseError('a header value holds a control character')
  }
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

function refuseControls(text: string, from: number): void {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127) throw new ResponseError('the status line is not valid')
  }
}

export interface Framing {
  /** Content-Length; -1 when there is none. */
  length: number
  chunked: boolean
  close: boolean
  keepAlive: boolean
  /** `timeout` of a Keep-Alive header; -1 when there is none. */
  idleSeconds: number
}

/** Up to 15 digits, so that the number is exact. */
const lengthPattern = /^(?:0|[1-9][0-9]{0,14})$/

export function readFraming(headers: readonly string[], old: boolean): Framing {
  const framing: Framing = { length: -1, chunked: false, close: false, keepAlive: false, idleSeconds: -1 }
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (framing.length >= 0) throw new ResponseError('the answer has more than one Content-Length')
      if (!lengthPattern.test(value)) throw new ResponseError('Content-Length is not a plain number')
      framing.length = Number(value)
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (framing.chunked) throw new ResponseError('the answer has more than one Transfer-Encoding')
      if (old || value.toLowerCase() !== 'chunked')
        throw new ResponseError('the transfer coding is not chunked')
      framing.chunked = true
    } else if (name.length === 10 && name.toLowerCase() === 'connection') {
      const options = value
        .toLowerCase()
        .split(',')
        .map((option) => option.trim())
      if (options.includes('close')) framing.close = true
      if (options.includes('keep-alive')) framing.keepAlive = true
    } else if (name.length === 10 && name.toLowerCase() === 'keep-alive') {
      const timeout = /\btimeout=([0-9]{1,6})\b/.exec(value)
      if (timeout !== null) framing.idleSeconds = Number(timeout[1])
    }
  }
  if (framing.chunked && framing.length >= 0) {
    throw new ResponseError('the answer has both Content-Length and Transfer-Encoding')
  }
  return framing
}
