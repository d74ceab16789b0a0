// Walks the JSON Schema of a plugin's config.

export interface SchemaNode {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly description?: string
}

export interface PlacedNode {
  /** Dotted: `issuers[].secret`, `tenants.*.allow`; '' is the config itself. */
  readonly place: string
  readonly node: SchemaNode
  /** True for an entry of `properties`. */
  readonly property: boolean
}

/** Every node of a schema, the root first. */
export function nodesOf(node: SchemaNode, place = '', property = false): PlacedNode[] {
  const below: PlacedNode[] = []
  const join = (name: string) => (place === '' ? name : `${place}.${name}`)
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    below.push(...nodesOf(inner, join(name), true))
  for (const inner of Object.values(node.patternProperties ?? {})) below.push(...nodesOf(inner, join('*')))
  if (typeof node.additionalProperties === 'object')
    below.push(...nodesOf(node.additionalProperties, join('*')))
  if (node.items !== undefined) below.push(...nodesOf(node.items, `${place}[]`))
  for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])])
    below.push(...nodesOf(inner, place))
  return [{ place, node, property }, ...below]
}
