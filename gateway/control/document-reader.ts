// One attempt to read a document: over http(s), or from a file. Main thread; called by documents.ts. Never rejects for a
// reason of the far side: that is an outcome.
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Dispatcher, request } from 'undici'
import type { Clock, DocumentSource } from '../contract/ports.ts'

export type Attempt =
  | { readonly kind: 'text'; readonly text: string }
  /** What is known is still current. */
  | { readonly kind: 'same' }
  | { readonly kind: 'failed'; readonly reason: string }

/** Keeps between attempts what saves reading again: an ETag, or a file's state. */
export type Reader = () => Promise<Attempt>

export interface ReaderPorts {
  readonly configDir: string
  readonly clock: Clock
  readonly dispatcher: Dispatcher
}

const maxRedirects = 3
const utf8 = new TextDecoder('utf-8', { fatal: true })

export function createReader(source: DocumentSource, ports: ReaderPorts): Reader {
  const read = source.url === undefined ? createFileReader(source, ports) : createUrlReader(source, ports)
  return async () => {
    try {
      return await read()
    } catch (error) {
      return { kind: 'failed', reason: toReason(error) }
    }
  }
}

function toReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}

/** Throws on what no version of this document looks like, so that it never replaces a good one. */
function decode(bytes: Uint8Array, source: DocumentSource): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new Error('it is not UTF-8 text')
  }
  if (source.format === 'jwks' && !holdsKeys(text)) throw new Error('it is not a JWK Set with keys in it')
  return text
}

function holdsKeys(text: string): boolean {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown }
    return Array.isArray(keys) && keys.length > 0
  } catch {
    return false
  }
}

/** Two writes within the grain of a file system's clock look alike: a file counts as known only once it is older. */
const mtimeGrainMs = 2000

function createFileReader(source: DocumentSource, { configDir, clock }: ReaderPorts): Reader {
  const path = resolve(configDir, source.file ?? '')
  let seen = ''
  return async () => {
    const { mtimeMs, size, ino, dev } = await stat(path)
    const state = `${mtimeMs} ${size} ${ino} ${dev}`
    if (state === seen) return { kind: 'same' }
    if (size > source.maxBytes) throw new Error(`it has ${size} bytes, ${source.maxBytes} are allowed`)
    const text = decode(await readFile(path), source)
    seen = clock.wallMs() - mtimeMs > mtimeGrainMs ? state : ''
    return { kind: 'text', text }
  }
}

function createUrlReader(source: DocumentSource, { clock, dispatcher }: ReaderPorts): Reader {
  let etag: string | null = null
  return async () => {
    const abort = new AbortController()
    const cancel = clock.after(source.timeoutMs, () =>
      abort.abort(new Error(`no answer within ${source.timeoutMs} ms`)),
    )
    try {
      const answer = await fetchFollowing(source, { dispatcher, signal: abort.signal, etag })
      if (answer === null) return { kind: 'same' }
      etag = answer.etag
      return { kind: 'text', text: answer.text }
    } finally {
      cancel()
    }
  }
}

interface FetchOptions {
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  readonly etag: string | null
}

/** null: not modified. */
async function fetchFollowing(source: DocumentSource, options: FetchOptions) {
  let url = toHttpUrl(source.url ?? '')
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: options.dispatcher,
      signal: options.signal,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'aegis',
        ...(options.etag === null ? {} : { 'if-none-match': options.etag }),
      },
    })
    if (statusCode === 200) {
      const text = decode(await readLimited(body, source.maxBytes), source)
      return { text, etag: typeof headers.etag === 'string' ? headers.etag : null }
    }
    await body.dump({ limit: 65_536 })
    if (statusCode === 304 && options.etag !== null) return null
    if (statusCode < 300 || statusCode > 399 || typeof headers.location !== 'string') {
      throw new Error(`the answer is ${statusCode}`)
    }
    url = toNextUrl(headers.location, url)
  }
  throw new Error(`more than ${maxRedirects} redirects`)
}

function toHttpUrl(text: string, from?: URL): URL {
  const url = URL.parse(text, from)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error('only http and https addresses are fetched')
  }
  return url
}

/** Encryption is never given up on the way. */
export function toNextUrl(location: string, from: URL): URL {
  const url = toHttpUrl(location, from)
  if (from.protocol === 'https:' && url.protocol !== 'https:')
    throw new Error('it redirects from https to http')
  return url
}

async function readLimited(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`it has more than the ${maxBytes} bytes allowed`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
