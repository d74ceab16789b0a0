// A chain written by hand in Lua for nginx that does what Aegis's whole chain does (chain.lua says what). One worker: its
// limiter reads and writes in two steps.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkChain } from '../chain-check.ts'
import { proxyLines, startNginx, upstreamLines } from '../nginx.ts'
import { freePort } from '../process.ts'
import { type Gateway, gatewayCore, type Running } from '../scenario.ts'
import { chainHeaders, host, issuer, secret, tenantId } from '../tokens.ts'
import { paths, type Upstream } from '../upstream.ts'

const scripts = fileURLToPath(new URL('nginx-lua', import.meta.url))

export interface NginxLuaOptions {
  /** Whether the upstream's decisions are kept; by default they are. */
  readonly keepDecisions?: boolean
  /** Memory for verified tokens, as nginx writes sizes; about 512 bytes each. */
  readonly tokenMemory?: string
}

export const nginxLua = createNginxLua({})

export function createNginxLua(options: NginxLuaOptions): Gateway {
  return { name: 'nginx-lua-chain', start: (upstream, directory) => start(upstream, directory, options) }
}

async function start(upstream: Upstream, directory: string, options: NginxLuaOptions): Promise<Running> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const nginx = await startNginx({
    directory,
    core: gatewayCore,
    readyUrl: `${origin}/health`,
    modules: ['ndk_http_module', 'ngx_http_lua_module'],
    http: toLines(upstream, { port, directory, options }),
  })
  await checkChain(origin, nginx)
  return { ...nginx, origin, headers: chainHeaders() }
}

/** The fields of Aegis's access log, as far as nginx knows them. */
const logFields: Readonly<Record<string, string>> = {
  time: '$time_iso8601',
  msg: 'request',
  request_id: '$request_id',
  tenant: '$tenant',
  user: '$user',
  route: 'items',
  method: '$request_method',
  scheme: '$scheme',
  host: '$host',
  path: '$uri',
  query: '$args',
  status: '$status',
  source: 'upstream',
  upstream: 'api',
  target: '$upstream_addr',
  duration_ms: '$request_time',
  upstream_ms: '$upstream_response_time',
  request_bytes: '$request_length',
  response_bytes: '$body_bytes_sent',
  client_ip: '$remote_addr',
  user_agent: '$http_user_agent',
  referer: '$http_referer',
}

interface Setup {
  readonly port: number
  readonly directory: string
  readonly options: NginxLuaOptions
}

function toLines({ hostAndPort }: Upstream, { port, directory, options }: Setup): string {
  const tenants = JSON.stringify({ [tenantId]: 'active' })
  const { keepDecisions = true, tokenMemory = '16m' } = options
  const given = { secret, issuer, keepDecisions, baseDomain: host.slice(host.indexOf('.') + 1) }
  return `
lua_package_path '${scripts}/?.lua;;';
lua_shared_dict tokens ${tokenMemory};
lua_shared_dict decisions 16m;
lua_shared_dict buckets 16m;
lua_shared_dict metrics 1m;
log_format json escape=json '${JSON.stringify(logFields)}';
access_log ${join(directory, 'access.log')} json buffer=64k flush=1s;
init_by_lua_block {
  chain = require 'chain'
  chain.configure(require('cjson').decode [[${JSON.stringify(given)}]], require('cjson').decode [[${tenants}]])
}
init_worker_by_lua_block { chain.startWorker() }
${upstreamLines(hostAndPort)}
server {
  listen 127.0.0.1:${port} backlog=4096;
  location = /health { access_log off; return 200 '{"status":"ok"}'; }
  location = /metrics { access_log off; content_by_lua_block { chain.printMetrics() } }
  location = /aegis/authorize { internal; ${proxyLines} proxy_set_header Connection ""; }
  location ${paths.small} {
    set $tenant ''; set $user ''; set $roles ''; set $traceparent '';
    access_by_lua_block { chain.onAccess() }
    header_filter_by_lua_block { chain.onHeaders() }
    log_by_lua_block { chain.onLog() }
    ${proxyLines}
    proxy_set_header Connection "";
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header traceparent $traceparent;
    proxy_set_header tracestate "";
    proxy_set_header X-Tenant-Id $tenant;
    proxy_set_header X-User-Id $user;
    proxy_set_header X-User-Roles $roles;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header Via "1.1 nginx";
    proxy_hide_header Access-Control-Allow-Origin;
    proxy_hide_header Access-Control-Allow-Credentials;
    proxy_hide_header Access-Control-Allow-Methods;
    proxy_hide_header Access-Control-Allow-Headers;
    proxy_hide_header Access-Control-Expose-Headers;
    proxy_hide_header Access-Control-Max-Age;
  }
}`
}
