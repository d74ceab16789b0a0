// A mutex word in shared memory that outlives its holder's death. Any thread; called by counter-table.ts.
//
// Word: 0 free, else (turn << 13 | seat << 1 | somebody sleeps). The seat names the holding thread, the turn makes two
// holdings of one thread differ. A worker that is terminated inside a critical section never unlocks; so a waiter that
// has itself slept and woken `takeoverWakes` times and saw one and the same word each time takes the lock over. Wakes are
// counted, not time: when the whole process stands still (SIGSTOP, a throttled container), nobody's wakes count. No
// thread sleeps while it holds a lock, and a critical section allocates next to nothing, so a living holder is
// done within microseconds of getting the processor; the waiter gets it `takeoverWakes` times before it gives up.

const sleeperBit = 1
const seatShift = 1
const turnShift = 13
export const maxSeats = (1 << (turnShift - seatShift)) - 1

const spins = 100
const sleepMs = 1
const takeoverWakes = 500

export interface StripeLocks {
  /** Takes every lock of the list (no repeats), waiting as long as needed, and never sleeps while it holds one. */
  acquireAll(stripes: Int32Array, count: number): void
  releaseAll(stripes: Int32Array, count: number): void
}

/** `words` holds one lock each; `seat` (1 to maxSeats) is this thread's own; `onTakeover` hears of a dead holder's lock. */
export function createStripeLocks(words: Int32Array, seat: number, onTakeover: () => void): StripeLocks {
  let turn = 0
  let mine = 0

  function tryAcquire(stripe: number): boolean {
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.compareExchange(words, stripe, 0, mine) === 0) return true
    }
    return false
  }

  /** Returns once the lock was seen free, or was made free because its holder is dead. */
  function sleepUntilFree(stripe: number): void {
    let seen = 0
    let wakes = 0
    for (;;) {
      const word = Atomics.load(words, stripe)
      if (word === 0) return
      const marked = word | sleeperBit
      if (marked !== seen) wakes = 0
      seen = marked
      if (wakes === takeoverWakes) {
        if (Atomics.compareExchange(words, stripe, word, 0) === word) onTakeover()
        return
      }
      if (word !== marked && Atomics.compareExchange(words, stripe, word, marked) !== word) continue
      Atomics.wait(words, stripe, marked, sleepMs)
      wakes += 1
    }
  }

  function release(stripe: number): void {
    if (Atomics.compareExchange(words, stripe, mine, 0) === mine) return
    // Somebody sleeps, or (the comparison fails) the lock was taken over and is another's now.
    if (Atomics.compareExchange(words, stripe, mine | sleeperBit, 0) === (mine | sleeperBit)) {
      Atomics.notify(words, stripe)
    }
  }

  return {
    acquireAll(stripes, count) {
      turn = (turn + 1) & 0x3ffff
      mine = (turn << turnShift) | (seat << seatShift)
      for (let i = 0; i < count; i++) {
        if (tryAcquire(stripes[i] as number)) continue
        for (let held = 0; held < i; held++) release(stripes[held] as number)
        sleepUntilFree(stripes[i] as number)
        i = -1
      }
    },
    releaseAll(stripes, count) {
      for (let i = 0; i < count; i++) release(stripes[i] as number)
    },
  }
}
