// Starts an nginx on a config made of the bench's own lines and the given ones: one worker, nothing of the system's config.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Started, startProgram } from './process.ts'

export interface NginxSetup {
  readonly directory: string
  readonly core: number
  readonly readyUrl: string
  readonly modules?: readonly string[]
  /** Lines of the http block. */
  readonly http: string
  readonly readyHost?: string
}

const modulesDirectory = '/usr/lib/nginx/modules'

export async function startNginx(setup: NginxSetup): Promise<Started> {
  const { directory, core, readyUrl, readyHost } = setup
  await mkdir(directory, { recursive: true })
  const file = join(directory, 'nginx.conf')
  await writeFile(file, toConfig(setup))
  const command = ['nginx', '-e', join(directory, 'error.log'), '-p', directory, '-c', file]
  return startProgram({ command, core, readyUrl, ...(readyHost === undefined ? {} : { readyHost }) })
}

function toConfig({ directory, modules = [], http }: NginxSetup): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  // As root, its worker would run as somebody who may not enter the bench's folder.
  const user = process.getuid?.() === 0 ? ['user root;'] : []
  return [
    ...modules.map((name) => `load_module ${modulesDirectory}/${name}.so;`),
    ...user,
    'daemon off;',
    'worker_processes 1;',
    'worker_rlimit_nofile 65536;',
    `pid ${join(directory, 'nginx.pid')};`,
    `error_log ${join(directory, 'error.log')} warn;`,
    'events { worker_connections 30000; }',
    'http {',
    ...temporary.map((name) => `${name}_temp_path ${join(directory, name)};`),
    'keepalive_requests 1000000000;',
    'keepalive_timeout 75s;',
    'client_max_body_size 20m;',
    http,
    '}\n',
  ].join('\n')
}

/** Lines of a proxying location, shared by the bare proxy and the Lua chain: keep-alive upstream, bodies streamed. */
export const proxyLines = `
proxy_http_version 1.1;
proxy_pass http://upstream;
proxy_request_buffering off;
proxy_max_temp_file_size 0;
proxy_buffers 16 16k;`

export function upstreamLines(hostAndPort: string): string {
  return `upstream upstream { server ${hostAndPort}; keepalive 256; keepalive_requests 1000000000; }`
}
