// The smallest input that still breaks the promise: pieces are left out, halves first, single characters last.

const mostTries = 600
/** Some promises take long to break. */
const mostMs = 20_000

export async function minimise(input: string, breaks: (input: string) => Promise<boolean>): Promise<string> {
  let smallest = input
  let tries = 0
  const until = performance.now() + mostMs
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && tries < mostTries && performance.now() < until; ) {
      tries += 1
      const shorter = smallest.slice(0, at) + smallest.slice(at + size)
      if (await breaks(shorter)) smallest = shorter
      else at += size
    }
  }
  return smallest
}
