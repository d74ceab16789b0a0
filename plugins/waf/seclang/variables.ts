// The table of variables: what each name in a rule reads. Consulted at load; the readers run in transactions.

import { partReaders } from './multipart-variables.ts'
import { type State, type StoreName, storeNames } from './state.ts'
import { Entry, entryOf } from './text.ts'
import { clockReaders } from './time-variables.ts'

/** The phase from which on a variable does not change any more; `volatile` ones may change with every rule. */
export type Settled = 1 | 2 | 3 | 4 | 'volatile'

export interface Variable {
  readonly name: string
  readonly id: number
  readonly settled: Settled
  /** Scalars have no keys: REQUEST_URI:x is an error. */
  readonly keyed: boolean
  /** The collection that rules write, for TX and its like. */
  readonly store: StoreName | null
  read(state: State): readonly Entry[]
}

/** A variable with the key that a macro or a target names; the key is in lower case. */
export interface Reading {
  readonly variable: Variable
  readonly key: string | null
  /** Of the key in the collection's name table; -1 before the plan has given it one. */
  readonly slot: number
}

export function findVariable(name: string): Variable | undefined {
  return variables.get(name.toUpperCase())
}

/** Throws for an unknown name. */
export function parseReading(name: string, key: string | null): Reading {
  const variable = findVariable(name)
  if (variable === undefined) throw new Error(`%{${name}} names no variable of this engine`)
  return { variable, key: key === null ? null : key.toLowerCase(), slot: -1 }
}

type ScalarReader = (state: State) => string | number | null

interface ScalarRow {
  readonly settled: Settled
  readonly read: ScalarReader
}

function at(settled: Settled, read: ScalarReader): ScalarRow {
  return { settled, read }
}

const scalars: Readonly<Record<string, ScalarRow>> = {
  REMOTE_ADDR: at(1, (s) => s.remoteAddress),
  REMOTE_HOST: at(1, (s) => s.remoteAddress),
  REMOTE_PORT: at(1, (s) => s.remotePort),
  REMOTE_USER: at(1, () => null),
  SERVER_ADDR: at(1, (s) => s.serverAddress),
  SERVER_PORT: at(1, (s) => s.serverPort),
  SERVER_NAME: at(1, (s) => s.serverName),
  REQUEST_METHOD: at(1, (s) => s.method),
  REQUEST_URI: at(1, (s) => s.uri),
  REQUEST_URI_RAW: at(1, (s) => s.uriRaw),
  REQUEST_FILENAME: at(1, (s) => s.fileName),
  REQUEST_BASENAME: at(1, (s) => baseName(s.fileName)),
  REQUEST_PROTOCOL: at(1, (s) => s.protocol),
  REQUEST_LINE: at(1, requestLine),
  QUERY_STRING: at(1, (s) => s.query),
  PATH_INFO: at(1, (s) => s.fileName),
  AUTH_TYPE: at(1, (s) => s.requestHeader('authorization')?.split(' ')[0] ?? null),
  UNIQUE_ID: at(1, (s) => s.uniqueId),
  REQBODY_PROCESSOR: at('volatile', (s) => s.bodyProcessor),
  REQUEST_BODY: at(2, (s) => s.requestBody),
  REQUEST_BODY_LENGTH: at(2, (s) => s.requestBodyLength),
  REQBODY_ERROR: at(2, (s) => (s.requestBodyError === null ? 0 : 1)),
  REQBODY_ERROR_MSG: at(2, (s) => s.requestBodyError ?? ''),
  REQBODY_PROCESSOR_ERROR: at(2, (s) => (s.requestBodyError === null ? 0 : 1)),
  REQBODY_PROCESSOR_ERROR_MSG: at(2, (s) => s.requestBodyError ?? ''),
  INBOUND_DATA_ERROR: at(2, (s) => (s.requestBodyTruncated ? 1 : 0)),
  OUTBOUND_DATA_ERROR: at(4, (s) => (s.responseBodyTruncated ? 1 : 0)),
  URLENCODED_ERROR: at(2, (s) => (s.urlEncodedError ? 1 : 0)),
  ARGS_COMBINED_SIZE: at(2, combinedSize),
  FULL_REQUEST_LENGTH: at(2, (s) => fullRequest(s).length),
  FULL_REQUEST: at(2, fullRequest),
  RESPONSE_STATUS: at(3, (s) => (s.responseStatus === 0 ? null : s.responseStatus)),
  RESPONSE_PROTOCOL: at(3, (s) => s.responseProtocol),
  STATUS_LINE: at(3, (s) => `${s.responseProtocol} ${s.responseStatus}`),
  RESPONSE_CONTENT_TYPE: at(3, (s) => s.responseHeader('content-type')),
  RESPONSE_CONTENT_LENGTH: at(3, (s) => s.responseHeader('content-length') ?? 0),
  RESPONSE_BODY: at(4, (s) => s.responseBody),
  SESSIONID: at('volatile', (s) => s.sessionId),
  USERID: at('volatile', (s) => s.userId),
  WEBAPPID: at(1, (s) => s.webAppId),
  HIGHEST_SEVERITY: at('volatile', (s) => s.highestSeverity),
  MATCHED_VAR: at('volatile', (s) => s.matchedVariable),
  MATCHED_VAR_NAME: at('volatile', (s) => s.matchedVariableName),
  ...partReaders,
  ...clockReaders,
}

type CollectionReader = (state: State) => readonly Entry[]

const collections: Readonly<Record<string, { settled: Settled; read: CollectionReader }>> = {
  ARGS: { settled: 2, read: allArgs },
  ARGS_NAMES: { settled: 2, read: (s) => namesOf(s, allArgs(s)) },
  ARGS_GET: { settled: 1, read: (s) => s.argsGet },
  ARGS_GET_NAMES: { settled: 1, read: (s) => namesOf(s, s.argsGet) },
  ARGS_POST: { settled: 2, read: (s) => s.argsPost },
  ARGS_POST_NAMES: { settled: 2, read: (s) => namesOf(s, s.argsPost) },
  REQUEST_HEADERS: { settled: 1, read: (s) => s.requestHeaders },
  REQUEST_HEADERS_NAMES: { settled: 1, read: (s) => namesOf(s, s.requestHeaders) },
  REQUEST_COOKIES: { settled: 1, read: (s) => s.cookies },
  REQUEST_COOKIES_NAMES: { settled: 1, read: (s) => namesOf(s, s.cookies) },
  RESPONSE_HEADERS: { settled: 3, read: (s) => s.responseHeaders },
  RESPONSE_HEADERS_NAMES: { settled: 3, read: (s) => namesOf(s, s.responseHeaders) },
  FILES: { settled: 2, read: (s) => files(s, (file) => file.fileName) },
  FILES_NAMES: { settled: 2, read: (s) => files(s, (file) => file.field) },
  FILES_SIZES: { settled: 2, read: (s) => files(s, (file) => String(file.size)) },
  FILES_TMP_CONTENT: { settled: 2, read: (s) => files(s, (file) => file.content) },
  MULTIPART_FILENAME: { settled: 2, read: (s) => files(s, (file) => file.fileName) },
  MULTIPART_NAME: { settled: 2, read: (s) => files(s, (file) => file.field) },
  MULTIPART_PART_HEADERS: {
    settled: 2,
    read: (s) => s.multipart?.partHeaders.map(([name, line]) => entryOf(name, line)) ?? [],
  },
  XML: { settled: 2, read: xmlEntries },
  MATCHED_VARS: { settled: 'volatile', read: (s) => s.matched },
  MATCHED_VARS_NAMES: { settled: 'volatile', read: (s) => namesOf(s, s.matched) },
  RULE: { settled: 'volatile', read: ruleEntries },
  GEO: { settled: 1, read: () => [] },
}

/** Keys of XML, as the rules write them. */
export const xmlPaths: readonly string[] = ['/*', '//@*']

function xmlEntries(state: State): Entry[] {
  if (state.xml === null) return []
  const texts = state.xml.texts.map((text) => entryOf('/*', text))
  return texts.concat(state.xml.attributes.map((value) => entryOf('//@*', value)))
}

function ruleEntries({ rule }: State): Entry[] {
  if (rule === null) return []
  const severity = rule.severity === null ? '' : String(rule.severity)
  return [
    entryOf('id', String(rule.id)),
    entryOf('msg', rule.message?.text ?? ''),
    entryOf('logdata', rule.logData?.text ?? ''),
    entryOf('severity', severity),
    entryOf('phase', String(rule.phase)),
    entryOf('ver', rule.version),
  ]
}

function allArgs(state: State): readonly Entry[] {
  if (state.argsPost.length === 0) return state.argsGet
  return state.argsGet.length === 0 ? state.argsPost : state.argsGet.concat(state.argsPost)
}

function namesOf(state: State, entries: readonly Entry[]): readonly Entry[] {
  return entries.map((entry) => new Entry(entry.key, state.texts.of(entry.key)))
}

type FilePart = NonNullable<State['multipart']>['files'][number]

function files(state: State, pick: (file: FilePart) => string): Entry[] {
  return state.multipart?.files.map((file) => entryOf(file.field, pick(file))) ?? []
}

function combinedSize(state: State): number {
  let size = 0
  for (const entry of allArgs(state)) size += entry.key.length + entry.text.value.length
  return size
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

function requestLine(state: State): string {
  const start = `${state.method} ${state.uriRaw}`
  return state.protocol === '' ? start : `${start} ${state.protocol}`
}

function fullRequest(state: State): string {
  const headers = state.requestHeaders.map((entry) => `${entry.key}: ${entry.text.value}\r\n`)
  return `${requestLine(state)}\r\n${headers.join('')}\r\n${state.requestBody}`
}

function storeEntries(state: State, name: StoreName): Entry[] {
  const entries: Entry[] = []
  state.store(name).each((key, value) => entries.push(entryOf(key, value)))
  return entries
}

function scalarEntries(value: string | number | null): readonly Entry[] {
  return value === null ? [] : [entryOf('', String(value))]
}

const variables: ReadonlyMap<string, Variable> = buildTable()

/** How many there are: ids run from 0. */
export const variableCount = variables.size

function buildTable(): Map<string, Variable> {
  const table = new Map<string, Variable>()
  const add = (name: string, row: Omit<Variable, 'name' | 'id'>): void => {
    table.set(name, { name, id: table.size, ...row })
  }
  for (const [name, { settled, read }] of Object.entries(scalars)) {
    add(name, { settled, keyed: false, store: null, read: (state) => scalarEntries(read(state)) })
  }
  for (const [name, row] of Object.entries(collections)) add(name, { ...row, keyed: true, store: null })
  for (const name of storeNames) {
    add(name, { settled: 'volatile', keyed: true, store: name, read: (state) => storeEntries(state, name) })
  }
  return table
}

export function variablesSettledIn(phase: number): number[] {
  return [...variables.values()]
    .filter((variable) => variable.settled === phase)
    .map((variable) => variable.id)
}
