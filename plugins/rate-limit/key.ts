// Whose counter a request uses, as a text such as `per-user|tenant=acme|user=42`. Worker thread.
// The text is both the store's key and what an operator types, so it says each part's kind and escapes `%`, `|` and `=`
// in values: two different owners never have one key. It holds no config version: counters outlive reloads.
import { hash } from 'node:crypto'
import type { Identity } from '../../gateway/contract/exchange.ts'
import { toIpNetwork } from './ip-network.ts'
import type { LimitConfig } from './schema.ts'

/** What a key is made of; every RequestView is one. */
export interface KeySource {
  readonly tenant: { readonly id: string } | null
  readonly hostTenant: { readonly id: string } | null
  readonly identity: Pick<Identity, 'userId' | 'tenantId' | 'claims'> | null
  readonly clientIp: string
  readonly route: { readonly id: string }
  header(name: string): string | undefined
}

export interface KeyForm {
  /** The form with placeholders, for operators: `per-user|tenant=...|user=...`. */
  readonly template: string
  keyOf(source: KeySource): string
  /** The key that these parts make; an Error says what is missing or unknown. */
  keyFrom(parts: ReadonlyMap<string, string>): string | Error
}

interface Part {
  readonly tag: string
  read(source: KeySource): string | undefined
}

/** The tenant plugin's fact, else what the Host names, else what the credential is bound to. */
export function tenantIdOf(
  source: Pick<KeySource, 'tenant' | 'hostTenant' | 'identity'>,
): string | undefined {
  return source.tenant?.id ?? source.hostTenant?.id ?? source.identity?.tenantId ?? undefined
}

const tenantPart: Part = { tag: 'tenant', read: tenantIdOf }

export function createKeyForm(limit: Pick<LimitConfig, 'name' | 'key'>, ipv6PrefixBits: number): KeyForm {
  const parts = limit.key.map(toPart)
  // `1` of one tenant and `1` of another are two users; an address or a route is one and the same for all.
  const isScoped =
    limit.key.some((one) => !['tenant', 'ip', 'route'].includes(one)) && !limit.key.includes('tenant')
  const show = (tag: string, value: string) =>
    `|${tag}=${escapeValue(tag === 'ip' ? toIpNetwork(value, ipv6PrefixBits) : value)}`

  const compose = (
    partOf: (part: Part) => string | undefined,
    ip: string | undefined,
  ): string | undefined => {
    let key = limit.name
    const scope = isScoped ? partOf(tenantPart) : undefined
    if (scope) key += show('tenant', scope)
    for (const part of parts) {
      const value = partOf(part)
      if (value) key += show(part.tag, value)
      else if (ip === undefined) return undefined
      else key += show('ip', ip)
    }
    return key
  }
  const tags = [...(isScoped ? ['tenant'] : []), ...parts.map((part) => part.tag)]
  const template = `${limit.name}${tags.map((tag) => `|${tag}=...`).join('')}`

  return {
    template,
    keyOf: (source) => compose((part) => part.read(source), source.clientIp) as string,
    keyFrom(given) {
      const unknown = [...given.keys()].find((tag) => tag !== 'ip' && !tags.includes(tag))
      if (unknown !== undefined) return new Error(`the key has no part ${unknown}; its form is ${template}`)
      const key = compose((part) => given.get(part.tag), given.get('ip'))
      return (
        key ??
        new Error(`a part is missing; the form is ${template}, with ip=... for a part that is not there`)
      )
    },
  }
}

function toPart(key: string): Part {
  const colon = key.indexOf(':')
  if (colon < 0) return plainParts[key as keyof typeof plainParts]
  const name = key.slice(colon + 1)
  if (key.startsWith('header:')) {
    const lower = name.toLowerCase()
    return { tag: `header:${lower}`, read: (source) => source.header(lower) }
  }
  return { tag: key, read: (source) => toText(source.identity?.claims, name) }
}

const plainParts = {
  tenant: tenantPart,
  user: { tag: 'user', read: (source: KeySource) => source.identity?.userId },
  ip: { tag: 'ip', read: (source: KeySource) => source.clientIp },
  route: { tag: 'route', read: (source: KeySource) => source.route.id },
  // A key is a secret: what is shown, typed and audited is its digest (the first 128 bits of SHA-256).
  'api-key': {
    tag: 'api-key',
    read: (source: KeySource) => {
      const secret = source.header('x-api-key')
      return secret ? hash('sha256', secret, 'hex').slice(0, 32) : undefined
    },
  },
} satisfies Record<string, Part>

/** Claims that hold a list or an object name no owner. */
function toText(claims: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  if (claims === undefined || !Object.hasOwn(claims, name)) return undefined
  const value = claims[name]
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function escapeValue(value: string): string {
  return /[%|=]/.test(value)
    ? value.replaceAll('%', '%25').replaceAll('|', '%7C').replaceAll('=', '%3D')
    : value
}

/** Takes a key's text apart: the limit's name and its parts. */
export function parseKeyText(text: string): { name: string; parts: Map<string, string> } | Error {
  const [name = '', ...segments] = text.split('|')
  const parts = new Map<string, string>()
  for (const segment of segments) {
    const equals = segment.indexOf('=')
    if (equals < 1) return new Error(`"${segment}" is no key part; write kind=value, such as tenant=acme`)
    parts.set(segment.slice(0, equals), unescapeValue(segment.slice(equals + 1)))
  }
  return { name, parts }
}

function unescapeValue(value: string): string {
  return value.replace(/%(25|7c|3d)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}
