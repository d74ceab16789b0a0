// http-proxy-3 as its manual has it, with a keep-alive agent.
import { Agent, createServer } from 'node:http'
import { createProxyServer } from 'http-proxy-3'

const [port, target] = process.argv.slice(2) as [string, string]
const proxy = createProxyServer({ target, ws: true, agent: new Agent({ keepAlive: true, maxSockets: 256 }) })
proxy.on('error', (_, __, peer) => peer?.destroy())

createServer({ keepAliveTimeout: 75_000 }, (req, res) => void proxy.web(req, res))
  .on('upgrade', (req, socket, head) => void proxy.ws(req, socket, head))
  .listen(Number(port), '127.0.0.1')
