// Renders the options of a plugin's schema as the Markdown table of docs/plugins/<name>.md.
import { nodesOf, type SchemaNode } from '../contract/schema.ts'

export const tableStart = '<!-- options: written by test/docs/write-option-tables.ts -->'
export const tableEnd = '<!-- /options -->'

export function toOptionTable(schema: SchemaNode): string {
  const seen = new Set<string>()
  const rows: string[] = []
  const required = new Set(nodesOf(schema).flatMap(requiredBelow))
  for (const { place, node, property, alternative } of nodesOf(schema)) {
    if (!property || seen.has(place)) continue
    seen.add(place)
    const mustBeGiven = required.has(place) && node.default === undefined && !alternative
    const unset = mustBeGiven ? 'required' : toDefault(node)
    rows.push(`| \`${place}\` | ${toTypeName(node)} | ${unset} | ${toProse(node.description ?? '')} |`)
  }
  return ['| Option | Type | Default | What it does |', '|---|---|---|---|', ...rows].join('\n')
}

/** The page with its table replaced; throws when the markers are missing. */
export function withOptionTable(page: string, schema: SchemaNode): string {
  const [start, end] = [page.indexOf(tableStart), page.indexOf(tableEnd)]
  if (start < 0 || end < start) throw new Error(`needs the lines "${tableStart}" and "${tableEnd}"`)
  return `${page.slice(0, start)}${tableStart}\n${toOptionTable(schema)}\n${page.slice(end)}`
}

/** Markdown in which `*` and `_` mean themselves, except in code spans. */
function toProse(text: string): string {
  return toCell(text)
    .split('`')
    .map((part, index) => (index % 2 === 0 ? part.replace(/[*_]/g, '\\$&') : part))
    .join('`')
}

/** Text without what the formatter may change in a table: the width of its columns. */
export function withoutLayout(page: string): string {
  return page.replace(/ *\| */g, '|').replace(/-{3,}/g, '---')
}

function requiredBelow({ place, node }: { place: string; node: SchemaNode }): string[] {
  return (node.required ?? []).map((name) => (place === '' ? name : `${place}.${name}`))
}

function toDefault({ default: value }: SchemaNode): string {
  return value === undefined ? '' : `\`${toCell(JSON.stringify(value))}\``
}

function toTypeName(node: SchemaNode): string {
  const choices = node.anyOf ?? node.oneOf
  if (choices?.every((one) => one.const !== undefined)) return choices.map(toTypeName).join(', ')
  if (choices !== undefined) return [...new Set(choices.map(toTypeName))].join(' or ')
  if (node.const !== undefined) return `\`${toCell(JSON.stringify(node.const))}\``
  if (node.enum !== undefined) return node.enum.map((one) => `\`${toCell(JSON.stringify(one))}\``).join(', ')
  if (node.type === 'array') return node.items === undefined ? 'list' : `list of ${toTypeName(node.items)}`
  if (node.type === 'object' && node.properties === undefined) return 'map'
  return node.type ?? 'any'
}

function toCell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
}
