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

/** The locks as one thread sees them. */
export class StripeLocks {
  readonly #words: Int32Array
  readonly #seat: number
  readonly #onTakeover: () => void
  #turn = 0
  /** The word of the present holding. */
  #mine = 0

  /** `words` holds one lock each; `seat` (1 to maxSeats) is this thread's own; `onTakeover` hears of a dead holder's lock. */
  constructor(words: Int32Array, seat: number, onTakeover: () => void) {
    this.#words = words
    this.#seat = seat
    this.#onTakeover = onTakeover
  }

  /** Takes the first `count` locks listed (no repeats), waiting as long as needed; never sleeps while it holds one. */
  acquireAll(stripes: Int32Array, count: number): void {
    this.#turn = (this.#turn + 1) & 0x3ffff
    this.#mine = (this.#turn << turnShift) | (this.#seat << seatShift)
    for (let i = 0; i < count; i++) {
      if (this.#tryAcquire(stripes[i] as number)) continue
      this.releaseAll(stripes, i)
      this.#sleepUntilFree(stripes[i] as number)
      i = -1
    }
  }

  releaseAll(stripes: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#release(stripes[i] as number)
  }

  #tryAcquire(stripe: number): boolean {
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.compareExchange(this.#words, stripe, 0, this.#mine) === 0) return true
    }
    return false
  }

  /** Returns once the lock was seen free, or was made free because its holder is dead. */
  #sleepUntilFree(stripe: number): void {
    const words = this.#words
    let seen = 0
    let wakes = 0
    for (;;) {
      const word = Atomics.load(words, stripe)
      if (word === 0) return
      const marked = word | sleeperBit
      if (marked !== seen) wakes = 0
      seen = marked
      if (wakes === takeoverWakes) {
        if (Atomics.compareExchange(words, stripe, word, 0) === word) this.#onTakeover()
        return
      }
      if (word !== marked && Atomics.compareExchange(words, stripe, word, marked) !== word) continue
      Atomics.wait(words, stripe, marked, sleepMs)
      wakes += 1
    }
  }

  #release(stripe: number): void {
    const mine = this.#mine
    if (Atomics.compareExchange(this.#words, stripe, mine, 0) === mine) return
    // Somebody sleeps, or (the comparison fails) the lock was taken over and is another's now.
    const marked = mine | sleeperBit
    if (Atomics.compareExchange(this.#words, stripe, marked, 0) === marked)
      Atomics.notify(this.#words, stripe)
  }
}
