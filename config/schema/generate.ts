// Writes the JSON Schema files beside this one, which `$schema` in the config files points to: `npm run schemas`.
// With --check it changes nothing and exits with 1 when they are out of date. Layout does not count: the formatter
// of the project has the last word on it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PluginDefinition } from '../../gateway/contract/plugin.ts'
import { createFileSchemas } from './files.ts'

/** Names of the schema files that do not say what the schemas of the gateway and of these plugins say. */
export function listStaleSchemas(plugins: Iterable<PluginDefinition>): Map<string, object> {
  const stale = new Map<string, object>()
  for (const [key, schema] of Object.entries(createFileSchemas(plugins))) {
    const name = `${key}.schema.json`
    if (readCompact(name) !== JSON.stringify(schema)) stale.set(name, schema)
  }
  return stale
}

function readCompact(name: string): string | null {
  try {
    return JSON.stringify(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')))
  } catch {
    return null
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // The registry is not imported at the top, since the config layer must not depend on plugins.
  const { registry } = await import(new URL('../../plugins/registry.ts', import.meta.url).href)
  const stale = listStaleSchemas(registry)
  if (process.argv.includes('--check')) {
    for (const [name] of stale)
      process.stderr.write(`config/schema/${name} is out of date: run npm run schemas\n`)
    process.exitCode = stale.size === 0 ? 0 : 1
  } else {
    for (const [name, schema] of stale) {
      writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
    }
  }
}
