// Schema validation: fills in defaults, lets whole placeholders become numbers or booleans, words the errors.
// Main thread; called by load.ts.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { Default } from 'typebox/value'
import { fromPointer, valueAt } from './pointer.ts'
import { type Mistake, toMistakes } from './sentence.ts'

export interface ValidateInput {
  /** Changed in place: defaults, and placeholders that become numbers. */
  readonly value: Record<string, unknown>
  /** Where `value` sits in its file; the pointers of the two sets begin with it. */
  readonly at: string
  readonly whole: ReadonlySet<string>
  readonly filled: ReadonlySet<string>
}

export type Validator = (input: ValidateInput) => Mistake[]

/** Throws when the schema itself cannot be compiled. */
export function createValidator(schema: TSchema): Validator {
  const validate = compile(schema)
  return (input) => run(validate, input)
}

/** Compiled validators of plugin schemas, kept as long as their schema lives: compiling takes longer than validating. */
export interface ValidatorCache {
  /** Like createValidator; defaults within unions are filled in too, which Ajv does not do. */
  validatorOf(schema: TSchema): Validator
}

export function createValidatorCache(): ValidatorCache {
  const compiled = new WeakMap<TSchema, Validator>()
  return {
    validatorOf(schema) {
      const known = compiled.get(schema)
      if (known !== undefined) return known
      const validate = compile(schema)
      const validator: Validator = (input) => run(validate, input, () => void Default(schema, input.value))
      compiled.set(schema, validator)
      return validator
    },
  }
}

/** An Ajv of its own for each schema, so that a reloaded module's schema can be collected with it. */
function compile(schema: TSchema): ValidateFunction {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    ownProperties: true,
    strict: false,
    validateFormats: false,
    validateSchema: false,
    meta: false,
  })
  return ajv.compile(schema)
}

function run(
  validate: ValidateFunction,
  input: ValidateInput,
  fillDefaults: () => void = () => {},
): Mistake[] {
  const check = () => {
    fillDefaults()
    return validate(input.value)
  }
  if (check()) return []
  // All wrong types are reported together, so that one second look is enough.
  if (convertPlaceholders(validate.errors ?? [], input) && check()) return []
  return toMistakes(validate.errors ?? [], (pointer) => input.filled.has(input.at + pointer))
}

/** True when a value was converted. */
function convertPlaceholders(errors: readonly ErrorObject[], input: ValidateInput): boolean {
  let converted = false
  for (const error of errors) {
    if (error.keyword !== 'type' || !input.whole.has(input.at + error.instancePath)) continue
    const path = fromPointer(error.instancePath)
    const last = path.pop()
    const holder = valueAt(input.value, path) as Record<string, unknown>
    const text = last === undefined ? undefined : holder[last]
    if (last === undefined || typeof text !== 'string') continue
    const value = convert(text, [error.params.type].flat() as string[])
    if (value === undefined) continue
    holder[last] = value
    converted = true
  }
  return converted
}

function convert(text: string, types: readonly string[]): number | boolean | undefined {
  const wantsNumber = types.includes('number') || types.includes('integer')
  if (wantsNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return undefined
}
