// The name that a counter has in Redis. Any thread.
import { hash } from 'node:crypto'
import type { LimitAlgorithm, LimitCheck } from '../../contract/ports.ts'

/** Client-made parts (a header, a claim) may be long; a digest is as good a name. */
const longestKey = 256

const letters: Readonly<Record<LimitAlgorithm, string>> = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'token-bucket': 't',
  'leaky-bucket': 'l',
}

export function letterOf(algorithm: LimitAlgorithm): string {
  return letters[algorithm]
}

/**
 * The part in braces decides which node of a Cluster holds the key: a tenant's counters lie together, so that one script
 * reaches all that a request needs. What belongs to no tenant (a limit by address alone) lies under `{-}`.
 */
export function tagOf(key: string): string {
  const at = key.indexOf('|tenant=')
  if (at < 0) return '-'
  const start = at + 8
  const end = key.indexOf('|', start)
  return `t=${nameable(end < 0 ? key.slice(start) : key.slice(start, end))}`
}

export function toRedisKey(
  prefix: string,
  tag: string,
  { key, algorithm }: Pick<LimitCheck, 'key' | 'algorithm'>,
): string {
  return `${prefix}limit:{${tag}}${letters[algorithm]}:${nameable(key)}`
}

/** Redis keeps UTF-8, in which two different broken texts may become the same one. */
function nameable(text: string): string {
  if (text.length <= longestKey && text.isWellFormed() && !text.startsWith('#')) return text
  return `#${hash('sha256', Buffer.from(text, 'utf16le'), 'hex')}`
}
