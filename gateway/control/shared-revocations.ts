// Revocations that several gateways share: this gateway's own store, kept in step with Redis. Main thread.
//
// What is known here counts, whether Redis answers or not; Redis only makes it known elsewhere. So an outage of Redis
// makes nothing valid again, and one that comes back empty is filled again from what the gateways know.
import { GatewayError } from '../contract/errors.ts'
import type { Clock, Logger } from '../contract/ports.ts'
import type { Revocation } from '../contract/protocol.ts'
import type { News } from '../shared-state/redis/news.ts'
import {
  type RevocationHash,
  type SharedRevocation,
  subjectOf,
} from '../shared-state/redis/revocation-hash.ts'
import type { RevocationStore } from './revocations.ts'

export interface SharedRevocations extends RevocationStore {
  /** Another gateway has changed this one. */
  hear(entry: SharedRevocation): void
  /** Compares everything with Redis as soon as it answers: after the start, and when something may have been missed. */
  resync(): void
  /** Does what is due; called while Redis answers. */
  tick(): void
}

export interface SharedRevocationsOptions {
  readonly local: RevocationStore
  readonly hash: RevocationHash
  readonly news: Pick<News, 'tell'>
  readonly clock: Pick<Clock, 'wallMs'>
  readonly log: Logger
  /** Entries kept at most. */
  readonly limit: number
  /** The list has changed by what others did. */
  readonly onChange: () => void
}

export const revocationTopic = 'revocation'
/** Redis has learnt of some that it did not know: whoever compared before that does so again. */
export const mergedTopic = 'revocations-merged'

export function createSharedRevocations(options: SharedRevocationsOptions): SharedRevocations {
  const { local, hash, news, clock, log, limit, onChange } = options
  let due = true
  let syncing = false
  /** Others may have compared before Redis had what this gateway brought. */
  let untold = false

  const isOver = ({ expiresAt }: Revocation): boolean => expiresAt * 1_000 <= clock.wallMs()

  function adopt(step: (live: readonly Revocation[]) => readonly Revocation[]): void {
    local
      .adopt((live) => withinLimit(step(live)))
      .catch((error: Error) =>
        log.error({ reason: error.message }, 'revocations count, but could not be kept'),
      )
    onChange()
  }

  function withinLimit(entries: readonly Revocation[]): readonly Revocation[] {
    if (entries.length <= limit) return entries
    const dropped = entries.length - limit
    log.error({ limit, dropped }, 'too many revocations: those that end soonest are dropped')
    return entries.toSorted(longestFirst).slice(0, limit)
  }

  function hear(entry: SharedRevocation): void {
    const counts = entry.lifted !== true && !isOver(entry)
    adopt((live) => [
      ...live.filter((one) => subjectOf(one) !== subjectOf(entry)),
      ...(counts ? [entry] : []),
    ])
  }

  async function share(entry: SharedRevocation): Promise<SharedRevocation> {
    const [merged = entry] = await hash.merge([entry])
    await news.tell(revocationTopic, merged)
    return merged
  }

  async function sync(): Promise<void> {
    const remote = new Map((await hash.readAll()).map((entry) => [subjectOf(entry), entry]))
    const mine = local.list()
    const unsaid = mine.filter((entry) => isNewTo(remote.get(subjectOf(entry)), entry))
    untold ||= unsaid.length > 0
    for (const entry of await hash.merge(unsaid)) remote.set(subjectOf(entry), entry)
    if (untold) await news.tell(mergedTopic, null)
    untold = false
    await hash.drop([...remote.values()].filter(isOver))
    const next = [...remote.values()].filter((entry) => entry.lifted !== true && !isOver(entry))
    if (isSame(next, mine)) return
    const before = new Set(mine)
    adopt((live) => {
      // What was revoked here meanwhile is told by itself.
      const since = live.filter((entry) => !before.has(entry))
      const newer = new Set(since.map(subjectOf))
      return [...next.filter((entry) => !newer.has(subjectOf(entry))), ...since]
    })
  }

  return {
    list: () => local.list(),
    async add(entry) {
      const added = await local.add(entry)
      try {
        const merged = await share(added)
        // Another gateway may have revoked the same subject for longer.
        if (!isSame([merged], [added])) hear(merged)
        return merged
      } catch (error) {
        due = true
        const reason = (error as Error).message
        log.warn({ reason }, 'a revocation counts here; the other gateways are told when Redis is back')
        return added
      }
    },
    async remove(id) {
      const entry = local.list().find((one) => one.id === id)
      if (entry === undefined) return false
      await share({ ...entry, lifted: true }).catch((cause: Error) => {
        throw cannotLift(cause)
      })
      return local.remove(id)
    },
    adopt: (step) => local.adopt(step),
    stop: () => local.stop(),
    hear,
    resync() {
      due = true
    },
    tick() {
      if (!due || syncing) return
      due = false
      syncing = true
      sync()
        .catch((error: Error) => {
          due = true
          log.warn({ reason: error.message }, 'revocations could not be compared with Redis; tried again')
        })
        .finally(() => {
          syncing = false
        })
    },
  }
}

function isNewTo(known: SharedRevocation | undefined, entry: Revocation): boolean {
  if (known === undefined) return true
  if (known.lifted === true) return known.id !== entry.id || entry.notBefore > known.notBefore
  return entry.notBefore > known.notBefore || entry.expiresAt > known.expiresAt
}

function isSame(a: readonly Revocation[], b: readonly Revocation[]): boolean {
  const texts = (list: readonly Revocation[]) =>
    list
      .map(({ id, notBefore, expiresAt }) => `${id} ${notBefore} ${expiresAt}`)
      .sort()
      .join()
  return a.length === b.length && texts(a) === texts(b)
}

function longestFirst(a: Revocation, b: Revocation): number {
  return b.expiresAt - a.expiresAt
}

function cannotLift(cause: Error): GatewayError {
  return new GatewayError(
    'Redis does not answer, so the other gateways would keep this revocation. Nothing was changed; try again when Redis is back.',
    { code: 'AEGIS_REVOCATION_NOT_SHARED', source: 'internal', status: 503, cause },
  )
}
