// Proxies that a Node team would otherwise pick, each a process of its own: bench/gateways/node/.
import { fileURLToPath } from 'node:url'
import { freePort, startProgram } from '../process.ts'
import { type Gateway, gatewayCore } from '../scenario.ts'
import { paths } from '../upstream.ts'

export const httpProxy3 = toGateway('http-proxy-3')
export const fastifyHttpProxy = toGateway('fastify-http-proxy')
export const undiciPool = toGateway('undici-pool')

function toGateway(name: string): Gateway {
  const file = fileURLToPath(new URL(`node/${name}.ts`, import.meta.url))
  return {
    name,
    async start({ origin: target }) {
      const port = await freePort()
      const origin = `http://127.0.0.1:${port}`
      const started = await startProgram({
        command: [process.execPath, file, String(port), target],
        readyUrl: `${origin}${paths.small}`,
        core: gatewayCore,
        env: { NODE_ENV: 'production' },
      })
      return { ...started, origin, headers: {} }
    },
  }
}
