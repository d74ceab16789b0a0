// What the head of a response says of its body and its connection (RFC 9112 sections 4, 6 and 9). Worker thread; used by
// response-parser.ts.
import { type Fields, Kind, refuseControls, SyntaxFault } from './fields.ts'

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
  if (!shaped || status < 100 || status > 599) throw new SyntaxFault('the status line is not valid')
  refuseControls(line, 12, line.length)
  return { status, old: minor === 48 }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

export interface ResponseFraming {
  /** Content-Length; -1 when there is none. */
  length: number
  chunked: boolean
  close: boolean
  keepAlive: boolean
  /** `timeout` of a Keep-Alive header; -1 when there is none. */
  idleSeconds: number
  /** The Upgrade header, in lower case; '' when there is none. */
  upgrade: string
}

/** Up to 15 digits, so that the number is exact. */
const lengthPattern = /^(?:0|[1-9][0-9]{0,14})$/

export function readFraming({ raw, kinds }: Fields, old: boolean): ResponseFraming {
  const framing: ResponseFraming = {
    length: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    idleSeconds: -1,
    upgrade: '',
  }
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i] as Kind
    if (kind === Kind.plain) continue
    const value = raw[2 * i + 1] as string
    if (kind === Kind.contentLength) framing.length = readLength(value, framing.length)
    else if (kind === Kind.transferEncoding) {
      if (framing.chunked) throw new SyntaxFault('there is more than one Transfer-Encoding')
      if (old || value.toLowerCase() !== 'chunked')
        throw new SyntaxFault('the transfer coding is not chunked')
      framing.chunked = true
    } else if (kind === Kind.connection) readConnection(value, framing)
    else if (kind === Kind.keepAlive) framing.idleSeconds = readIdleSeconds(value)
    else if (kind === Kind.upgrade) framing.upgrade = value.toLowerCase()
  }
  if (framing.chunked && framing.length >= 0)
    throw new SyntaxFault('there are both Content-Length and Transfer-Encoding')
  return framing
}

function readLength(value: string, known: number): number {
  if (known >= 0) throw new SyntaxFault('there is more than one Content-Length')
  if (!lengthPattern.test(value)) throw new SyntaxFault('Content-Length is not a plain number')
  return Number(value)
}

/** RFC 9110 section 7.6.1. */
function readConnection(value: string, framing: ResponseFraming): void {
  // What nearly all say.
  if (value === 'keep-alive') framing.keepAlive = true
  else if (value === 'close') framing.close = true
  else {
    const options = value.toLowerCase().split(',')
    for (const option of options.map((one) => one.trim())) {
      if (option === 'close') framing.close = true
      if (option === 'keep-alive') framing.keepAlive = true
    }
  }
}

function readIdleSeconds(value: string): number {
  const timeout = /\btimeout=([0-9]{1,6})\b/.exec(value)
  return timeout === null ? -1 : Number(timeout[1])
}
