// The yardstick: nginx as a proxy with keep-alive on both sides, no policy, no log.
import { proxyLines, startNginx, upstreamLines } from '../nginx.ts'
import { freePort } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const nginxBare: Gateway = {
  name: 'nginx',
  async start({ hostAndPort }, directory) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const http = `
access_log off;
map $http_upgrade $connection_header { default Upgrade; '' ''; }
${upstreamLines(hostAndPort)}
server {
  listen 127.0.0.1:${port} backlog=4096;
  location / {
    ${proxyLines}
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_header;
  }
}`
    const nginx = await startNginx({
      directory,
      core: gatewayCore,
      readyUrl: `${origin}${paths.small}`,
      http,
    })
    return { ...nginx, origin, headers: {} }
  },
}
