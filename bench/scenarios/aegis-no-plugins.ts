// The gateway's own path: admission, routing, forwarding; no policy.
import { startAegis } from '../aegis.ts'
import type { Scenario } from '../scenario.ts'

export const aegisNoPlugins: Scenario = {
  name: 'aegis, no plugins',
  start: (bench) => startAegis(bench, { plugins: [], route: { auth: 'none' }, headers: {} }),
}
