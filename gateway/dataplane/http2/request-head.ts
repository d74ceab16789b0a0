// From the decoded fields of a header block to the head of a request, and what is refused of it (RFC 9113 sections 8.2 and
// 8.3). A head that is refused is delivered too, with its reason, so that the refusal is answered, counted and logged like
// any other. Worker thread; used by connection.ts.
import { METHODS } from 'node:http'
import type { RequestFault, RequestHead } from '../downstream.ts'
import { addField, type Fields, isToken, Kind } from '../http1/fields.ts'

export interface HeadLimits {
  /** Names, values and four bytes each for what stands between them in HTTP/1.1. */
  readonly headBytes: number
  readonly fields: number
}

const methods: ReadonlySet<string> = new Set(METHODS)
const lengthPattern = /^(?:0|[1-9][0-9]{0,14})$/
const notTarget = /[^\x21-\x7e]/
const upperCase = /[A-Z]/
const separatorBytes = 4

const tooLarge: RequestFault = {
  status: 431,
  code: 'AEGIS_HTTP_431',
  detail: 'The header section is too large.',
}

/** Section 8.2.2: they speak of a connection, and HTTP/2 has other means for that. */
const forbidden: ReadonlySet<Kind> = new Set([
  Kind.connection,
  Kind.transferEncoding,
  Kind.upgrade,
  Kind.keepAlive,
])

/** Takes the fields of one block as they are decoded. */
export class HeadReader {
  readonly fields: Fields = { raw: [], names: [], kinds: [] }
  fault: RequestFault | null = null
  readonly #limits: HeadLimits
  readonly #pseudo = new Map<string, string>()
  #bytes = 0
  /** Index of the first cookie field; -1 before it. */
  #cookie = -1
  #host: string | null = null
  #length = -1
  #expect = ''

  constructor(limits: HeadLimits) {
    this.#limits = limits
  }

  /** What is over the limits is not kept. */
  readonly onField = (name: string, value: string): void => {
    this.#bytes += name.length + value.length + separatorBytes
    // The count is policy (admission.ts); here is where reading ends.
    const full = this.fields.kinds.length > Math.max(this.#limits.fields, 256)
    if (this.#bytes > this.#limits.headBytes || full) this.fault ??= tooLarge
    if (this.fault !== null) return
    if (!isValue(value)) return this.refuse(`The value of a header field is not valid.`)
    if (name.startsWith(':')) this.#addPseudo(name, value)
    else if (!isToken(name) || upperCase.test(name) || name === '__proto__')
      this.refuse('A header has a name that is not accepted.')
    else this.#add(name, value)
  }

  /** The first reason stands. */
  refuse(detail: string): void {
    this.fault ??= { status: 400, code: 'AEGIS_BAD_REQUEST', detail }
  }

  /** The fields of a trailer section; null where it is not valid. */
  toTrailers(): readonly string[] | null {
    return this.fault === null && this.#pseudo.size === 0 ? this.fields.raw : null
  }

  /** `ended`: no body follows. */
  toHead(ended: boolean): RequestHead {
    this.#checkPseudo()
    const authority = this.#pseudo.get(':authority')
    const host = authority ?? this.#host
    if (authority !== undefined && this.#host !== null && !isSameHost(authority, this.#host))
      this.refuse('The :authority and the Host header name different hosts.')
    // Plugins look for it where HTTP/1.1 has it.
    if (authority !== undefined && this.#host === null) addField(this.fields, 'host', authority)
    if (ended && this.#length > 0) this.refuse('The request ends before the body that it announces.')
    const { fault, fields } = this
    const method = this.#pseudo.get(':method') ?? ''
    return {
      method: methods.has(method) ? method : '',
      target: fault === null ? (this.#pseudo.get(':path') ?? '') : '',
      version: '2',
      scheme: this.#pseudo.get(':scheme') === 'https' ? 'https' : 'http',
      fields,
      host,
      expect: this.#expect,
      body: ended || fault !== null ? 'none' : this.#length >= 0 ? 'fixed' : 'chunked',
      length: this.#length,
      keepAlive: true,
      fault,
    }
  }

  /** Section 8.3: before all others, each once, none but these. Extended CONNECT is not offered. */
  #addPseudo(name: string, value: string): void {
    if (this.fields.kinds.length > 0) return this.refuse('A pseudo-header stands behind a header.')
    if (this.#pseudo.has(name)) return this.refuse(`${name} is there more than once.`)
    if (name !== ':method' && name !== ':scheme' && name !== ':path' && name !== ':authority')
      return this.refuse('There is a pseudo-header that is none of a request.')
    this.#pseudo.set(name, value)
  }

  #checkPseudo(): void {
    const method = this.#pseudo.get(':method')
    const path = this.#pseudo.get(':path')
    if (method === undefined) return this.refuse('The request has no :method.')
    if (!methods.has(method)) return this.refuse('The method is not known.')
    // Section 8.5; refused by admission.ts in any case.
    if (method === 'CONNECT') return
    const scheme = this.#pseudo.get(':scheme')
    if (scheme !== 'http' && scheme !== 'https')
      return this.refuse('The request has no :scheme that is served.')
    if (path === undefined || notTarget.test(path) || (path !== '*' && !path.startsWith('/')))
      this.refuse('The request has no :path that is valid.')
  }

  #add(name: string, value: string): void {
    if (name === 'cookie' && this.#cookie >= 0) return this.#joinCookie(value)
    const { fields } = this
    addField(fields, name, value)
    const kind = fields.kinds.at(-1) as Kind
    if (kind === Kind.plain) {
      if (name === 'cookie') this.#cookie = fields.kinds.length - 1
    } else if (kind === Kind.host) {
      if (this.#host !== null) this.refuse('The request has more than one Host header.')
      this.#host = value
    } else if (kind === Kind.contentLength) {
      if (this.#length >= 0 || !lengthPattern.test(value))
        return this.refuse('Content-Length must be given once, as plain digits.')
      this.#length = Number(value)
    } else if (kind === Kind.expect) this.#expect = value
    else if (forbidden.has(kind) || name === 'proxy-connection')
      this.refuse('HTTP/2 has no header fields that speak of the connection.')
    else if (name === 'te' && value.toLowerCase() !== 'trailers')
      this.refuse('The only accepted value of TE is trailers.')
  }

  /** Section 8.2.3: split for the sake of compression; who reads HTTP/1.1 expects one. */
  #joinCookie(value: string): void {
    const at = 2 * this.#cookie + 1
    const before = this.fields.raw[at] as string
    // An empty one must not leave white space at the end, which no value has.
    if (value !== '') this.fields.raw[at] = before === '' ? value : `${before}; ${value}`
  }
}

/** Section 8.2.1; no other control character either, as for HTTP/1.1. */
function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127) return false
  }
  return value === '' || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)))
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

function isSameHost(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase()
}
