// Shows config to those who may not see its secrets. Main thread; called by every read of plugins, routes, upstreams,
// tenants and whole config files.
import type { ConfigFiles, Json, JsonObject } from '../gateway/contract/control-api.ts'
import { isHidden, mask, type Place, placeOf } from './secret-places.ts'

export type PluginSchemas = Readonly<Record<string, object>>

export interface SecretSchemas {
  readonly files: Readonly<Record<keyof ConfigFiles, object>>
  readonly plugins: PluginSchemas
}

export function redact(value: JsonObject, place: Place): JsonObject {
  return hide(value, place) as JsonObject
}

export function hide(value: Json, place: Place): Json {
  if (isList(value)) return value.map((item, index) => hide(item, place.item(index, item)))
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, hide(inner, place.member(key, inner))]),
    )
  }
  return isHidden(value, place) ? mask : value
}

/** Array.isArray does not narrow a readonly array away. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One entry of plugins.json: the plugin's own schema speaks about its `config`. */
export function placeOfPlugin(entry: Json, schemas: PluginSchemas): Place {
  const open = placeOf(undefined)
  const name = isObject(entry) ? entry.plugin : undefined
  const own = typeof name === 'string' && Object.hasOwn(schemas, name) ? schemas[name] : undefined
  return { ...open, member: (key, value) => (key === 'config' ? placeOf(own) : open.member(key, value)) }
}

export function placesOfFiles(schemas: SecretSchemas): Readonly<Record<keyof ConfigFiles, Place>> {
  const open = placeOf(undefined)
  const list: Place = { ...open, item: (_, entry) => placeOfPlugin(entry, schemas.plugins) }
  return {
    gateway: placeOf(schemas.files.gateway),
    routes: placeOf(schemas.files.routes),
    plugins: { ...open, member: (key, value) => (key === 'plugins' ? list : open.member(key, value)) },
  }
}

export function redactFiles(files: ConfigFiles, schemas: SecretSchemas): ConfigFiles {
  const places = placesOfFiles(schemas)
  return {
    gateway: redact(files.gateway, places.gateway),
    routes: redact(files.routes, places.routes),
    plugins: redact(files.plugins, places.plugins),
  }
}
