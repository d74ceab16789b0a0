// Which rule files a config means, and how the engine reads them. Both threads: on main it reads, in workers it repeats.
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FileReader } from '../../gateway/contract/ports.ts'
import type { RuleSource, WafConfig } from './schema.ts'
import type { RuleText } from './seclang/rule-set.ts'

const baselineFile = fileURLToPath(new URL('../../config/waf/baseline.conf', import.meta.url))
const preambleFile = fileURLToPath(new URL('./seclang/preamble.conf', import.meta.url))

/** Where Debian's package modsecurity-crs puts its rules, in the order they are to be read. */
const debianPatterns = [
  '/etc/modsecurity/crs/crs-setup.conf',
  '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf',
  '/usr/share/modsecurity-crs/rules/*.conf',
  '/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf',
]

/** Values of one request: as many as fit into a body of the usual limit, and more than fit into a request target. */
const mostArguments = 10_000

/** A place in the config that names no file. */
export class RuleFileError extends Error {
  /** Relative to the config. */
  readonly pointer: string

  constructor(pointer: string, message: string) {
    super(message)
    this.pointer = pointer
  }
}

/** All texts in the order the engine reads them. Throws a RuleFileError for a pattern that means nothing. */
export function readRuleTexts(source: RuleSource, config: WafConfig, files: FileReader): RuleText[] {
  const named = source.rules.length > 0 ? source.rules : [defaultRules(files)]
  const paths = named.flatMap((pattern, index) => pathsOf(pattern, `/rules/${index}`, files))
  const setup = source.setup.map((text, index) => ({ file: `setup[${index}]`, text: toBytes(text) }))
  return [
    readText(preambleFile, files),
    ...setup,
    ...[...new Set(paths)].map((path) => readText(path, files)),
    // Last, so that no rule file changes what the config says.
    { file: 'waf config', text: toSettings(config) },
  ]
}

function defaultRules(files: FileReader): string {
  return files.variable('AEGIS_CRS_DIR') === undefined ? '@baseline' : '@crs'
}

function pathsOf(pattern: string, pointer: string, files: FileReader): readonly string[] {
  if (pattern === '@baseline') return [baselineFile]
  if (pattern === '@crs') return crsPaths(pointer, files)
  const found = files.find(pattern)
  if (found.length === 0) throw new RuleFileError(pointer, `no file is there for "${pattern}"`)
  return found
}

function crsPaths(pointer: string, files: FileReader): readonly string[] {
  const directory = files.variable('AEGIS_CRS_DIR')
  const found =
    directory === undefined ? debianPatterns.flatMap((one) => files.find(one)) : crsIn(directory, files)
  if (found.some((path) => /\/REQUEST-9[^/]*\.conf$/.test(path))) return found
  const place =
    directory === undefined
      ? 'AEGIS_CRS_DIR is not set and the package modsecurity-crs is not installed'
      : `${directory} holds no rules`
  throw new RuleFileError(pointer, `the OWASP Core Rule Set was not found: ${place}`)
}

/** A checkout of the rule set, with its set-up file as it is or as it comes. */
function crsIn(directory: string, files: FileReader): readonly string[] {
  const setup = files.find(join(directory, 'crs-setup.conf'))
  const example = setup.length > 0 ? setup : files.find(join(directory, 'crs-setup.conf.example'))
  const rules = files.find(join(directory, 'rules', '*.conf'))
  return [...example, ...(rules.length > 0 ? rules : files.find(join(directory, 'REQUEST-*.conf')))]
}

function readText(path: string, files: FileReader): RuleText {
  return { file: path, text: files.read(path) }
}

/** What files say with Include and data files, beside the file that says it. */
export function createRuleReader(files: FileReader) {
  return {
    readFile: (name: string, from: string): string => files.read(resolve(dirname(from), name)),
    include(pattern: string, from: string): readonly RuleText[] {
      const found = files.find(resolve(dirname(from), pattern))
      if (found.length === 0) throw new Error(`no file is there for "${pattern}"`)
      return found.map((path) => readText(path, files))
    },
  }
}

function toSettings(config: WafConfig): string {
  const lines = [
    `SecRequestBodyLimit ${Math.max(config.bodyLimitBytes, config.uploadLimitBytes)}`,
    `SecRequestBodyLimitAction ${config.onBodyLimit === 'reject' ? 'Reject' : 'ProcessPartial'}`,
    `SecArgumentsLimit ${mostArguments}`,
    // Whether there is a body to inspect is decided by the plugin, answer by answer.
    'SecResponseBodyAccess On',
    `SecResponseBodyLimit ${config.responseBodyLimitBytes}`,
    'SecResponseBodyLimitAction ProcessPartial',
    'SecResponseBodyMimeTypesClear',
    `SecResponseBodyMimeType ${config.responseBodyTypes.join(' ')}`,
  ]
  const audit = { off: 'Off', relevant: 'RelevantOnly', all: 'On' }[config.audit]
  lines.push(`SecAuditEngine ${audit}`, `SecAuditLogParts ${config.auditParts}`)
  return `${lines.join('\n')}\n`
}

/** Rule texts are compared with bytes of requests. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
