// Whose forwarding headers are believed, and which address a request comes from. Compiled once per process; worker thread.
import { BlockList, isIP, SocketAddress } from 'node:net'

export interface Peers {
  /** IPv4-mapped IPv6 as IPv4, without zone, IPv6 in one spelling: one client, one identity. */
  normalise(address: string): string
  isTrusted(address: string): boolean
  /** The rightmost address of X-Forwarded-For that is not a trusted proxy; what stands left of it is hearsay. */
  clientOf(peer: string, forwardedFor: string | undefined): string
}

/** `trusted`: addresses and CIDRs, already validated. */
export function createPeers(trusted: readonly string[]): Peers {
  const list = new BlockList()
  for (const entry of trusted) {
    const slash = entry.indexOf('/')
    const address = slash < 0 ? entry : entry.slice(0, slash)
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (slash < 0) list.addAddress(address, family)
    else list.addSubnet(address, Number(entry.slice(slash + 1)), family)
  }
  const isTrusted = (address: string): boolean => {
    if (trusted.length === 0) return false
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    normalise,
    isTrusted,
    clientOf(peer, forwardedFor) {
      if (forwardedFor === undefined) return peer
      let client = peer
      const hops = forwardedFor.split(',')
      for (let i = hops.length - 1; i >= 0; i--) {
        const hop = normalise(withoutPort((hops[i] as string).trim()))
        if (isIP(hop) === 0) return client
        client = hop
        if (!isTrusted(hop)) return client
      }
      return client
    },
  }
}

function normalise(address: string): string {
  if (!address.includes(':')) return address
  const zone = address.indexOf('%')
  const bare = zone < 0 ? address : address.slice(0, zone)
  if (isIP(bare) !== 6) return bare
  // Writes every IPv6 address in one way, a mapped one with its dots.
  const spelled = new SocketAddress({ address: bare, family: 'ipv6' }).address
  return spelled.startsWith('::ffff:') && isIP(spelled.slice(7)) === 4 ? spelled.slice(7) : spelled
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  if (hop.startsWith('[')) {
    const end = hop.indexOf(']')
    return end < 0 ? hop : hop.slice(1, end)
  }
  const colon = hop.indexOf(':')
  return colon > 0 && colon === hop.lastIndexOf(':') ? hop.slice(0, colon) : hop
}
