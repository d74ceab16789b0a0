// Addresses and networks as values that compare, and sets of them that answer in O(log n) without allocating.
// Worker thread for lookups, main thread for checks. IPv4 and IPv6 are two separate orders; IPv4-mapped IPv6 is IPv4.
import { isIPv4, isIPv6 } from 'node:net'

/** IPv4: the 32 bits as a number. IPv6: its 32 hex digits, whose text order is the order of the addresses. */
export type Address = number | string

interface Range<A extends Address> {
  readonly first: A
  readonly last: A
}

export interface AddressSet {
  has(address: Address): boolean
}

/** null: no address. A zone (`fe80::1%eth0`) is left aside. */
export function toAddress(text: string): Address | null {
  if (isIPv4(text)) return toIPv4(text)
  const zone = text.indexOf('%')
  const bare = zone < 0 ? text : text.slice(0, zone)
  if (!isIPv6(bare)) return null
  const digits = toIPv6(bare)
  return digits.startsWith(mappedPrefix) ? Number.parseInt(digits.slice(24), 16) : digits
}

const mappedPrefix = '00000000000000000000ffff'

function toIPv4(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function toIPv6(text: string): string {
  const dot = text.includes('.') ? text.lastIndexOf(':') + 1 : text.length
  const tail = dot < text.length ? toIPv4(text.slice(dot)).toString(16).padStart(8, '0') : ''
  const groups = tail === '' ? text : `${text.slice(0, dot)}${tail.slice(0, 4)}:${tail.slice(4)}`
  const [left = '', right] = groups.split('::')
  const head = toDigits(left)
  if (right === undefined) return head
  const end = toDigits(right)
  return head + '0'.repeat(32 - head.length - end.length) + end
}

function toDigits(groups: string): string {
  if (groups === '') return ''
  return groups
    .split(':')
    .map((group) => group.toLowerCase().padStart(4, '0'))
    .join('')
}

/** An address or a CIDR network; a string says what is wrong with it. Bits behind the prefix are ignored. */
export function parseNetwork(text: string): Range<number> | Range<string> | string {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const address = host.includes('%') ? null : toAddress(host)
  if (address === null)
    return `${JSON.stringify(text)} is no IP address or network; write 10.0.0.0/8 or 2001:db8::/32`
  const bits = isIPv4(host) ? 32 : 128
  const told = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(told) || Number(told) > bits) {
    return `${JSON.stringify(text)} has a bad prefix length; it is a number from 0 to ${bits}`
  }
  if (typeof address === 'string') return toRange6(address, Number(told))
  const prefix = Number(told) - (bits - 32)
  if (prefix >= 0) return toRange4(address, prefix)
  return `${JSON.stringify(text)} is wider than all IPv4-mapped addresses; write the IPv4 network, such as 0.0.0.0/0`
}

function toRange4(address: number, prefix: number): Range<number> {
  const size = 2 ** (32 - prefix)
  const first = Math.floor(address / size) * size
  return { first, last: first + size - 1 }
}

function toRange6(digits: string, prefix: number): Range<string> {
  const whole = prefix >> 2
  const rest = prefix & 3
  const kept = digits.slice(0, whole)
  if (rest === 0) return { first: kept.padEnd(32, '0'), last: kept.padEnd(32, 'f') }
  const free = 0xf >> rest
  const nibble = Number.parseInt(digits.charAt(whole), 16)
  return {
    first: (kept + (nibble & ~free).toString(16)).padEnd(32, '0'),
    last: (kept + (nibble | free).toString(16)).padEnd(32, 'f'),
  }
}

/** Throws on a text that parseNetwork refuses. */
export function createAddressSet(networks: readonly string[]): AddressSet {
  const four: Range<number>[] = []
  const six: Range<string>[] = []
  for (const text of networks) {
    const range = parseNetwork(text)
    if (typeof range === 'string') throw new Error(range)
    if (typeof range.first === 'number') four.push(range as Range<number>)
    else six.push(range as Range<string>)
  }
  const merged4 = mergeRanges(four)
  const merged6 = mergeRanges(six)
  return {
    has: (address) => (typeof address === 'number' ? holds(merged4, address) : holds(merged6, address)),
  }
}

/** In order and without overlap, so that one binary search decides. */
function mergeRanges<A extends Address>(ranges: readonly Range<A>[]): Range<A>[] {
  const merged: Range<A>[] = []
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const before = merged.at(-1)
    if (before === undefined || range.first > before.last) merged.push(range)
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last }
  }
  return merged
}

function holds<A extends Address>(ranges: readonly Range<A>[], address: A): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle] as Range<A>).first <= address) low = middle + 1
    else high = middle
  }
  return low > 0 && address <= (ranges[low - 1] as Range<A>).last
}
