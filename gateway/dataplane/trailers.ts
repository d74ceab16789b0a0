// Which trailer fields cross the gateway (RFC 9110 section 6.5), in both directions. They stay trailers, so that a name
// which means something to a gateway, a cache or a login never passes: whoever merges them into the headers behind us
// must gain nothing that a header could not have said. Worker thread; called where a body ends.
import { findFieldFault } from './headers.ts'
import { addField, type Fields, findField, Kind, toPlainName } from './http1/fields.ts'

/** Flat list of names and values, checked by whoever read them; null: there are none. */
export type Trailers = readonly string[] | null

/** What one message may have; more make it invalid. */
export const mostTrailers = 100

/**
 * RFC 9110 section 6.5.1: routing, modifiers and conditions of a request, authentication, control of caches, the format of
 * the content; and what browsers and servers act on by common use. Plain spellings.
 */
const never: ReadonlySet<string> = new Set(
  (
    'age allow alt-svc authorization cache-control cdn-cache-control clear-site-data cookie cookie2 date early-data ' +
    'expires from last-event-id last-modified link location max-forwards origin pragma prefer priority range referer ' +
    'refresh retry-after server set-cookie set-cookie2 strict-transport-security surrogate-control timing-allow-origin ' +
    'upgrade-insecure-requests user-agent vary warning www-authenticate x-api-key x-client-ip x-cluster-client-ip ' +
    'x-content-type-options x-csrf-token x-frame-options x-host x-http-method x-http-method-override x-method-override ' +
    'x-original-host x-original-url x-rewrite-url x-sendfile x-xss-protection'
  ).split(' '),
)
const neverBegins =
  /^(?:accept|access-control|content|cross-origin|if|proxy|sec|x-accel|x-auth|x-forwarded)-|^accept$/
/** Made to be sent behind the content (RFC 9530 section 2). */
const contentDigest = 'content-digest'

/** Of a request, for an upstream that takes trailers. `edits`: what plugins said of its headers is not said anew. */
export function toUpstreamTrailers(trailers: Trailers, edits: readonly (string | null)[] | null): Trailers {
  if (trailers === null) return null
  return pick(trailers, (plain) => !isEdited(plain, edits))
}

/** Of an answer. */
export function toDownstreamTrailers(trailers: Trailers): Trailers {
  return trailers === null ? null : pick(trailers, () => true)
}

/** RFC 9110 section 10.1.4: the client does something with trailers. */
export function acceptsTrailers(fields: Fields): boolean {
  const te = findField(fields, 'te') ?? ''
  return te.split(',').some((one) => one.trim().toLowerCase() === 'trailers')
}

function pick(trailers: readonly string[], allows: (plain: string) => boolean): Trailers {
  const picked: string[] = []
  const fields: Fields = { raw: [], names: [], kinds: [] }
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string
    const value = trailers[i + 1] as string
    if (findFieldFault(name, value) !== null) continue
    addField(fields, name, value)
    const plain = toPlainName(name)
    if (fields.kinds.at(-1) === Kind.plain && isHarmless(plain) && allows(plain)) picked.push(name, value)
  }
  return picked.length === 0 ? null : picked
}

function isHarmless(plain: string): boolean {
  if (plain === contentDigest) return true
  return !never.has(plain) && !neverBegins.test(plain)
}

function isEdited(plain: string, edits: readonly (string | null)[] | null): boolean {
  if (edits === null) return false
  for (let i = 0; i < edits.length; i += 2) if (toPlainName(edits[i] as string) === plain) return true
  return false
}
