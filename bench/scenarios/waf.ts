// What a WAF with the Core Rule Set costs on a request that is none of its business. The cost of the WAF alone is a row less the
// same gateway without it.
import { aegisNoPlugins, aegisWaf } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxModsecurity } from '../gateways/nginx-modsecurity.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario } from '../scenario.ts'
import { signToken } from '../tokens.ts'
import { paths } from '../upstream.ts'

const browser = {
  Host: 'api.example.com',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  Accept: 'application/json, text/plain, */*',
  'Accept-Language': 'en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding': 'gzip, deflate',
  Referer: 'https://app.example.com/items',
}

export const wafGet: Scenario = {
  name: 'waf-get',
  about: 'GET as a browser sends it, three arguments and a bearer token; Core Rule Set at paranoia level 1',
  unit: 'us/request',
  gateways: [nginxModsecurity, aegisWaf(), aegisNoPlugins(), nginxBare],
  measure: (turn) =>
    measureRequests(turn, {
      path: `${paths.small}?q=blue+chairs&page=2&sort=name`,
      headers: { ...browser, Authorization: `Bearer ${signToken()}` },
      connections: 16,
    }),
}
