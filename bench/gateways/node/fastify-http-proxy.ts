// @fastify/http-proxy as its manual has it, over undici.
import proxy from '@fastify/http-proxy'
import fastify from 'fastify'

const [port, target] = process.argv.slice(2) as [string, string]
const app = fastify({ keepAliveTimeout: 75_000 })
await app.register(proxy, { upstream: target, websocket: true, undici: { connections: 256, pipelining: 1 } })
await app.listen({ port: Number(port), host: '127.0.0.1' })
