// Messages of 100 bytes there and back over 64 WebSockets.
import { fileURLToPath } from 'node:url'
import { aegisFullChain, aegisNoPlugins } from '../gateways/aegis.ts'
import { haproxy } from '../gateways/haproxy.ts'
import { nginxBare } from '../gateways/nginx-bare.ts'
import { measureClient } from '../load/connections.ts'
import { freePort, startProgram } from '../process.ts'
import { type Gateway, loadCore, type Scenario } from '../scenario.ts'
import { paths } from '../upstream.ts'

const echoFile = fileURLToPath(new URL('../echo-process.ts', import.meta.url))

export const websocket: Scenario = {
  name: 'websocket',
  about: 'echo of 100 bytes over 64 WebSockets',
  unit: 'us/echo',
  gateways: [nginxBare, haproxy, aegisNoPlugins(), aegisFullChain()].map(beforeEcho),
  measure: (turn) => measureClient(turn, { kind: 'echo', path: paths.small, connections: 64 }),
}

/** The same gateway before an upstream of its own that echoes. */
function beforeEcho(gateway: Gateway): Gateway {
  return {
    name: gateway.name,
    async start(_, directory) {
      const hostAndPort = `127.0.0.1:${await freePort()}`
      const origin = `http://${hostAndPort}`
      const command = [process.execPath, echoFile, hostAndPort.slice(hostAndPort.indexOf(':') + 1)]
      const { stop } = await startProgram({ command, readyUrl: origin, core: loadCore })
      const running = await gateway.start({ hostAndPort, origin, stop }, directory).catch(async (error) => {
        await stop()
        throw error
      })
      return { ...running, stop: () => running.stop().finally(stop) }
    },
  }
}
