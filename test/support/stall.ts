// When a sender is held back.

/** Answers of others between which nothing moves: by then it would have, if it could. */
const enough = 20

/**
 * Resolves once the count does not grow any more while `other` gets its answers, with what it is then. What is counted shares the
 * processes with the others, so that no slow machine looks like a stall.
 */
export async function untilStalled(count: () => number, other: () => Promise<unknown>): Promise<number> {
  let last = count()
  for (let still = 0; still < enough; ) {
    await other()
    const now = count()
    still = now === last ? still + 1 : 0
    last = now
  }
  return last
}
