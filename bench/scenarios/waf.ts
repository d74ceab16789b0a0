// What a WAF with the Core Rule Set costs on a request that is none of its business. The cost of the WAF alone is a row less the
// same gateway without it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aegisNoPlugins, aegisWaf } from '../gateways/aegis.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { nginxModsecurity } from '../gateways/nginx-modsecurity.ts'
import { measureRequests } from '../load/requests.ts'
import type { Scenario, Turn } from '../scenario.ts'
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

const gateways = [nginxModsecurity, aegisWaf(), aegisNoPlugins(), nginxBare]

export const wafGet: Scenario = {
  name: 'waf-get',
  about: 'GET as a browser sends it, three arguments and a bearer token; Core Rule Set at paranoia level 1',
  unit: 'us/request',
  gateways,
  measure: (turn) =>
    measureRequests(turn, {
      path: `${paths.small}?q=blue+chairs&page=2&sort=name`,
      headers: { ...browser, Authorization: `Bearer ${signToken()}` },
      connections: 16,
    }),
}

const items = Array.from({ length: 40 }, (_, id) => ({
  id,
  name: `Garden chair number ${id}`,
  description: 'Made of oak, oiled twice; comes with a cushion in blue or green.',
  tags: ['garden', 'oak', 'chair'],
  price: 49.5 + id,
}))

export const wafJson: Scenario = {
  name: 'waf-json',
  about: `POST of ${(JSON.stringify({ items }).length / 1024).toFixed(0)} KB of JSON; Core Rule Set at paranoia level 1`,
  unit: 'us/request',
  gateways,
  async measure(turn: Turn) {
    const bodyFile = join(turn.directory, `waf-${turn.number}.json`)
    await writeFile(bodyFile, JSON.stringify({ items }))
    const headers = { ...browser, 'Content-Type': 'application/json' }
    return measureRequests(turn, { path: paths.small, method: 'POST', bodyFile, headers, connections: 16 })
  },
}
