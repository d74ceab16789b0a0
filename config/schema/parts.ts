// Pieces that several config schemas share. `x-allowed` is the plain-words form of a pattern, for error sentences.
import Type, { type TEnum, type TSchema, type TSchemaOptions } from 'typebox'

/** Every object of the config refuses unknown keys. */
export const closed = { additionalProperties: false } as const

export const schemaReference = Type.Optional(
  Type.String({ description: 'Path of the JSON Schema of this file, for completion in editors.' }),
)

/** Names are used in URLs of the admin API, in metric labels and in headers. */
export function nameOf(what: string) {
  return Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
    'x-allowed': '1 to 128 letters, digits, ".", "_" or "-", the first a letter or digit',
    description: what,
  })
}

/** A duration in milliseconds, at most a day: timers of Node cannot wait longer than 24 days. */
export function durationMs(description: string, value: number, minimum = 1) {
  return Type.Integer({ minimum, maximum: 86_400_000, default: value, description })
}

export function wholeNumber(description: string, value: number, minimum: number, maximum: number) {
  return Type.Integer({ minimum, maximum, default: value, description })
}

export function port(description: string, options: TSchemaOptions = {}) {
  return Type.Integer({ minimum: 0, maximum: 65_535, description, ...options })
}

/** Strings that are each one of a few words. */
export function oneOf<Words extends string[]>(
  words: readonly [...Words],
  options: TSchemaOptions,
): TEnum<Words> {
  return Type.Enum(words, { type: 'string', ...options })
}

/** A list with no entry as its default. */
export function listOf<Item extends TSchema>(item: Item, description: string, options: TSchemaOptions = {}) {
  return Type.Array(item, { default: [], description, ...options })
}
