// What HTTP/2 costs at the listener: the same small answer, to few connections with many requests each.
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { nginxHttp2 } from '../gateways/nginx-bare.ts'
import { measureHttp2 } from '../load/h2load.ts'
import type { Scenario } from '../scenario.ts'

export const http2Get: Scenario = {
  name: 'http2-get',
  about: 'GET of a small JSON answer in HTTP/2, 8 connections with 8 requests at a time each',
  unit: 'us/request',
  gateways: [
    nginxHttp2,
    aegisNoPlugins({ http2: true, name: 'aegis-no-plugins-http2' }),
    aegisFullChain({ http2: true, name: 'aegis-full-chain-http2' }),
  ],
  measure: measureHttp2,
}
