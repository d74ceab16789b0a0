// Writes the option tables into docs/plugins/*.md. Run by hand after a schema changed; test/docs/pages.test.ts compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { registry } from '../../plugins/registry.ts'
import { withOptionTable } from './option-table.ts'

for (const { name, schema } of registry) {
  const file = fileURLToPath(new URL(`../../docs/plugins/${name}.md`, import.meta.url))
  if (existsSync(file)) writeFileSync(file, withOptionTable(readFileSync(file, 'utf8'), schema))
  else console.error(`${name} has no docs/plugins/${name}.md`)
}
