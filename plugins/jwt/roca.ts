// Recognises RSA moduli of the Infineon library whose private keys can be computed (CVE-2017-15361, Nemec et al., CCS 2017).
// Such primes are k * M + (65537^a mod M), so that modulo each small prime of M the modulus is a power of 65537.

const smallPrimes: readonly bigint[] = [
  3n,
  5n,
  7n,
  11n,
  13n,
  17n,
  19n,
  23n,
  29n,
  31n,
  37n,
  41n,
  43n,
  47n,
  53n,
  59n,
  61n,
  67n,
  71n,
  73n,
  79n,
  83n,
  89n,
  97n,
  101n,
  103n,
  107n,
  109n,
  113n,
  127n,
  131n,
  137n,
  139n,
  149n,
  151n,
  157n,
  163n,
  167n,
]

/** A sound key is taken for a broken one less than once in 2^27. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return smallPrimes.every((prime) => isPowerOfGenerator(modulus % prime, prime))
}

function isPowerOfGenerator(value: bigint, prime: bigint): boolean {
  const generator = 65_537n % prime
  let power = 1n
  do {
    if (power === value) return true
    power = (power * generator) % prime
  } while (power !== 1n)
  return false
}
