// The eighth bit of each byte: zero, or set so that the number of ones is even or odd.

export function zeroParity(value: string): string {
  return /[^\0-\x7f]/.test(value) ? mapBytes(value, (byte) => byte & 127) : value
}

export function evenParity(value: string): string {
  return mapBytes(value, (byte) => (hasOddOnes(byte) ? byte | 128 : byte & 127))
}

export function oddParity(value: string): string {
  return mapBytes(value, (byte) => (hasOddOnes(byte) ? byte & 127 : byte | 128))
}

/** Of all eight bits, as ModSecurity counts. */
function hasOddOnes(byte: number): boolean {
  const folded = (byte ^ (byte >> 4)) & 15
  return ((0x6996 >> folded) & 1) === 1
}

function mapBytes(value: string, map: (byte: number) => number): string {
  const bytes = Buffer.from(value, 'latin1')
  const mapped = bytes.map(map) as Buffer
  return bytes.equals(mapped) ? value : Buffer.from(mapped).toString('latin1')
}
