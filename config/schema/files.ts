// JSON Schemas of the three files for editors and for the admin API: like the schemas that validate, but with what an
// operator may leave out not required, with placeholders allowed, and with each plugin's own schema for its config.
import type { TSchema } from 'typebox'
import type { ConfigFiles } from '../../gateway/contract/control-api.ts'
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import { gatewayFileSchema } from './gateway.ts'
import { pluginsFileSchema } from './plugins.ts'
import { routesFileSchema } from './routes.ts'

type Schema = { [key: string]: unknown }

const dialect = 'http://json-schema.org/draft-07/schema#'
const placeholderReference = { $ref: '#/definitions/placeholder' }
const definitions = {
  placeholder: {
    type: 'string',
    pattern: '\\$\\{[^}]+\\}',
    description: `Filled in at load: \${NAME}, \${NAME:-default} or \${file:path}.`,
  },
}

export function createFileSchemas(plugins: Iterable<PluginDefinition>): Record<keyof ConfigFiles, object> {
  return {
    gateway: { $schema: dialect, ...forEditors(gatewayFileSchema), definitions },
    routes: { $schema: dialect, ...forEditors(routesFileSchema), definitions },
    plugins: {
      $schema: dialect,
      ...withPluginConfigs(forEditors(pluginsFileSchema), [...plugins]),
      definitions,
    },
  }
}

/** The schema of one plugin's config, in the same form. */
export function createPluginSchema(definition: PluginDefinition): object {
  return { $schema: dialect, ...forEditors(definition.schema), definitions }
}

/** A plain copy of a schema that an operator's file, with placeholders and without defaults, satisfies. */
function forEditors(schema: TSchema): Schema {
  return loosen(JSON.parse(JSON.stringify(schema)) as Schema)
}

function loosen(schema: Schema): Schema {
  const loose: Schema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' || key === 'patternProperties') loose[key] = mapValues(value as Schema, loosen)
    else if (key === 'items' || key === 'additionalProperties')
      loose[key] = isSchema(value) ? loosen(value) : value
    else if (key === 'anyOf' || key === 'oneOf' || key === 'allOf')
      loose[key] = (value as Schema[]).map(loosen)
    else if (key === 'required') loose[key] = stillRequired(value as string[], schema.properties as Schema)
    else if (key !== 'x-allowed') loose[key] = value
  }
  if (Array.isArray(loose.required) && loose.required.length === 0) delete loose.required
  return isStrictScalar(schema) ? orPlaceholder(loose) : loose
}

function mapValues(record: Schema, map: (schema: Schema) => Schema): Schema {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value as Schema)]))
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Defaults are filled in before a file is validated; an editor does not do that. */
function stillRequired(keys: readonly string[], properties: Schema | undefined): string[] {
  return keys.filter((key) => (properties?.[key] as Schema | undefined)?.default === undefined)
}

/** A placeholder is a string: it fits wherever any string does, and must be named where a number or one word is wanted. */
function isStrictScalar(schema: Schema): boolean {
  if (schema.enum !== undefined || schema.const !== undefined) return true
  if (schema.type === 'number' || schema.type === 'integer' || schema.type === 'boolean') return true
  return schema.type === 'string' && (schema.pattern !== undefined || schema.maxLength !== undefined)
}

function orPlaceholder(schema: Schema): Schema {
  const { description, default: value, title, ...rest } = schema
  const notes = Object.entries({ title, description, default: value }).filter(
    ([, note]) => note !== undefined,
  )
  return { ...Object.fromEntries(notes), anyOf: [rest, placeholderReference] }
}

/** `if plugin is "x" then config is x's`, for every known plugin; other names are paths of modules. */
function withPluginConfigs(schema: Schema, plugins: readonly PluginDefinition[]): Schema {
  const properties = schema.properties as Schema
  const list = properties.plugins as Schema
  const entry = list.items as Schema
  const entryProperties = entry.properties as Schema
  const plugin = entryProperties.plugin as Schema
  const choices = plugins.map((one) => one.name)
  const items = {
    ...entry,
    properties: {
      ...entryProperties,
      plugin: { ...plugin, anyOf: [{ enum: choices }, { type: 'string', pattern: '^(\\.{0,2}/|\\$\\{)' }] },
    },
    allOf: plugins.map((one) => configRule(one)),
  }
  return { ...schema, properties: { ...properties, plugins: { ...list, items } } }
}

function configRule(definition: PluginDefinition): Schema {
  const config = forEditors(definition.schema)
  const needed = Array.isArray(config.required) ? { required: ['config'] } : {}
  return {
    if: { properties: { plugin: { const: definition.name } }, required: ['plugin'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { config }, ...needed },
  }
}
