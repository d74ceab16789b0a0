// Keyed 128-bit hash of a counter's key. Any thread; called by counter-table.ts.
// HalfSipHash-2-4 (Aumasson, Bernstein) over the UTF-16LE bytes of the string, two lanes under independent 64-bit keys.
// Keyed, so that no client can aim keys at one neighbourhood of the table; 128 bits, so that keys never meet in practice.

/** Int32 words of key material that `hashKey` wants. */
export const hashSeedWords = 4

/** Writes four Int32 words to `out`. `seed` holds two 64-bit keys. Allocates nothing. */
export function hashKey(text: string, seed: Int32Array, out: Int32Array): void {
  lane(text, seed[0] as number, seed[1] as number, out, 0)
  lane(text, seed[2] as number, seed[3] as number, out, 2)
}

/** One lane: the 64-bit form, written as two words. The rounds are inlined: a call for each doubles the time. */
export function lane(text: string, k0: number, k1: number, out: Int32Array, at: number): void {
  let v0 = k0
  let v1 = k1 ^ 0xee
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  const words = text.length >> 1
  // Steps 0..words take in the text (two rounds each), the last two put out a word each (four rounds).
  for (let step = 0; step <= words + 2; step++) {
    const word = step < words ? pairAt(text, step) : step === words ? tailOf(text) : 0
    v3 ^= word
    if (step === words + 1) v2 ^= 0xee
    if (step === words + 2) v1 ^= 0xdd
    for (let round = step > words ? 4 : 2; round > 0; round--) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= word
    if (step > words) out[at + step - words - 1] = v1 ^ v3
  }
}

function pairAt(text: string, index: number): number {
  return text.charCodeAt(2 * index) | (text.charCodeAt(2 * index + 1) << 16)
}

/** The odd last unit, if any, under the length in bytes, as the specification pads. */
function tailOf(text: string): number {
  const odd = text.length & 1 ? text.charCodeAt(text.length - 1) : 0
  return (text.length << 25) | odd
}
