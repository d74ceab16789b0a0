// The schemas of plugins, routes, upstreams and tenants for the OpenAPI document, taken out of the config files' own
// schemas so that there is one truth. Main thread; called by docs.ts.
import type { ControlApi } from '../gateway/contract/control-api.ts'

type Node = Readonly<Record<string, unknown>>

const endpoints = {
  type: 'array',
  readOnly: true,
  description: 'Health of the targets now. Left out of the file when it is sent back.',
  items: {
    type: 'object',
    properties: {
      target: { type: 'string' },
      healthy: { type: 'boolean', description: 'Result of the active checks; true when there are none.' },
      ejectedForMs: { type: 'number', description: '0 when the target is not ejected.' },
    },
  },
}

const dryRun = {
  type: 'boolean',
  readOnly: true,
  description: 'In the answer to a write that changed nothing.',
}

export function resourceSchemas(files: ReturnType<ControlApi['schemas']>['files']): Record<string, object> {
  const item = (file: object, member: string) => extended(itemSchema(file, member), {})
  return {
    Plugin: item(files.plugins, 'plugins'),
    Route: item(files.routes, 'routes'),
    Tenant: item(files.routes, 'tenants'),
    Upstream: extended(valueSchema(files.routes, 'upstreams'), { name: { type: 'string' }, endpoints }),
  }
}

function extended(schema: Node, members: Node): Node {
  return { ...schema, properties: { ...asNode(schema.properties), ...members, dry_run: dryRun } }
}

function itemSchema(file: object, member: string): Node {
  return selfContained(asNode(memberSchema(file, member).items))
}

/** Of a map: the schema of any value. */
function valueSchema(file: object, member: string): Node {
  const map = memberSchema(file, member)
  const patterns = Object.values(asNode(map.patternProperties))
  return selfContained(asNode(patterns[0] ?? map.additionalProperties))
}

function memberSchema(file: object, member: string): Node {
  return asNode(asNode((file as Node).properties)[member])
}

/** A piece that refers to the rest of its file cannot stand alone; then the document only says that it is an object. */
function selfContained(schema: Node): Node {
  const plain = JSON.stringify(schema)
  if (plain.includes('"$ref"') || plain === '{}') return { type: 'object', additionalProperties: true }
  const { $id: _, ...rest } = JSON.parse(plain) as Node
  return rest
}

function asNode(value: unknown): Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {}
}
