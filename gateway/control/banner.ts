// What a person sees at start: the addresses, the admin token if one was made, a curl line that works. Main thread.
import type { GatewayStatus } from '../contract/control-api.ts'
import type { GatewayConfig } from '../contract/snapshot.ts'

export interface BannerParts {
  readonly gateway: GatewayConfig
  readonly listeners: GatewayStatus['listeners']
  readonly adminPort: number
  /** The admin token made for this run; null when the config has tokens. */
  readonly adminToken: string | null
  /** A signed token for the demo's tenant; null without a demo. */
  readonly demoToken: string | null
}

export function toBanner({ gateway, listeners, adminPort, adminToken, demoToken }: BannerParts): string {
  const admin = `http://${gateway.admin.host}:${adminPort}`
  const lines = ['', 'Aegis is up.']
  for (const { name, host, port } of listeners)
    lines.push(`  ${name.padEnd(10)} http://${host}:${port}  (${gateway.workers} workers)`)
  lines.push(`  ${'admin API'.padEnd(10)} ${admin}  (docs: ${admin}/docs)`)
  if (adminToken !== null) {
    lines.push('', 'Admin token, made for this run and shown only here:', `  ${adminToken}`)
  }
  const port = listeners[0]?.port
  if (demoToken !== null && gateway.demo !== null) {
    const url = `http://${gateway.demo.tenant}.localhost:${port}/api/v1/items`
    lines.push('', 'A request of a tenant, through the whole chain, to the sample backend:')
    lines.push(`  curl -H 'Authorization: Bearer ${demoToken}' ${url}`)
  }
  return `${lines.join('\n')}\n\n`
}
