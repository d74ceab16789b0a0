// The yardstick: every other figure is told as a multiple of this one.
import { fileURLToPath } from 'node:url'
import { freePort, startNode } from '../process.ts'
import type { Scenario } from '../scenario.ts'

export const bareProxy: Scenario = {
  name: 'bare node:http + undici proxy',
  async start({ upstream, core }) {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/api/v1/items`
    const file = fileURLToPath(new URL('../bare-proxy-process.ts', import.meta.url))
    const proxy = await startNode({ args: [file, String(port), upstream], readyUrl: url, core })
    return { ...proxy, url, headers: {} }
  },
}
