// Request bodies to what rules see: picks the processor, parses, fills the state. Runs between phases 1 and 2.

import { parseJson } from './body/json.ts'
import { parseMultipart } from './body/multipart.ts'
import { parseUrlEncoded } from './body/urlencoded.ts'
import { parseXml } from './body/xml.ts'
import type { Settings } from './settings.ts'
import type { State } from './state.ts'
import { type Entry, entryOf } from './text.ts'
import type { BodyLimits, Pair } from './types.ts'

type BodySettings = Pick<
  Settings,
  | 'argumentsLimit'
  | 'requestBodyJsonDepth'
  | 'argumentSeparator'
  | 'uploadFileLimit'
  | 'requestBodyNoFilesLimitBytes'
>

/** What the Content-Type says before any rule ran; JSON and XML are chosen by rules (ctl:requestBodyProcessor). */
export function processorOf(contentType: string | null): string {
  const type = contentType?.trimStart().toLowerCase() ?? ''
  if (type.startsWith('application/x-www-form-urlencoded')) return 'URLENCODED'
  return type.startsWith('multipart/form-data') ? 'MULTIPART' : ''
}

export function toEntries(pairs: readonly Pair[]): Entry[] {
  return pairs.map(([name, value]) => entryOf(name, value))
}

/** Fills the state's body variables by the processor chosen. REQUEST_BODY is set for forms and for bodies nobody parses. */
export function readBody(state: State, body: string, settings: BodySettings): void {
  state.requestBodyLength = body.length
  const limits: BodyLimits = { args: settings.argumentsLimit, depth: settings.requestBodyJsonDepth }
  switch (state.bodyProcessor) {
    case 'URLENCODED':
      state.requestBody = body
      readForm(state, body, limits, settings.argumentSeparator)
      return
    case 'MULTIPART':
      readMultipart(state, body, limits, settings.uploadFileLimit)
      return
    case 'JSON':
      readJson(state, body, limits)
      return
    case 'XML':
      state.xml = parseXml(body, limits)
      state.requestBodyError ??= state.xml.error
      return
    default:
      if (state.forceRequestBody) state.requestBody = body
  }
}

/** True when the body without its files is longer than SecRequestBodyNoFilesLimit. */
export function isTooLongWithoutFiles(state: State, settings: BodySettings): boolean {
  const files = state.multipart?.files.reduce((sum, file) => sum + file.size, 0) ?? 0
  return state.requestBodyLength - files > settings.requestBodyNoFilesLimitBytes
}

function readForm(state: State, body: string, limits: BodyLimits, separator: string): void {
  const form = parseUrlEncoded(body, limits, separator)
  state.argsPost = toEntries(form.args)
  state.urlEncodedError ||= form.invalidEncoding
  state.requestBodyError ??= form.error
}

function readMultipart(state: State, body: string, limits: BodyLimits, fileLimit: number): void {
  const parsed = parseMultipart(body, state.requestHeader('content-type') ?? '', limits)
  const { flags } = parsed
  const fileLimitExceeded = flags.fileLimitExceeded || parsed.files.length > fileLimit
  state.multipart = { ...parsed, flags: { ...flags, fileLimitExceeded } }
  state.argsPost = toEntries(parsed.args)
  state.requestBodyError ??= parsed.error
}

function readJson(state: State, body: string, limits: BodyLimits): void {
  const json = parseJson(body, limits)
  state.argsPost = toEntries(json.args)
  state.requestBodyError ??= json.error
}
