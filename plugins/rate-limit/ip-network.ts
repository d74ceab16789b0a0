// The network that an address is counted under. Worker thread, on the path of requests keyed by address.

/**
 * IPv4 as it is; IPv6 cut to `prefixBits` (`2001:db8:0:1::/64`), because a subscriber has a whole network of addresses.
 * Also takes what it gives. A text that is no address is given back: it is a key like any other.
 */
export function toIpNetwork(text: string, prefixBits: number): string {
  if (!text.includes(':')) return text
  const groups = toGroups(text)
  if (groups === null) return text
  const kept: string[] = []
  for (let i = 0; i * 16 < prefixBits; i++) {
    const bits = Math.min(16, prefixBits - i * 16)
    kept.push(((groups[i] as number) & (0xffff << (16 - bits)) & 0xffff).toString(16))
  }
  return `${kept.join(':')}${kept.length < 8 ? '::' : ''}/${prefixBits}`
}

/** The eight groups of an IPv6 address, without zone and prefix length; null if it is none. */
function toGroups(text: string): number[] | null {
  const end = text.search(/[%/]/)
  const [left = '', right, more] = (end < 0 ? text : text.slice(0, end)).split('::')
  if (more !== undefined) return null
  const head = parseGroups(left)
  if (right === undefined) return head.length === 8 && !head.includes(Number.NaN) ? head : null
  const tail = parseGroups(right)
  const zeros = 8 - head.length - tail.length
  if (zeros < 1) return null
  const groups = [...head, ...new Array<number>(zeros).fill(0), ...tail]
  return groups.includes(Number.NaN) ? null : groups
}

function parseGroups(text: string): number[] {
  if (text === '') return []
  const groups: number[] = []
  for (const part of text.split(':')) {
    if (part.includes('.')) groups.push(...parseDotted(part))
    else groups.push(/^[0-9a-fA-F]{1,4}$/.test(part) ? Number.parseInt(part, 16) : Number.NaN)
  }
  return groups
}

/** The last 32 bits of an address may be written as IPv4 (RFC 4291 section 2.2). */
function parseDotted(text: string): number[] {
  const bytes = text.split('.').map(Number)
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255))
    return [Number.NaN]
  const [a, b, c, d] = bytes as [number, number, number, number]
  return [a * 256 + b, c * 256 + d]
}
