// node's own parser, llhttp, called directly and in its strict mode: through a socket it would be a hundred times slower.
import { createRequire } from 'node:module'

export interface LlhttpMessage {
  readonly method: string
  readonly target: string
  readonly status: number
  /** Flat list. */
  readonly headers: readonly string[]
  /** latin1 */
  body: string
  complete: boolean
}

type HeadCallback = (
  major: number,
  minor: number,
  headers: string[] | undefined,
  method: number | undefined,
  url: string | undefined,
  status: number | undefined,
) => number

interface Parser {
  initialize(kind: number, resource: object, headBytes: number, lenience: number): void
  execute(bytes: Buffer): number | Error
  finish(): undefined | Error
  close(): void
  [event: number]: unknown
}

interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
  readonly kLenientNone: number
}

const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: ParserClass
  methods: readonly string[]
}
/** llhttp's number of it, which is not in the list. */
const query = 46
const headLimitBytes = 1 << 20

export interface LlhttpRead {
  readonly messages: LlhttpMessage[]
  /** It found a fault, or the end of the bytes where no message ends. */
  readonly refused: boolean
}

/** `ask`: method of the request for an answer; null reads requests. */
export function readByLlhttp(text: string, ask: string | null): LlhttpRead {
  const parser = new HTTPParser()
  parser.initialize(
    ask === null ? HTTPParser.REQUEST : HTTPParser.RESPONSE,
    {},
    headLimitBytes,
    HTTPParser.kLenientNone,
  )
  const messages: LlhttpMessage[] = []
  let early: string[] = []
  let url = ''
  parser[HTTPParser.kOnHeaders] = (headers: string[], part: string) => {
    early.push(...headers)
    url += part
  }
  const onHead: HeadCallback = (_major, _minor, headers, method, target, status) => {
    messages.push({
      method: method === query ? 'QUERY' : (methods[method ?? -1] ?? ''),
      target: target ?? url,
      status: status ?? 0,
      headers: headers ?? early,
      body: '',
      complete: false,
    })
    early = []
    url = ''
    // 1: no body follows.
    return ask === 'HEAD' ? 1 : 0
  }
  parser[HTTPParser.kOnHeadersComplete] = onHead
  parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
    const message = messages.at(-1)
    if (message !== undefined) message.body += bytes.toString('latin1')
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    const message = messages.at(-1)
    if (message !== undefined) message.complete = true
    // Trailers, which came the same way.
    early = []
    url = ''
  }
  const read = parser.execute(Buffer.from(text, 'latin1'))
  const refused = typeof read !== 'number' || parser.finish() instanceof Error
  parser.close()
  return { messages, refused }
}
