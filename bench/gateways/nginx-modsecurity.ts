// nginx with libmodsecurity and the Core Rule Set: the WAF that most people run. Both of Debian's packages.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { proxyLines, startNginx, upstreamLines } from '../nginx.ts'
import { freePort } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

const rules = process.env.AEGIS_CRS_DIR ?? '/usr/share/modsecurity-crs/rules'
const setUp = '/etc/modsecurity/crs/crs-setup.conf'

export const nginxModsecurity: Gateway = {
  name: 'nginx-modsecurity',
  async start({ hostAndPort }, directory) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const rulesFile = join(directory, 'rules.conf')
    const lines = [
      'SecRuleEngine On',
      'SecRequestBodyAccess On',
      'SecResponseBodyAccess Off',
      'SecAuditEngine Off',
    ]
    await writeFile(rulesFile, [...lines, `Include ${setUp}`, `Include ${rules}/*.conf`, ''].join('\n'))
    const http = `
access_log off;
${upstreamLines(hostAndPort)}
server {
  listen 127.0.0.1:${port} backlog=4096;
  modsecurity on;
  modsecurity_rules_file ${rulesFile};
  location / {
    ${proxyLines}
  }
}`
    const nginx = await startNginx({
      directory,
      core: gatewayCore,
      modules: ['ngx_http_modsecurity_module'],
      readyUrl: `${origin}${paths.small}`,
      http,
    })
    return { ...nginx, origin, headers: {} }
  },
}
