// HAProxy as a bare proxy with keep-alive on both sides, one thread.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, startProgram } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const haproxy: Gateway = {
  name: 'haproxy',
  async start({ hostAndPort }, directory) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const file = join(directory, 'haproxy.cfg')
    await writeFile(
      file,
      `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
  timeout tunnel 1h
  http-reuse always
frontend bench
  bind 127.0.0.1:${port}
  default_backend upstream
backend upstream
  server one ${hostAndPort}
`,
    )
    const command = ['haproxy', '-db', '-f', file]
    const started = await startProgram({ command, readyUrl: `${origin}${paths.small}`, core: gatewayCore })
    return { ...started, origin, headers: {} }
  },
}
