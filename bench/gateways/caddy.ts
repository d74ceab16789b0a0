// Caddy as a bare proxy with keep-alive on both sides, one processor for its goroutines.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, startProgram } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const caddy: Gateway = {
  name: 'caddy',
  async start({ hostAndPort }, directory) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const file = join(directory, 'Caddyfile')
    await writeFile(
      file,
      `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy ${hostAndPort} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
    )
    const started = await startProgram({
      command: ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
      readyUrl: `${origin}${paths.small}`,
      core: gatewayCore,
      env: { GOMAXPROCS: '1', HOME: directory },
    })
    return { ...started, origin, headers: {} }
  },
}
