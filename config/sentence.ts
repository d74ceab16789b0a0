// Turns Ajv's errors into plain sentences with pointers. Main thread, only when a config is refused.
import type { ErrorObject } from 'ajv'
import { escapeStep } from './pointer.ts'
import { kindOf, listChoices, quote, suggest } from './wording.ts'

export interface Mistake {
  /** Relative to the validated value. */
  readonly pointer: string
  readonly message: string
  /** False for an unknown key: the rest of the object can still be checked. */
  readonly breaks: boolean
}

/** `isSecret` says of a pointer that its value must not be shown. */
export function toMistakes(
  errors: readonly ErrorObject[],
  isSecret: (pointer: string) => boolean,
): Mistake[] {
  const kept: ErrorObject[] = []
  for (const error of errors) {
    // Ajv lists the errors of the branches of a union directly before the error of the union.
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') {
      const branches: ErrorObject[] = []
      while (isBelow(kept.at(-1), error)) branches.push(kept.pop() as ErrorObject)
      for (const meant of explainUnion(error, branches.reverse())) kept.push(meant)
    } else if (error.keyword !== 'if' && error.keyword !== 'propertyNames') {
      kept.push(error)
    }
  }
  return kept.map((error) => ({
    pointer: pointerOf(error),
    message: sentenceOf(error, isSecret(error.instancePath)),
    breaks: error.keyword !== 'additionalProperties',
  }))
}

function isBelow(error: ErrorObject | undefined, union: ErrorObject): boolean {
  if (error === undefined || !error.schemaPath.startsWith(`${union.schemaPath}/`)) return false
  return error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`)
}

/** The errors of the branch that was meant, when that can be told; else the union's own. */
function explainUnion(union: ErrorObject, errors: readonly ErrorObject[]): ErrorObject[] {
  const branches = new Map<string, ErrorObject[]>()
  for (const error of errors) {
    const branch = error.schemaPath.slice(union.schemaPath.length + 1).split('/', 1)[0] ?? ''
    const list = branches.get(branch)
    if (list === undefined) branches.set(branch, [error])
    else list.push(error)
  }
  const meant = [...branches.values()].filter((branch) => !branch.some((error) => rulesOut(error, union)))
  const only = meant.length === 1 ? meant[0] : undefined
  if (only === undefined) return [wrongTag(union, errors) ?? union]
  // Defaults within a union are filled in only where the rest of a branch fits: their lack is no mistake.
  const real = only.filter((error) => !isDefaulted(error))
  const meantErrors = real.length === 0 ? only : real
  // The other choices ("auto" beside a number out of range) are worth a mention.
  return meantErrors.every((error) => ranges.has(error.keyword) && isSamePlace(error, union))
    ? [union]
    : meantErrors
}

const ranges: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'pattern',
])

function isSamePlace(a: ErrorObject, b: ErrorObject): boolean {
  return a.instancePath === b.instancePath
}

/** All branches are objects told apart by one key, and its value is none of theirs. */
function wrongTag(union: ErrorObject, errors: readonly ErrorObject[]): ErrorObject | undefined {
  const tags = errors.filter(
    (error) => error.keyword === 'const' && error.instancePath !== union.instancePath,
  )
  const first = tags[0]
  if (first === undefined || tags.some((tag) => !isSamePlace(tag, first))) return undefined
  const allowedValues = tags.map((tag) => tag.params.allowedValue)
  return { ...first, keyword: 'enum', params: { allowedValues } }
}

function isDefaulted(error: ErrorObject): boolean {
  if (error.keyword !== 'required') return false
  const { properties } = (error.parentSchema ?? {}) as Schema
  return properties?.[error.params.missingProperty]?.default !== undefined
}

/** A wrong type, or a wrong word in a key that tells the branches apart. */
function rulesOut(error: ErrorObject, union: ErrorObject): boolean {
  if (isSamePlace(error, union)) return ['type', 'const', 'enum'].includes(error.keyword)
  return error.keyword === 'const'
}

function pointerOf(error: ErrorObject): string {
  const { params, instancePath } = error
  const key = error.keyword === 'required' ? params.missingProperty : params.additionalProperty
  if (typeof key === 'string') return `${instancePath}/${escapeStep(key)}`
  if (error.keyword === 'uniqueItems') return `${instancePath}/${Math.max(params.i, params.j)}`
  return instancePath
}

function sentenceOf(error: ErrorObject, secret: boolean): string {
  const schema = (error.parentSchema ?? {}) as Schema
  const { keyword, params, data } = error
  const name = nameOf(error.instancePath)
  const found = secret || typeof data === 'object' ? `found ${kindOf(data)}` : `found ${quote(data)}`
  switch (keyword) {
    case 'required':
      return `The key ${quote(params.missingProperty)} is missing${meaning(schema, params.missingProperty)}.`
    case 'additionalProperties':
      return unknownKey(String(params.additionalProperty), schema)
    case 'enum':
      return `${name} must be ${listChoices(params.allowedValues)}; ${found}.${near(data, params.allowedValues, secret)}`
    case 'const':
      return `${name} must be ${quote(params.allowedValue)}; ${found}.`
    case 'type':
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'pattern':
    case 'anyOf':
    case 'oneOf':
      return `${name} must be ${describe(schema)}; ${found}.`
    case 'uniqueItems':
      return `${name} holds the same entry twice: entries ${Math.min(params.i, params.j)} and ${Math.max(params.i, params.j)}, counted from 0.`
    default:
      return sizeSentence(error, name)
  }
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly pattern?: string
  readonly 'x-allowed'?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly description?: string
  readonly default?: unknown
}

function sizeSentence(error: ErrorObject, name: string): string {
  const limit = error.params.limit as number | undefined
  switch (error.keyword) {
    case 'minLength':
      return limit === 1 ? `${name} must not be empty.` : `${name} must have at least ${limit} characters.`
    case 'maxLength':
      return `${name} must have at most ${limit} characters.`
    case 'minItems':
      return limit === 1
        ? `${name} must hold at least one entry.`
        : `${name} must hold at least ${limit} entries.`
    case 'maxItems':
      return `${name} must hold at most ${limit} entries.`
    case 'minProperties':
      return `${name} must hold at least ${limit} keys.`
    case 'maxProperties':
      return `${name} must hold at most ${limit} keys.`
    default:
      return `${name} ${error.message ?? `breaks the rule "${error.keyword}"`}.`
  }
}

function unknownKey(key: string, schema: Schema): string {
  const known = Object.keys(schema.properties ?? {}).filter((name) => name !== '$schema')
  const allowed = known.length === 0 ? 'No keys are allowed here.' : `Allowed keys: ${known.join(', ')}.`
  return `Unknown key ${quote(key)}.${suggest(key, known)} ${allowed}`
}

function meaning(schema: Schema, key: unknown): string {
  const description = schema.properties?.[String(key)]?.description
  return description === undefined ? '' : `: ${description.replace(/\.$/, '')}`
}

function near(data: unknown, allowed: unknown, secret: boolean): string {
  if (secret || typeof data !== 'string' || !Array.isArray(allowed)) return ''
  return suggest(
    data,
    allowed.filter((one) => typeof one === 'string'),
  )
}

/** What a schema accepts, in words. */
function describe(schema: Schema): string {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) return [...new Set(branches.map(describe))].join(' or ')
  if (schema.const !== undefined) return quote(schema.const)
  if (schema.enum !== undefined) return listChoices(schema.enum)
  if (schema['x-allowed'] !== undefined) return schema['x-allowed']
  if (schema.pattern !== undefined) return `a text of the form ${schema.pattern}`
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? [])
  return `${types.map((type) => typeWords[type] ?? type).join(' or ')}${range(schema)}`
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

function range(schema: Schema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  const bounds = [
    minimum === undefined ? '' : ` of at least ${minimum}`,
    maximum === undefined ? '' : ` of at most ${maximum}`,
    exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`,
    exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`,
  ]
  return bounds.filter((bound) => bound !== '').join(' and')
}

/** The key that a pointer ends in, or "entry 3 of "hosts"" for an entry of a list. */
function nameOf(pointer: string): string {
  if (pointer === '') return 'This'
  const steps = pointer.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = steps.at(-1) ?? ''
  const before = steps.at(-2) ?? ''
  return /^\d+$/.test(last) && before !== '' ? `Entry ${last} of ${quote(before)}` : quote(last)
}
