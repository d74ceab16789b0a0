// Via (RFC 9110 section 7.6.3): names this gateway to those behind it, and knows a request that was here before. Worker thread;
// made by worker.ts, asked by admission.ts.

export interface Via {
  /** What this gateway adds, by the version of the request that came. */
  readonly own: Readonly<Record<'1.0' | '1.1' | '2', string>>
  /** What goes up ahead of it; null: the request was here before, or goes round among too many gateways. */
  carry(received: string, trusted: boolean): string | null
}

/** More Aegis gateways in a row than anybody sets up. */
const mostGateways = 16

/** Of ours, whoever sent it: two gateways that do not trust each other must still see that they send in a circle. */
const gatewayMember = /^[0-9]\.?[0-9]? aegis-[0-9a-f]{12}$/

/** `name`: of this process, all of its workers; `aegis-` and twelve hexadecimal digits. */
export function createVia(name: string): Via {
  return {
    own: { '1.0': `1.0 ${name}`, '1.1': `1.1 ${name}`, '2': `2 ${name}` },
    carry(received, trusted) {
      const members = received.split(',').map((member) => member.trim())
      if (members.some((member) => member.split(/[ \t]+/, 2)[1]?.toLowerCase() === name)) return null
      const gateways = members.filter((member) => gatewayMember.test(member))
      if (gateways.length >= mostGateways) return null
      return trusted ? received : gateways.join(', ')
    },
  }
}
