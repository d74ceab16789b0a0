// Which places of a config hold secrets: what a plugin's JSON schema marks `writeOnly`, well-known names, and passwords
// inside URLs. Main thread; called by redact.ts and restore.ts, which walk a value and this view of its schema together.
import type { Json } from '../gateway/contract/control-api.ts'

type SchemaNode = Readonly<Record<string, unknown>>

export const mask = '***'

/** A place in a value: the subschemas that may speak about it, and whether it lies inside something secret. */
export interface Place {
  readonly secret: boolean
  member(key: string, value: Json): Place
  item(index: number, value: Json): Place
}

export function placeOf(schema: object | undefined): Place {
  const root = (schema ?? {}) as SchemaNode
  return createPlace([root], root, false)
}

function createPlace(nodes: readonly SchemaNode[], root: SchemaNode, inherited: boolean): Place {
  const known = expand(nodes, root)
  const secret = inherited || known.some((node) => node.writeOnly === true)
  return {
    secret,
    member: (key, value) =>
      createPlace(memberNodes(known, key), root, secret || (isSecretName(key) && isPlainSecret(value))),
    item: (index) => createPlace(itemNodes(known, index), root, secret),
  }
}

/** Every alternative counts: hiding a value that one alternative calls secret is the safe mistake. */
function expand(nodes: readonly SchemaNode[], root: SchemaNode): readonly SchemaNode[] {
  const found = new Set<SchemaNode>()
  const pending = [...nodes]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node)) continue
    found.add(node)
    for (const word of ['allOf', 'anyOf', 'oneOf']) pending.push(...nodesIn(node[word]))
    for (const word of ['if', 'then', 'else']) pending.push(...nodesIn([node[word]]))
    if (typeof node.$ref === 'string') pending.push(...nodesIn([resolve(root, node.$ref)]))
  }
  return [...found]
}

function memberNodes(nodes: readonly SchemaNode[], key: string): SchemaNode[] {
  return nodes.flatMap((node) => {
    const own = isNode(node.properties) && Object.hasOwn(node.properties, key)
    const patterns = isNode(node.patternProperties) ? Object.entries(node.patternProperties) : []
    const byPattern = patterns
      .filter(([pattern]) => new RegExp(pattern, 'u').test(key))
      .map(([, inner]) => inner)
    const named = own ? [(node.properties as SchemaNode)[key]] : []
    const rest = own || byPattern.length > 0 ? [] : [node.additionalProperties]
    return nodesIn([...named, ...byPattern, ...rest])
  })
}

function itemNodes(nodes: readonly SchemaNode[], index: number): SchemaNode[] {
  return nodes.flatMap((node) => {
    const listed = Array.isArray(node.prefixItems) ? node.prefixItems : []
    return nodesIn([index < listed.length ? listed[index] : node.items])
  })
}

function resolve(root: SchemaNode, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  let node: unknown = root
  for (const segment of reference.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~')
    node = isNode(node) && Object.hasOwn(node, key) ? node[key] : undefined
  }
  return node
}

function nodesIn(list: unknown): SchemaNode[] {
  return Array.isArray(list) ? list.filter(isNode) : []
}

function isNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const secretEndings = [
  'secret',
  'password',
  'passphrase',
  'token',
  'privatekey',
  'secretkey',
  'apikey',
  'credential',
]

/** `clientSecret`, `api_key`, `passwords`; not `tokenHeader`, `publicKey` or `sha256`. */
function isSecretName(key: string): boolean {
  const plain = key.toLowerCase().replaceAll('_', '').replaceAll('-', '')
  const singular = plain.endsWith('s') ? plain.slice(0, -1) : plain
  return secretEndings.some((ending) => singular.endsWith(ending))
}

/** A name alone makes only text secret: `"token": { "cookie": "session" }` says where a token is, not what it is. */
function isPlainSecret(value: Json): boolean {
  return Array.isArray(value) ? value.every((one) => typeof one !== 'object') : typeof value !== 'object'
}

/** Whether this scalar is shown as `***` at this place. */
export function isHidden(value: Json, place: Place): boolean {
  if (typeof value === 'number') return place.secret
  if (typeof value !== 'string' || value === '' || isBarePlaceholder(value)) return false
  return place.secret || hasUrlPassword(value)
}

/** `${NAME}`, `${NAME:-}` or `${file:/path}` and nothing else: a default such as `${NAME:-hunter2}` is itself a secret. */
function isBarePlaceholder(value: string): boolean {
  if (!value.startsWith('${') || value.indexOf('}') !== value.length - 1) return false
  const inner = value.slice(2, -1)
  return inner.startsWith('file:') || !inner.includes(':') || inner.endsWith(':-')
}

function hasUrlPassword(value: string): boolean {
  if (!value.includes('://') || !value.includes('@')) return false
  const authority = value.slice(value.indexOf('://') + 3).split('/', 1)[0] ?? ''
  const colon = authority.indexOf(':')
  const at = authority.lastIndexOf('@')
  return colon !== -1 && colon < at - 1 && !isBarePlaceholder(authority.slice(colon + 1, at))
}
