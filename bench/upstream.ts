// The upstream of all gateways: an nginx that answers by itself, on the load's core.
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startNginx } from './nginx.ts'
import { freePort } from './process.ts'
import { loadCore } from './scenario.ts'

export interface Upstream {
  readonly origin: string
  readonly hostAndPort: string
  stop(): Promise<void>
}

export const paths = {
  small: '/api/v1/items',
  download: '/api/v1/items/download',
  upload: '/api/v1/items/upload',
  events: '/api/v1/items/events',
} as const
export const largeBytes = 10 * 1024 * 1024
/** Events per second of each stream. */
export const eventsPerSecond = 2

const smallJson = JSON.stringify({ items: [{ id: 1, name: 'first' }] })
const decision = JSON.stringify({ allowed: true, permissions: [], ttl: 300 })

export async function startUpstream(directory: string): Promise<Upstream> {
  const hostAndPort = `127.0.0.1:${await freePort()}`
  const origin = `http://${hostAndPort}`
  const nginx = await startNginx({
    directory,
    core: loadCore,
    readyUrl: `${origin}${paths.small}`,
    modules: ['ndk_http_module', 'ngx_http_lua_module'],
    http: await toLines(directory, hostAndPort),
  })
  return { origin, hostAndPort, stop: nginx.stop }
}

async function toLines(directory: string, hostAndPort: string): Promise<string> {
  await mkdir(directory)
  const large = join(directory, 'large.bin')
  await writeFile(large, '')
  await truncate(large, largeBytes)
  return `
access_log off;
sendfile on;
tcp_nopush on;
client_body_buffer_size 11m;
server {
  listen ${hostAndPort} backlog=4096;
  default_type application/json;
  location / { return 200 '${smallJson}'; }
  location = /aegis/authorize { return 200 '${decision}'; }
  location = ${paths.download} { default_type application/octet-stream; alias ${large}; }
  location = ${paths.upload} {
    content_by_lua_block { ngx.req.read_body() ngx.print('${smallJson}') }
  }
  location = ${paths.events} {
    default_type text/event-stream;
    add_header X-Accel-Buffering no;
    content_by_lua_block {
      while ngx.print('data: {"at":', ngx.now(), '}\\n\\n') and ngx.flush(true) do
        ngx.sleep(${1 / eventsPerSecond})
      end
    }
  }
}`
}
