// A second reader of answers, for the fuzzer: see request-reader.ts. RFC 9112 sections 4, 6 and 9.
import { readChunks } from './chunk-reader.ts'
import { isOnlySingleCrlf, readFieldLine, type StrictField, valuesOf } from './field-reader.ts'
import { staysOpen } from './request-reader.ts'

export interface StrictResponse {
  /** Of the interim answers, in their order. */
  readonly interim: readonly number[]
  /** 0: no final head. */
  readonly status: number
  readonly fields: readonly StrictField[]
  readonly body: string
  readonly trailers: readonly StrictField[] | null
  /** All of the answer is there, where the end of the bytes is the end of the connection. */
  readonly complete: boolean
  /** The bytes are no answer, or go on behind it. */
  readonly refused: boolean
  /** Another request may follow on the connection. */
  readonly reusable: boolean
}

const headLimitBytes = 65_536
const mostFields = 256
const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?$/
const plainNumber = /^(0|[1-9][0-9]{0,14})$/

/** `text`: everything that an upstream sent on one connection, which was asked once, for no upgrade. */
export function readResponseStrictly(text: string, method: string): StrictResponse {
  const interim: number[] = []
  let rest = text
  let spoiled = false
  const nothing = {
    interim,
    status: 0,
    fields: [],
    body: '',
    trailers: null,
    complete: false,
    reusable: false,
  }
  for (;;) {
    const head = cutHead(rest)
    // The end of the connection within a head is no end of an answer.
    if (head === null) return { ...nothing, refused: true }
    const read = readHead(head.text)
    if (read === null) return { ...nothing, refused: true }
    rest = head.behind
    if (read.status >= 200) return readFinal(read, rest, { method, interim, spoiled })
    if (!read.open || read.version === '1.0') return { ...nothing, refused: true }
    // An interim answer has no body: one that says otherwise leaves doubt about the next answer.
    if (read.chunked || read.length > 0) spoiled = true
    interim.push(read.status)
  }
}

function cutHead(text: string): { text: string; behind: string } | null {
  const at = text.indexOf('\r\n\r\n')
  if (at < 0 || at > headLimitBytes) return null
  return { text: text.slice(0, at), behind: text.slice(at + 4) }
}

interface Head {
  readonly status: number
  readonly version: string
  readonly fields: readonly StrictField[]
  readonly chunked: boolean
  /** -1: not said. */
  readonly length: number
  readonly open: boolean
}

function readHead(text: string): Head | null {
  const lines = text.split('\r\n')
  const first = statusLine.exec(lines[0] ?? '')
  if (first === null || lines.length - 1 > mostFields || !isOnlySingleCrlf(text)) return null
  const status = Number(first[2])
  // Nothing was asked for that it could switch to.
  if (status === 101) return null
  const fields = lines.slice(1).map(readFieldLine)
  if (fields.includes(null)) return null
  const sound = fields as StrictField[]
  const version = `1.${first[1]}`
  const codings = valuesOf(sound, 'transfer-encoding')
  const lengths = valuesOf(sound, 'content-length')
  if (codings.length + lengths.length > 1) return null
  if (codings[0] !== undefined && (version === '1.0' || !/^chunked$/i.test(codings[0]))) return null
  if (lengths[0] !== undefined && !plainNumber.test(lengths[0])) return null
  return {
    status,
    version,
    fields: sound,
    chunked: codings.length > 0,
    length: lengths[0] === undefined ? -1 : Number(lengths[0]),
    open: staysOpen(valuesOf(sound, 'connection'), version),
  }
}

/** `Keep-Alive: timeout=1` is over by the time that the next request could arrive. */
function idlesLongEnough(fields: readonly StrictField[]): boolean {
  const said = /\btimeout=([0-9]{1,6})\b/.exec(valuesOf(fields, 'keep-alive').at(-1) ?? '')
  return said === null || Number(said[1]) > 1
}

interface Asked {
  readonly method: string
  readonly interim: readonly number[]
  /** Something before spoke against another request. */
  readonly spoiled: boolean
}

function readFinal(head: Head, behind: string, { method, interim, spoiled }: Asked): StrictResponse {
  const { status, fields } = head
  const body = readBody(head, behind, method)
  const bodyless = status === 204 && (head.chunked || head.length > 0)
  const open = !spoiled && head.open && idlesLongEnough(fields)
  const refused = body.broken || !body.complete || body.behind !== ''
  const reusable = open && !bodyless && !body.untilClose && !refused
  return {
    ...{ interim, status, fields, refused },
    ...{ body: body.body, trailers: body.trailers, complete: body.complete, reusable },
  }
}

function readBody(head: Head, text: string, method: string) {
  const { status, chunked, length } = head
  const whole = { complete: true, broken: false, untilClose: false, trailers: null }
  if (method === 'HEAD' || status === 204 || status === 304) return { ...whole, body: '', behind: text }
  if (chunked) return { ...readChunks(text, headLimitBytes), untilClose: false }
  if (length < 0) return { ...whole, body: text, behind: '', untilClose: true }
  const body = text.slice(0, length)
  return { ...whole, complete: body.length === length, body, behind: text.slice(length) }
}
