// The engine's directives that are no rules: SecRuleEngine, limits, what is inspected and logged. Parsed at load.

import { isOn, parseCount, parseEngineMode, pickWord } from './effects.ts'
import type { EngineMode } from './model.ts'

export interface Settings {
  engine: EngineMode
  requestBodyAccess: boolean
  requestBodyLimitBytes: number
  /** Without a directive the limit of the whole body is the only one. */
  requestBodyNoFilesLimitBytes: number
  requestBodyLimitAction: 'Reject' | 'ProcessPartial'
  requestBodyJsonDepth: number
  responseBodyAccess: boolean
  responseBodyLimitBytes: number
  responseBodyLimitAction: 'Reject' | 'ProcessPartial'
  /** In lower case; without parameters. */
  responseBodyMimeTypes: readonly string[]
  argumentSeparator: string
  argumentsLimit: number
  uploadFileLimit: number
  auditEngine: 'On' | 'Off' | 'RelevantOnly'
  auditParts: string
  /** A pattern over the status; null: every transaction with a logged match is relevant. */
  auditRelevantStatus: string | null
  webAppId: string
  componentSignatures: string[]
}

export function createSettings(): Settings {
  return {
    engine: 'DetectionOnly',
    requestBodyAccess: true,
    requestBodyLimitBytes: 13_107_200,
    requestBodyNoFilesLimitBytes: Number.MAX_SAFE_INTEGER,
    requestBodyLimitAction: 'Reject',
    requestBodyJsonDepth: 512,
    responseBodyAccess: false,
    responseBodyLimitBytes: 524_288,
    responseBodyLimitAction: 'Reject',
    responseBodyMimeTypes: ['text/plain', 'text/html', 'text/xml'],
    argumentSeparator: '&',
    argumentsLimit: 1000,
    uploadFileLimit: 100,
    auditEngine: 'RelevantOnly',
    auditParts: 'ABCFHZ',
    auditRelevantStatus: null,
    webAppId: '',
    componentSignatures: [],
  }
}

type Apply = (settings: Settings, words: readonly string[]) => void

/** One word, no more. */
function one(apply: (settings: Settings, word: string) => void): Apply {
  return (settings, words) => {
    if (words.length !== 1) throw new Error(`takes one word, not ${words.length}`)
    apply(settings, words[0] as string)
  }
}

const limitActions = ['Reject', 'ProcessPartial'] as const

/** By the directive's name in lower case. */
export const settingDirectives: Readonly<Record<string, Apply>> = {
  secruleengine: one((s, word) => {
    s.engine = parseEngineMode(word)
  }),
  secrequestbodyaccess: one((s, word) => {
    s.requestBodyAccess = isOn(word)
  }),
  secrequestbodylimit: one((s, word) => {
    s.requestBodyLimitBytes = parseCount(word)
  }),
  secrequestbodynofileslimit: one((s, word) => {
    s.requestBodyNoFilesLimitBytes = parseCount(word)
  }),
  secrequestbodylimitaction: one((s, word) => {
    s.requestBodyLimitAction = pickWord(word, limitActions)
  }),
  secrequestbodyjsondepthlimit: one((s, word) => {
    s.requestBodyJsonDepth = parseCount(word)
  }),
  secresponsebodyaccess: one((s, word) => {
    s.responseBodyAccess = isOn(word)
  }),
  secresponsebodylimit: one((s, word) => {
    s.responseBodyLimitBytes = parseCount(word)
  }),
  secresponsebodylimitaction: one((s, word) => {
    s.responseBodyLimitAction = pickWord(word, limitActions)
  }),
  secresponsebodymimetype: (s, words) => {
    s.responseBodyMimeTypes = [...s.responseBodyMimeTypes, ...words.map((word) => word.toLowerCase())]
  },
  secresponsebodymimetypesclear: (s) => {
    s.responseBodyMimeTypes = []
  },
  secargumentseparator: one((s, word) => {
    if (word.length !== 1) throw new Error(`"${word}" is more than one character`)
    s.argumentSeparator = word
  }),
  secargumentslimit: one((s, word) => {
    s.argumentsLimit = parseCount(word)
  }),
  secuploadfilelimit: one((s, word) => {
    s.uploadFileLimit = parseCount(word)
  }),
  secauditengine: one((s, word) => {
    s.auditEngine = pickWord(word, ['On', 'Off', 'RelevantOnly'])
  }),
  secauditlogparts: one((s, word) => {
    if (!/^[A-KZ]+$/.test(word)) throw new Error(`"${word}" holds other letters than A to K and Z`)
    s.auditParts = word
  }),
  secauditlogrelevantstatus: one((s, word) => {
    s.auditRelevantStatus = word
  }),
  secwebappid: one((s, word) => {
    s.webAppId = word
  }),
  seccomponentsignature: one((s, word) => {
    s.componentSignatures.push(word)
  }),
}

/** Directives that ask for what this engine does in another way: accepted, and named in the notes of the rule set. */
export const notedDirectives: Readonly<Record<string, string>> = {
  seccollectiontimeout: 'collections live for one transaction: there is nothing to time out',
  secpcrematchlimit: 'every pattern runs in linear time: no limit is needed',
  secpcrematchlimitrecursion: 'every pattern runs in linear time: no limit is needed',
  secunicodemapfile: 'the map of code page 20127 is built in',
  secauditlogformat: 'audit events are JSON',
  secauditlogtype: 'the gateway writes audit events to its own log',
  secauditlog: 'the gateway writes audit events to its own log',
  secauditlogstoragedir: 'the gateway writes audit events to its own log',
  secdebuglog: 'the gateway has one log of its own',
  secdebugloglevel: 'the gateway has one log of its own',
  sectmpdir: 'nothing is written to disk',
  secdatadir: 'nothing is written to disk',
  secuploaddir: 'nothing is written to disk',
  secuploadkeepfiles: 'nothing is written to disk',
  secstatusengine: 'nothing is reported to third parties',
  seccookieformat: 'cookies are read as browsers send them (format 0)',
  secrequestbodyinmemorylimit: 'the body is held in memory up to SecRequestBodyLimit',
}
