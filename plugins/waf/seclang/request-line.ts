// A request's first line and its Cookie header to what rules see.

import { decodeUrlEncoded, parseUrlEncoded } from './body/urlencoded.ts'
import { toEntries } from './body-reader.ts'
import type { Settings } from './settings.ts'
import type { State } from './state.ts'
import { type Entry, entryOf } from './text.ts'

/** `canonicalPath`: what the path is to those who route and serve it; null: as it stands in the target. */
export function readRequestLine(
  state: State,
  settings: Pick<Settings, 'argumentsLimit' | 'argumentSeparator'>,
  canonicalPath: string | null,
): void {
  state.uri = withoutAuthority(state.uriRaw)
  const mark = state.uri.indexOf('?')
  const path = mark === -1 ? state.uri : state.uri.slice(0, mark)
  state.query = mark === -1 ? '' : state.uri.slice(mark + 1)
  state.fileName = decodePath(canonicalPath ?? path)
  const limits = { args: settings.argumentsLimit, depth: 0 }
  const parsed = parseUrlEncoded(state.query, limits, settings.argumentSeparator)
  state.argsGet = toEntries(parsed.args)
  state.urlEncodedError ||= parsed.invalidEncoding
  // Told by REQBODY_ERROR: arguments that no rule sees must not pass unnoticed, wherever they stand.
  state.requestBodyError ??= parsed.error
}

/** `http://host/path` to `/path`; other forms stay. */
function withoutAuthority(uri: string): string {
  if (uri.startsWith('/')) return uri
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(uri)
  if (scheme === null) return uri
  const path = uri.slice(scheme[0].length).search(/[/?#]/)
  return path === -1 ? '/' : uri.slice(scheme[0].length + path)
}

/** A plus is no space in a path. */
function decodePath(path: string): string {
  return path.includes('%') ? decodeUrlEncoded(path.replaceAll('+', '%2B')) : path
}

/** `a=1; b=2`, as browsers send it: nothing is decoded. */
export function readCookies(header: string): Entry[] {
  const cookies: Entry[] = []
  for (const part of header.split(';')) {
    const cookie = part.trimStart()
    if (cookie === '') continue
    const equals = cookie.indexOf('=')
    if (equals === -1) cookies.push(entryOf(cookie.trimEnd(), ''))
    else cookies.push(entryOf(cookie.slice(0, equals).trimEnd(), cookie.slice(equals + 1)))
  }
  return cookies
}
