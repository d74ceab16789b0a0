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
      tenant: { type: 'string', description: 'Whose it is, where every tenant has its own.' },
      target: { type: 'string' },
      healthy: { type: 'boolean', description: 'Result of the active checks; true when there are none.' },
      ejectedForMs: { type: 'number', description: '0 when the target is not ejected.' },
    },
  },
}

const discovery = {
  type: 'array',
  readOnly: true,
  description: 'How it stands with the look-up of the endpoints. Left out of the file when it is sent back.',
  items: {
    type: 'object',
    properties: {
      tenant: { type: ['string', 'null'] },
      source: { type: 'string', enum: ['consul', 'dns'] },
      name: { type: 'string', description: 'The service or the DNS name.' },
      state: {
        type: 'string',
        enum: ['waiting', 'found', 'empty', 'failed'],
        description: 'Of the last attempt; with empty and failed the last good endpoints stay.',
      },
      error: { type: ['string', 'null'] },
      foundAt: { type: ['string', 'null'], format: 'date-time' },
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
    Upstream: extended(valueSchema(files.routes, 'upstreams'), {
      name: { type: 'string' },
      endpoints,
      discovery,
    }),
  }
}

function extended(schema: Node, members: Node): Node {
  return { ...schema, properties: { ...asNode(schema.properties), ...members, dry_run: dryRun } }
}

function itemSchema(file: object, member: string): Node {
  return standAlone(asNode(memberSchema(file, member).items), file)
}

/** Of a map: the schema of any value. */
function valueSchema(file: object, member: string): Node {
  const map = memberSchema(file, member)
  const patterns = Object.values(asNode(map.patternProperties))
  return standAlone(asNode(patterns[0] ?? map.additionalProperties), file)
}

function memberSchema(file: object, member: string): Node {
  return asNode(asNode((file as Node).properties)[member])
}

/** References into the file's definitions lead nowhere in the document, so what they mean is put in their place. */
function standAlone(schema: Node, file: object): Node {
  const definitions = asNode((file as Node).definitions)
  const plain = JSON.parse(JSON.stringify(schema)) as Node
  const { $id: _, ...rest } = inlined(plain, definitions, []) as Node
  return { type: 'object', ...rest }
}

const definitionPrefix = '#/definitions/'

function inlined(node: unknown, definitions: Node, inside: readonly string[]): unknown {
  if (Array.isArray(node)) return node.map((one) => inlined(one, definitions, inside))
  if (typeof node !== 'object' || node === null) return node
  const reference = (node as Node).$ref
  if (typeof reference === 'string') {
    const name = reference.slice(definitionPrefix.length)
    const known = reference.startsWith(definitionPrefix) && Object.hasOwn(definitions, name)
    // What contains itself, or lies elsewhere, is left open: the document explains, it does not validate.
    return known && !inside.includes(name) ? inlined(definitions[name], definitions, [...inside, name]) : {}
  }
  return Object.fromEntries(
    Object.entries(node).map(([key, inner]) => [key, inlined(inner, definitions, inside)]),
  )
}

function asNode(value: unknown): Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {}
}
