// One CRS regression test as coreruleset/ftw-tests-schema describes it, and the request that it means on the wire.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedCrs } from './rule-files.ts'

export interface FtwInput {
  readonly method?: string
  readonly uri?: string
  readonly version?: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly data?: string
  readonly encoded_request?: string
  readonly autocomplete_headers?: boolean
  readonly dest_addr?: string
  readonly port?: number
}

export interface FtwOutput {
  readonly status?: number
  readonly expect_error?: boolean
  readonly log?: {
    readonly expect_ids?: readonly number[]
    readonly no_expect_ids?: readonly number[]
    readonly match_regex?: string
    readonly no_match_regex?: string
  }
}

export interface FtwTest {
  readonly rule: number
  readonly test: number
  readonly desc?: string
  readonly stages: readonly { readonly input: FtwInput; readonly output: FtwOutput }[]
}

/** As it reaches the engine; every string is latin1. */
export interface WireRequest {
  readonly method: string
  readonly uri: string
  readonly protocol: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export function readTests(file = join(sharedCrs, 'regression.jsonl')): FtwTest[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FtwTest)
}

export function toRequest(input: FtwInput): WireRequest {
  if (input.encoded_request !== undefined)
    return parseRaw(Buffer.from(input.encoded_request, 'base64').toString('latin1'))
  const headers = Object.entries(input.headers ?? {}).map(
    ([name, value]) => [bytes(name), bytes(String(value))] as const,
  )
  const complete = input.autocomplete_headers !== false
  const has = (name: string): boolean => headers.some(([known]) => known.toLowerCase() === name)
  const method = input.method ?? 'GET'
  let body = bytes(input.data ?? '')
  if (complete && body !== '') {
    if (!has('content-type')) headers.push(['Content-Type', 'application/x-www-form-urlencoded'])
    body = encodeForm(headers, body)
  }
  const type = headerValue(headers, 'content-type')
  if (type.startsWith('multipart/form-data;')) body = body.replaceAll('\n', '\r\n')
  if (complete) {
    if (!has('connection')) headers.push(['Connection', 'close'])
    const sized = body !== '' || /^POST|PUT|PATCH|DELETE$/.test(method)
    if (sized && !has('content-length')) headers.push(['Content-Length', String(body.length)])
  }
  const request = {
    method: bytes(method),
    uri: bytes(input.uri ?? '/'),
    protocol: input.version ?? 'HTTP/1.1',
    headers,
  }
  return { ...request, body: framed(headers, body) }
}

function bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function headerValue(headers: WireRequest['headers'], name: string): string {
  return headers.find(([known]) => known.toLowerCase() === name)?.[1] ?? ''
}

/** The test runner of CRS escapes a form's data unless it looks escaped. */
function encodeForm(headers: WireRequest['headers'], data: string): string {
  if (headerValue(headers, 'content-type') !== 'application/x-www-form-urlencoded') return data
  if (/[+%]/.test(data)) return data
  return data
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=')
      if (equals === -1) return queryEscape(pair)
      return `${queryEscape(pair.slice(0, equals))}=${queryEscape(pair.slice(equals + 1))}`
    })
    .join('&')
}

function queryEscape(text: string): string {
  return text
    .replace(
      /[^A-Za-z0-9\-_.~ ]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .replaceAll(' ', '+')
}

/** What an HTTP front takes for the body: by chunks, by Content-Length, or nothing. */
function framed(headers: WireRequest['headers'], data: string): string {
  if (/chunked/i.test(headerValue(headers, 'transfer-encoding'))) return unchunk(data)
  const length = headerValue(headers, 'content-length').trim()
  return /^\d+$/.test(length) ? data.slice(0, Number(length)) : ''
}

function unchunk(data: string): string {
  let body = ''
  let at = 0
  for (;;) {
    const end = data.indexOf('\r\n', at)
    const size = Number.parseInt(data.slice(at, end === -1 ? undefined : end), 16)
    if (end === -1 || !(size > 0)) return body
    body += data.slice(end + 2, end + 2 + size)
    at = end + 4 + size
  }
}

function parseRaw(raw: string): WireRequest {
  const split = raw.indexOf('\r\n\r\n')
  const head = split === -1 ? raw : raw.slice(0, split)
  const [line = '', ...lines] = head.split('\r\n')
  const [method = '', uri = '', protocol = ''] = line.split(' ')
  const headers = lines
    .filter((text) => text !== '')
    .map((text) => {
      const colon = text.indexOf(':')
      return [text.slice(0, colon), text.slice(colon + 1).trim()] as const
    })
  return { method, uri, protocol, headers, body: framed(headers, split === -1 ? '' : raw.slice(split + 4)) }
}

/** True for what a strict HTTP front answers with 400 before any rule runs. */
export function isRefusedByFront(request: WireRequest): boolean {
  const host = request.headers.filter(([name]) => name.toLowerCase() === 'host')
  const length = headerValue(request.headers, 'content-length')
  return (
    !/^HTTP\/1\.[01]$/.test(request.protocol) ||
    !/^(?:\/[^\s#]*|\*|https?:\/\/[^\s#]*)$/.test(request.uri) ||
    (length !== '' && !/^\d+$/.test(length)) ||
    host.length !== 1 ||
    host[0]?.[1] === '' ||
    request.headers.some(([, value]) => /[\r\n\0]/.test(value))
  )
}
