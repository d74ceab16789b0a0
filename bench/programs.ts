// The programs that the bench runs besides Node.js, one line each. `npm test` needs none of them.

export interface Program {
  readonly name: string
  readonly usedFor: string
  /** Shell command that succeeds when the program is there. */
  readonly check: string
  /** Debian package. */
  readonly debian: string
}

const nginxModules = '/usr/lib/nginx/modules'

export const programs: readonly Program[] = [
  { name: 'wrk', usedFor: 'the load', check: 'command -v wrk', debian: 'wrk' },
  { name: 'h2load', usedFor: 'the load in HTTP/2', check: 'command -v h2load', debian: 'nghttp2-client' },
  { name: 'nginx', usedFor: 'the upstream and the yardstick', check: 'command -v nginx', debian: 'nginx' },
  {
    name: 'Lua in nginx',
    usedFor: 'the hand-written chain, and bodies and streams of the upstream',
    check: `test -e ${nginxModules}/ngx_http_lua_module.so`,
    debian: 'libnginx-mod-http-lua',
  },
  {
    name: 'cjson for LuaJIT',
    usedFor: 'claims of tokens in the hand-written chain',
    check: 'ls /usr/lib/*/lua/5.1/cjson.so',
    debian: 'lua-cjson',
  },
  {
    name: 'Redis',
    usedFor: 'limits that gateways share',
    check: 'command -v redis-server',
    debian: 'redis-server',
  },
  {
    name: 'ModSecurity in nginx',
    usedFor: 'the WAF beside ours',
    check: `test -e ${nginxModules}/ngx_http_modsecurity_module.so`,
    debian: 'libnginx-mod-http-modsecurity',
  },
  {
    name: 'OWASP Core Rule Set',
    usedFor: 'the rules of both',
    check: 'test -d /usr/share/modsecurity-crs/rules',
    debian: 'modsecurity-crs',
  },
  { name: 'HAProxy', usedFor: 'a peer', check: 'command -v haproxy', debian: 'haproxy' },
  { name: 'Caddy', usedFor: 'a peer', check: 'command -v caddy', debian: 'caddy' },
]
