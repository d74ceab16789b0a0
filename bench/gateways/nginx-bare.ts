// The yardstick: nginx as a proxy with keep-alive on both sides, no policy, no log.
import { proxyLines, startNginx, upstreamLines } from '../nginx.ts'
import { freePort } from '../process.ts'
import { type Gateway, gatewayCore, type Running } from '../scenario.ts'
import { paths, type Upstream } from '../upstream.ts'

export const nginxBare = createNginx('nginx', false)
export const nginxHttp2 = createNginx('nginx-http2', true)

function createNginx(name: string, http2: boolean): Gateway {
  return { name, start: (upstream, directory) => start(upstream, directory, http2) }
}

async function start({ hostAndPort }: Upstream, directory: string, http2: boolean): Promise<Running> {
  const port = await freePort()
  const readyUrl = `http://127.0.0.1:${port}${paths.small}`
  // A plain port speaks either the one or the other.
  const http2Port = http2 ? await freePort() : port
  const origin = `http://127.0.0.1:${http2Port}`
  const http = `
access_log off;
map $http_upgrade $connection_header { default Upgrade; '' ''; }
${upstreamLines(hostAndPort)}
server {
  listen 127.0.0.1:${port} backlog=4096;
  ${http2 ? `listen 127.0.0.1:${http2Port} http2 backlog=4096;` : ''}
  location / {
    ${proxyLines}
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_header;
  }
}`
  const nginx = await startNginx({ directory, core: gatewayCore, readyUrl, http })
  return { ...nginx, origin, headers: {} }
}
