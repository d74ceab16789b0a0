// nginx with libmodsecurity and the Core Rule Set: the WAF that most people run. Both of Debian's packages.
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { proxyLines, startNginx, upstreamLines } from '../nginx.ts'
import { freePort } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

const crsDirectory = process.env.AEGIS_CRS_DIR
const rules = crsDirectory ?? '/usr/share/modsecurity-crs/rules'
const setUp =
  crsDirectory === undefined
    ? '/etc/modsecurity/crs/crs-setup.conf'
    : resolve(crsDirectory, '../crs-setup.conf.example')
/** What ModSecurity's recommended config begins with. */
const engine = `SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
`

export const nginxModsecurity: Gateway = {
  name: 'nginx-modsecurity',
  async start({ hostAndPort }, directory) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const rulesFile = join(directory, 'rules.conf')
    await writeFile(rulesFile, `${engine}Include ${setUp}\nInclude ${rules}/*.conf\n`)
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
