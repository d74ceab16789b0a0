// The limit algorithms as pure functions over a row of numbers. Any thread; called by counter-table.ts.
// What each promises, and its error bound, is written in docs/decisions/rate-limit-semantics.md; the cases that every
// store must pass are in test/gateway/shared-state/conformance.ts.
import type { LimitCheck, LimitState } from '../contract/ports.ts'

export type Limit = Omit<LimitCheck, 'key'>

/** Shares of a sliding window: requests closer together than a share of the window are logged as one. */
const slidingShares = 8
const logEntries = slidingShares + 1

/** Numbers that one counter needs. A row of zeros is a counter that nobody has used. */
export const rowCells = 1 + 2 * logEntries

/** Units that rounding may give away; far below the smallest cost, far above the rounding of the largest level. */
const slack = 1e-6

/** Units that can pass at once. */
export function capacityOf(limit: Limit): number {
  const isBucket = limit.algorithm === 'token-bucket' || limit.algorithm === 'leaky-bucket'
  return isBucket && limit.burst > 0 ? limit.burst : limit.limit
}

/** How many cells of a row this algorithm uses; the rest stays untouched. */
export function cellsOf(limit: Pick<Limit, 'algorithm'>): number {
  return limit.algorithm === 'sliding-window' ? rowCells : 2
}

/** Takes the cost if it fits and says so; a refusal leaves the row as it was. */
export function take(limit: Limit, row: Float64Array, at: number, nowMs: number): LimitState {
  return apply(limit, row, at, nowMs, true)
}

/** What `take` would say, with `remaining` and `resetMs` as they are now. Leaves the row as it was. */
export function peek(limit: Limit, row: Float64Array, at: number, nowMs: number): LimitState {
  return apply(limit, row, at, nowMs, false)
}

/** A row whose times are given as ms before `nowMs`, as a store with another clock tells them. */
export function fromAges(limit: Pick<Limit, 'algorithm'>, ages: Float64Array, nowMs: number): Float64Array {
  const row = Float64Array.from(ages)
  for (let cell = 0; cell < row.length; cell++) {
    if (isTime(limit, cell)) row[cell] = nowMs - (row[cell] as number)
  }
  return row
}

function isTime({ algorithm }: Pick<Limit, 'algorithm'>, cell: number): boolean {
  if (algorithm === 'fixed-window') return cell === 0
  return algorithm === 'sliding-window' ? cell === 0 || cell % 2 === 1 : cell === 1
}

function apply(limit: Limit, row: Float64Array, at: number, nowMs: number, taking: boolean): LimitState {
  if (!(limit.limit > 0) || limit.cost > capacityOf(limit)) return never(limit)
  switch (limit.algorithm) {
    case 'fixed-window':
      return fixedWindow(limit, row, at, nowMs, taking)
    case 'sliding-window':
      return slidingWindow(limit, row, at, nowMs, taking)
    default:
      return bucket(limit, row, at, nowMs, taking)
  }
}

/** No wait helps; a window is named so that clients come back rarely rather than never. */
function never(limit: Limit): LimitState {
  const waitMs = Math.ceil(limit.windowMs)
  return { allowed: false, remaining: 0, resetMs: waitMs, retryAfterMs: waitMs, delayMs: 0 }
}

/**
 * Says whether the clock was set back by more than a window since the counter's last use, and if so moves the counter's
 * times to now: nothing is given away, and nobody is locked out until the clock has caught up. A smaller step back is a
 * thread that read the clock first and was served second (`Math.max` below holds the later time).
 */
export function rebase(limit: Limit, row: Float64Array, at: number, nowMs: number): boolean {
  const lastCell = limit.algorithm === 'fixed-window' ? at : at + 1
  const lastMs = row[lastCell] as number
  if (lastMs - nowMs <= limit.windowMs) return false
  if (limit.algorithm === 'sliding-window') gatherLog(row, at, nowMs, lastMs - limit.windowMs)
  else row[lastCell] = nowMs
  return true
}

/** Row: opened at, count. The first request that finds no open window opens one. */
function fixedWindow(
  limit: Limit,
  row: Float64Array,
  at: number,
  nowMs: number,
  taking: boolean,
): LimitState {
  let openedMs = row[at] as number
  let count = row[at + 1] as number
  const now = Math.max(nowMs, openedMs)
  if (count === 0 || now - openedMs >= limit.windowMs) {
    openedMs = now
    count = 0
  }
  const fits = count + limit.cost <= limit.limit
  if (fits && taking) {
    count += limit.cost
    row[at] = openedMs
    row[at + 1] = count
  }
  const endMs = Math.ceil(limit.windowMs - (now - openedMs))
  return {
    allowed: fits,
    remaining: Math.max(0, limit.limit - count),
    resetMs: count === 0 ? 0 : endMs,
    retryAfterMs: fits ? 0 : endMs,
    delayMs: 0,
  }
}

/**
 * Token bucket, and leaky bucket as meter and shaper. Row: level, when it held. The level is what was taken and has
 * not leaked (been refilled) yet: the buckets are mirror images, and one that is stored as "taken" keeps its
 * count when an operator changes the limit. A bucket that was made smaller is full, not in debt: nobody waits longer
 * than an empty-handed newcomer would after filling it.
 */
function bucket(limit: Limit, row: Float64Array, at: number, nowMs: number, taking: boolean): LimitState {
  const depth = capacityOf(limit)
  const msPerUnit = limit.windowMs / limit.limit
  const lastMs = row[at + 1] as number
  const now = Math.max(nowMs, lastMs)
  // A bucket that is more than full (units that other gateways let through) is full until a moment to come.
  const aheadMs = now - nowMs
  const before = Math.min(depth, Math.max(0, (row[at] as number) - (now - lastMs) / msPerUnit))
  const fits = before + limit.cost <= depth + slack
  let level = before
  if (fits && taking) {
    level += limit.cost
    row[at] = level
    row[at + 1] = now
  }
  return {
    allowed: fits,
    remaining: Math.max(0, Math.floor(depth - level + slack)),
    resetMs: Math.ceil(Math.max(0, level - slack) * msPerUnit + aheadMs),
    retryAfterMs: fits
      ? 0
      : Math.max(1, Math.ceil((before + limit.cost - depth - slack) * msPerUnit + aheadMs)),
    // What lies before this request in the bucket leaks first.
    delayMs: fits && limit.shape ? before * msPerUnit : 0,
  }
}

/**
 * A log of who passed when, newest first, in which neighbours share an entry under the time of the later one.
 * Row: when the newest entry was opened, then (last passed at, units) each. An entry stops counting a whole window after
 * its last request: never more than the limit in any window, and a unit comes free at most a share of the window late.
 * Entries are opened at least a share apart, so that shares + 1 of them cover every window.
 */
function slidingWindow(
  limit: Limit,
  row: Float64Array,
  at: number,
  nowMs: number,
  taking: boolean,
): LimitState {
  const window = limit.windowMs
  const now = Math.max(nowMs, row[at + 1] as number)
  const used = unitsInLog(row, at, now, window)
  const fits = used + limit.cost <= limit.limit
  if (fits && taking) logUnits(limit, row, at, now)
  const after = fits && taking ? used + limit.cost : used
  return {
    allowed: fits,
    remaining: Math.max(0, limit.limit - after),
    resetMs: after === 0 ? 0 : Math.ceil(window - (now - (row[at + 1] as number))),
    retryAfterMs: fits ? 0 : waitInLog(row, at, now, limit, used),
    delayMs: 0,
  }
}

function unitsInLog(row: Float64Array, at: number, now: number, window: number): number {
  let used = 0
  for (let cell = at + 1; cell < at + rowCells; cell += 2) {
    if (now - (row[cell] as number) < window) used += row[cell + 1] as number
  }
  return used
}

/** Frees entries, oldest first, until the cost fits. */
function waitInLog(row: Float64Array, at: number, now: number, limit: Limit, used: number): number {
  let left = used
  for (let cell = at + rowCells - 2; cell > at; cell -= 2) {
    const passedMs = row[cell] as number
    if (now - passedMs >= limit.windowMs) continue
    left -= row[cell + 1] as number
    if (left + limit.cost <= limit.limit) return Math.max(1, Math.ceil(limit.windowMs - (now - passedMs)))
  }
  return Math.ceil(limit.windowMs)
}

function logUnits(limit: Limit, row: Float64Array, at: number, now: number): void {
  const newestLives = (row[at + 2] as number) > 0 && now - (row[at + 1] as number) < limit.windowMs
  const oldestLives =
    now - (row[at + rowCells - 2] as number) < limit.windowMs && (row[at + rowCells - 1] as number) > 0
  // The second reason is a window that an operator made longer: its old log may fill all entries.
  const joins = newestLives && (now - (row[at] as number) < limit.windowMs / slidingShares || oldestLives)
  if (!joins) {
    row.copyWithin(at + 3, at + 1, at + rowCells - 2)
    row[at] = now
    row[at + 2] = 0
  }
  row[at + 1] = now
  row[at + 2] = (row[at + 2] as number) + limit.cost
}

/** All that counted after `sinceMs` counts as passed now. */
function gatherLog(row: Float64Array, at: number, nowMs: number, sinceMs: number): void {
  let all = 0
  for (let cell = at + 1; cell < at + rowCells; cell += 2) {
    if ((row[cell] as number) > sinceMs) all += row[cell + 1] as number
    row[cell] = nowMs
    row[cell + 1] = 0
  }
  row[at] = nowMs
  row[at + 2] = all
}
