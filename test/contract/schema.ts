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
  /** True inside one of several forms that a value may have. */
  readonly alternative: boolean
}

/** Every node of a schema, the root first. */
export function nodesOf(node: SchemaNode, place = '', property = false, alternative = false): PlacedNode[] {
  const below: PlacedNode[] = []
  const visit = (inner: SchemaNode, at: string, isProperty = false, isForm = alternative) =>
    below.push(...nodesOf(inner, at, isProperty, isForm))
  const join = (name: string) => (place === '' ? name : `${place}.${name}`)
  for (const [name, inner] of Object.entries(node.properties ?? {})) visit(inner, join(name), true)
  for (const inner of Object.values(node.patternProperties ?? {})) visit(inner, join('*'))
  if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, join('*'))
  if (node.items !== undefined) visit(node.items, `${place}[]`)
  for (const inner of node.allOf ?? []) visit(inner, place)
  for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) visit(inner, place, false, true)
  return [{ place, node, property, alternative }, ...below]
}
