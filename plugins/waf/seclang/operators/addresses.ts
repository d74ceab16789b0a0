// @ipMatch: addresses and networks, IPv4 and IPv6.
import { BlockList, isIP } from 'node:net'

export type AddressTest = (value: string) => boolean

export function addressesOf(argument: string): string[] {
  return argument.split(/[,\s]+/).filter((entry) => entry !== '')
}

/** One entry a line, or several between commas; `#` begins a comment. */
export function addressesOfFile(text: string): string[] {
  return text.split(/\r?\n/).flatMap((line) => addressesOf(line.replace(/#.*$/, '')))
}

export function createAddressTest(entries: readonly string[]): AddressTest {
  const list = new BlockList()
  for (const entry of entries) addEntry(list, entry)
  return (value) => {
    const family = isIP(value)
    return family !== 0 && list.check(value, family === 6 ? 'ipv6' : 'ipv4')
  }
}

function addEntry(list: BlockList, entry: string): void {
  const [address = '', prefix, ...rest] = entry.split('/')
  const family = isIP(address)
  const bits = family === 6 ? 128 : 32
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (family === 0 || rest.length > 0 || !(length <= bits))
    throw new Error(`"${entry}" is no address and no network such as 192.0.2.0/24 or 2001:db8::/32`)
  list.addSubnet(address, length, family === 6 ? 'ipv6' : 'ipv4')
}
