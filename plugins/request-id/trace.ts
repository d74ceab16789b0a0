// W3C Trace Context, version 00 (the Recommendation of 2021): reading a parent, writing ourselves in as the next one.
import { type IdSource, isAllZero } from './id-source.ts'

export interface TraceParent {
  readonly traceId: string
  readonly flags: number
}

/** `00-<trace id>-<parent id>-<flags>`, lower-case only, as section 3.2 says. */
const version00 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Sampled, and "the trace id is random" of level 2. Bits that we do not know must go up as zero. */
const knownFlags = 0x03

/** null: there is none, or none that can be believed; the trace then begins here. */
export function parseTraceparent(value: string | undefined): TraceParent | null {
  if (value === undefined || value.length !== 55) return null
  const match = version00.exec(value)
  if (match === null) return null
  const [, traceId, parentId, flags] = match as unknown as [string, string, string, string]
  if (isAllZero(traceId) || isAllZero(parentId)) return null
  return { traceId, flags: Number.parseInt(flags, 16) & knownFlags }
}

export function continueTrace(parent: TraceParent, ids: IdSource): string {
  return `00-${parent.traceId}-${ids.spanId()}-0${parent.flags}`
}

export function beginTrace(sampled: boolean, ids: IdSource): string {
  return `00-${ids.traceId()}-${ids.spanId()}-0${sampled ? 1 : 0}`
}

const maxMembers = 32
/** What section 3.3.1.5 asks every vendor to carry; longer lists lose whole members from the right. */
const maxLength = 512
const memberKey = /^[a-z0-9][a-z0-9_*/@-]{0,255}$/
/** Printable ASCII without comma and equals sign, and not ending in a space. */
const memberValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The list as it may go up; '' when there is none or when it breaks the grammar, which voids all of it. */
export function toTracestate(value: string | undefined): string {
  if (value === undefined || value.length > 8 * maxLength) return ''
  const seen = new Set<string>()
  let kept = ''
  for (const part of value.split(',')) {
    const member = part.trim()
    if (member === '') continue
    const equals = member.indexOf('=')
    const key = member.slice(0, Math.max(0, equals))
    if (!memberKey.test(key) || !memberValue.test(member.slice(equals + 1)) || seen.has(key)) return ''
    seen.add(key)
    if (seen.size > maxMembers) return ''
    const next = kept === '' ? member : `${kept},${member}`
    if (next.length > maxLength) return kept
    kept = next
  }
  return kept
}
