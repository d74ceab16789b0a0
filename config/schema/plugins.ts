// Schema of plugins.json, the dynamic file: which policies run, in which order, where. `config` is checked against
// the plugin's own schema.
import Type, { type Static } from 'typebox'
import { closed, listOf, nameOf, schemaReference } from './parts.ts'

const scope = Type.Object(
  {
    routes: listOf(Type.String(), 'Ids of routes; none is all.', { uniqueItems: true }),
    tenants: listOf(Type.String(), 'Ids of tenants; none is all.', { uniqueItems: true }),
    plans: listOf(Type.String(), 'Names of plans; none is all.', { uniqueItems: true }),
  },
  {
    ...closed,
    default: {},
    description: 'Where the plugin runs. The most specific instance of a plugin wins.',
  },
)

export const pluginEntrySchema = Type.Object(
  {
    id: nameOf('Name of this instance.'),
    plugin: Type.String({
      minLength: 1,
      maxLength: 4096,
      description: 'Name of a plugin, or the path of a module of your own, such as "./custom/my-plugin.ts".',
    }),
    enabled: Type.Boolean({ default: true, description: 'false keeps the entry and skips it.' }),
    scope,
    config: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description: 'Settings of the plugin.',
    }),
  },
  closed,
)

export const pluginsFileSchema = Type.Object(
  {
    $schema: schemaReference,
    plugins: Type.Array(pluginEntrySchema, {
      maxItems: 10_000,
      description: 'The chain, in the order in which the plugins run.',
    }),
  },
  { ...closed, title: 'Aegis plugins.json', description: 'The policy chain; changes are live at once.' },
)

/** plugins.json with its defaults filled in; `config` is still as the operator wrote it. */
export type PluginsFile = Static<typeof pluginsFileSchema>
