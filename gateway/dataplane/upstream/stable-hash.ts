// Weighted rendezvous hashing: which of several candidates a key belongs to, the same in every worker, process and
// version of a config, with no table to rebuild. Worker thread; used by hash-balancer.ts and split.ts.

/** FNV-1a over the UTF-16 units of the text, mixed at the end (murmur3's finaliser), as an unsigned 32-bit number. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/**
 * How much the candidate wants the key; the highest of all candidates gets it. Each one gets a share of the keys in
 * proportion to its weight, and a change of one weight moves only keys from or to that one. (Thaler and Ravishankar
 * 1998; with weights: Schindelhauer and Schomaker 2005, "logarithmic method".)
 */
export function scoreOf(keyHash: number, candidateHash: number, weight: number): number {
  // In (0, 1): never 0, whose logarithm has no end.
  const uniform = (mix(keyHash ^ Math.imul(candidateHash, 0x9e3779b1)) + 0.5) / 4_294_967_296
  return -weight / Math.log(uniform)
}

function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
