// Reads llhttp's own test cases (Markdown) from ../shared/vectors beside the checkout.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface LlhttpCase {
  readonly name: string
  /** Such as `response` (strict) or `response-lenient-headers`. */
  readonly type: string
  /** An answer to HEAD. */
  readonly bodiless: boolean
  readonly input: Buffer
  /** llhttp's event log. */
  readonly log: string
  /** What llhttp itself says of it under `type`. */
  readonly refused: boolean
}

/** The first message of a log that is not an interim answer. */
export interface LlhttpMessage {
  readonly status: number
  readonly headerCount: number
  readonly body: Buffer
  readonly complete: boolean
}

export function readLlhttpCases(kind: 'request' | 'response'): LlhttpCase[] {
  const folder = fileURLToPath(new URL(`../../../shared/vectors/llhttp/${kind}/`, import.meta.url))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => readCases(file, readFileSync(`${folder}${file}`, 'utf8')))
}

/** Null when the log ends before the head of a final answer does. */
export function readFirstAnswer({ input, log }: LlhttpCase): LlhttpMessage | null {
  for (const message of log.split(/^off=\d+ message begin$/m)) {
    const [head, rest] = message.split(/headers complete (?=status=)/)
    const status = Number(/^status=(\d+)/.exec(rest ?? '')?.[1] ?? 0)
    if (head === undefined || rest === undefined || status < 200) continue
    const spans = [...rest.matchAll(/^off=(\d+) len=(\d+) span\[body\]/gm)]
    return {
      status,
      headerCount: (head.match(/ header_field complete/g) ?? []).length,
      body: Buffer.concat(
        spans.map(([, from, length]) => input.subarray(Number(from), Number(from) + Number(length))),
      ),
      complete: rest.includes(' message complete'),
    }
  }
  return null
}

export interface LlhttpRequest {
  readonly method: string
  readonly target: string
  readonly headerCount: number
  /** latin1 */
  readonly body: string
  readonly complete: boolean
}

/** The requests of a log whose heads are complete. */
export function readRequests({ input, log }: LlhttpCase): LlhttpRequest[] {
  const requests: LlhttpRequest[] = []
  for (const message of log.split(/^off=\d+ message begin$/m)) {
    const [head, rest] = message.split(/headers complete (?=method=)/)
    if (head === undefined || rest === undefined) continue
    requests.push({
      method: readSpans(input, head, 'method'),
      target: readSpans(input, head, 'url'),
      headerCount: (head.match(/ header_field complete/g) ?? []).length,
      body: readSpans(input, rest, 'body'),
      complete: rest.includes(' message complete'),
    })
  }
  return requests
}

function readSpans(input: Buffer, log: string, name: string): string {
  const spans = log.matchAll(new RegExp(`^off=(\\d+) len=(\\d+) span\\[${name}\\]`, 'gm'))
  return [...spans]
    .map(([, from, length]) => input.toString('latin1', Number(from), Number(from) + Number(length)))
    .join('')
}

const casePattern =
  /^#+ (.+)$|<!-- meta=(\{.*?\}) -->\s*```http\n([\s\S]*?)\n```\n(?:(?!```)[\s\S])*```log\n([\s\S]*?)```/gm

function readCases(file: string, text: string): LlhttpCase[] {
  const cases: LlhttpCase[] = []
  let title = ''
  for (const [, heading, meta, input, log] of text.matchAll(casePattern)) {
    if (heading !== undefined) title = heading
    if (meta === undefined || input === undefined || log === undefined) continue
    const { type, skipBody = false } = JSON.parse(meta) as { type: string; skipBody?: boolean }
    const refused = /\berror code=(?!21|22|23)/.test(log)
    const name = `${file}: ${title} (${type})`
    cases.push({ name, type, bodiless: skipBody, input: toBytes(input), log, refused })
  }
  return cases
}

/** llhttp's notation: lines end in CRLF, a backslash joins lines, escapes stand for themselves. */
function toBytes(input: string): Buffer {
  const text = input
    .replaceAll(/\\(\r\n|\r|\n)/g, '')
    .replaceAll(/\r\n|\r|\n/g, '\r\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\f', '\f')
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  // Spans are counted in bytes of UTF-8.
  return Buffer.from(text, 'utf8')
}
