// Checks of a listener's TLS beyond its schema: who is for which host. What stands in the files: config/pem.ts. Main thread.
import type { Report } from '../problems.ts'
import type { GatewayFile } from '../schema/gateway.ts'
import { quote } from '../wording.ts'
import { hostPatternProblem } from './host-pattern.ts'

type Tls = NonNullable<GatewayFile['listeners'][number]['tls']>

export function checkListenerTls(tls: Tls, pointer: string, report: Report): void {
  if (tls.clientAuth !== 'none' && tls.clientCa === undefined) {
    const missing = `clientAuth ${quote(tls.clientAuth)} needs "clientCa": the file of those who issue client certificates.`
    report(`${pointer}/clientCa`, missing)
  }
  if (tls.clientAuth === 'none' && (tls.clientCa !== undefined || tls.forwardClientCert)) {
    const idle = 'Client certificates are set up but not asked for: set clientAuth to "request" or "require".'
    report(`${pointer}/clientAuth`, idle)
  }
  checkHosts(tls, pointer, report)
}

function checkHosts(tls: Tls, pointer: string, report: Report): void {
  const owners = new Map<string, number>()
  for (const [index, { hosts }] of tls.certificates.entries()) {
    for (const [at, host] of hosts.entries()) {
      const place = `${pointer}/certificates/${index}/hosts/${at}`
      const problem = host === '*' ? null : hostPatternProblem(host)
      if (problem !== null) report(place, `${quote(host)} is no host: ${problem}.`)
      const owner = owners.get(host.toLowerCase())
      if (owner !== undefined) {
        report(place, `The certificates number ${owner + 1} and ${index + 1} are both for ${quote(host)}.`)
      }
      owners.set(host.toLowerCase(), index)
    }
  }
}
