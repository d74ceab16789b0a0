// A small multi-tenant API to put behind the gateway: what a service sees, and what it owes the gateway.
// Started by the gateway when its config has `demo`, by tests, or alone: `node examples/sample-backend/server.ts`.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authorize } from './authorize.ts'
import { streamEvents } from './events.ts'
import { createItemStore, type ItemStore } from './items.ts'
import { BadRequest, readJson, readText, sendJson } from './json.ts'
import { openEcho } from './websocket-echo.ts'

export interface SampleBackend {
  readonly port: number
  close(): Promise<void>
}

const longestWaitMs = 60_000

export async function startSampleBackend(options: { port: number; host: string }): Promise<SampleBackend> {
  const items = createItemStore()
  const server = createServer((request, response) => {
    answer(items, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else if (error instanceof BadRequest) sendJson(response, error.status, { error: error.message })
      else sendJson(response, 500, { error: 'internal error' })
    })
  })
  const tunnels = new Set<{ destroy(): void }>()
  server.on('upgrade', (request, socket, head) => {
    tunnels.add(socket)
    socket.on('close', () => tunnels.delete(socket))
    openEcho(request, socket, head)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const tunnel of tunnels) tunnel.destroy()
      }),
  }
}

async function answer(items: ItemStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://backend.invalid')
  const [first = '', second] = url.pathname.slice(1).split('/')
  switch (first) {
    case 'health':
      return sendJson(response, 200, { status: 'ok' })
    case 'items':
      return answerItems(items, second, request, response)
    case 'events':
      return streamEvents(url, request, response)
    case 'echo':
      return sendJson(response, 426, { error: 'This is a WebSocket.' }, { upgrade: 'websocket' })
    case 'public':
      return echo(request, response)
    case 'aegis':
      if (url.pathname === '/aegis/authorize' && request.method === 'POST') {
        return sendJson(response, 200, authorize(await readJson(request)))
      }
      break
    case 'slow':
      return answerLate(Number(url.searchParams.get('ms') ?? 1000), response)
    case 'status':
      return answerStatus(Number(second), response)
  }
  sendJson(response, 404, { error: `Nothing is at ${url.pathname}.` })
}

async function answerItems(
  items: ItemStore,
  id: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const tenant = request.headers['x-tenant-id']
  // The gateway sets it and takes off what a client sent under that name: here it can be believed.
  if (typeof tenant !== 'string') throw new BadRequest(400, 'The header X-Tenant-Id is missing.')
  const user = String(request.headers['x-user-id'] ?? '')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  if (id === undefined && method === 'GET') {
    return sendJson(response, 200, { tenant, user, items: items.list(tenant) })
  }
  if (id === undefined && method === 'POST') {
    const { name } = (await readJson(request)) as { name?: unknown }
    if (typeof name !== 'string' || name === '')
      throw new BadRequest(400, 'The body must be {"name": "..."}.')
    const item = items.add(tenant, name, user)
    if (item === null) throw new BadRequest(409, 'There is no room for more items.')
    return sendJson(response, 201, item, { location: `/items/${item.id}` })
  }
  if (id !== undefined && (method === 'GET' || method === 'DELETE')) {
    const item = method === 'GET' ? items.get(tenant, id) : items.remove(tenant, id)
    if (item === undefined) throw new BadRequest(404, `${tenant} has no item ${id}.`)
    return sendJson(response, 200, item)
  }
  sendJson(
    response,
    405,
    { error: 'Not allowed here.' },
    { allow: id === undefined ? 'GET, HEAD, POST' : 'GET, HEAD, DELETE' },
  )
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readText(request)
  const { method, url, headers } = request
  sendJson(response, 200, { method, path: url, headers, body })
}

function answerLate(ms: number, response: ServerResponse): void {
  if (!(ms >= 0 && ms <= longestWaitMs))
    throw new BadRequest(400, `ms must be between 0 and ${longestWaitMs}.`)
  const timer = setTimeout(() => sendJson(response, 200, { waited_ms: ms }), ms)
  response.on('close', () => clearTimeout(timer))
}

function answerStatus(status: number, response: ServerResponse): void {
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new BadRequest(400, 'The status must be between 200 and 599.')
  }
  sendJson(response, status, { status })
}

if (import.meta.main) {
  const host = process.env.HOST ?? '127.0.0.1'
  const backend = await startSampleBackend({ port: Number(process.env.PORT ?? 4000), host })
  console.log(`The sample backend listens on http://${host}:${backend.port}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void backend.close())
}
