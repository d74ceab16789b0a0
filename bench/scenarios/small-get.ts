// The figure that issue 3 is about: a small JSON answer over keep-alive connections, every gateway side by side.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { caddy } from '../gateways/caddy.ts'
import { haproxy } from '../gateways/haproxy.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxLua } from '../gateways/nginx-lua.ts'
import { fastifyHttpProxy, httpProxy3, undiciPool } from '../gateways/node-proxies.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const smallGet: Scenario = {
  name: 'small-get',
  about: 'GET of a small JSON answer, 64 connections',
  unit: 'us/request',
  gateways: [
    nginxBare,
    haproxy,
    nginxLua,
    aegisNoPlugins(),
    aegisFullChain(),
    caddy,
    undiciPool,
    fastifyHttpProxy,
    httpProxy3,
  ],
  measure: (turn) => measureRequests(turn, { path: paths.small }),
}
