// The figure that issue 3 is about: a small JSON answer over keep-alive connections, every gateway side by side.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const smallGet: Scenario = {
  name: 'small-get',
  about: 'GET of a small JSON answer, 64 connections',
  unit: 'us/request',
  gateways: [nginxBare, aegisNoPlugins(), aegisFullChain()],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
