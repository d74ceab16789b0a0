// The servers behind a gateway in the soak: whatever a server may do to an answer, picked by the path.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

export interface Backend {
  readonly port: number
  readonly url: string
  /** Closes its port and all connections; `open` takes the same port again. */
  shut(): Promise<void>
  open(): Promise<void>
}

const largeBytes = 256 * 1024
const large = Buffer.alloc(largeBytes, 'aegis ')

/** A clean answer names the tenant that the gateway named, so that the client can tell whose answer it got. */
export async function startBackend(): Promise<Backend> {
  const sockets = new WebSocketServer({ noServer: true })
  // Longer than the gateway keeps a connection, so that the two never meet on one that is being closed.
  const server = createServer({ keepAliveTimeout: 120_000 }, answer)
  server.on('upgrade', (req, socket, head) => {
    sockets.handleUpgrade(req, socket, head, (ws) => {
      ws.on('error', () => {})
      ws.on('message', (text) => ws.send(`${tenantOf(req)} ${text}`))
    })
  })
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  return {
    ...{ port, url: `http://127.0.0.1:${port}` },
    shut: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const ws of sockets.clients) ws.terminate()
      }),
    open: () => listen(server, port),
  }
}

/** Again and again: while it was shut, a connection of somebody else may have taken its port for a moment. */
async function listen(server: Server, port: number): Promise<void> {
  for (;;) {
    const error = await new Promise<Error | null>((resolve) => {
      server.once('error', resolve)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', resolve)
        resolve(null)
      })
    })
    if (error === null) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const tenantOf = (req: IncomingMessage): string => String(req.headers['x-tenant-id'] ?? '-')

const ways: Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => void>> = {
  small: sayWhose,
  large: (req, res) => {
    res.setHeader('x-tenant', tenantOf(req))
    req.resume().on('end', () => res.end(large))
  },
  events: sendEvents,
  slow: (req, res) => void setTimeout(() => sayWhose(req, res), 150),
  // Until its client leaves.
  never: (req) => void req.resume(),
  broken: (req) => void req.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'),
  error: (_, res) => void res.writeHead(500).end('on purpose'),
}

function answer(req: IncomingMessage, res: ServerResponse): void {
  req.on('error', () => {})
  const { url = '' } = req
  if (url === '/aegis/authorize') authorize(req, res)
  else (ways[url.split('/')[2] ?? ''] ?? sayWhose)(req, res)
}

function sayWhose(req: IncomingMessage, res: ServerResponse): void {
  let bytes = 0
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  req.on('end', () => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ tenant: tenantOf(req), user: req.headers['x-user-id'] ?? '-', bytes }))
  })
}

function sendEvents(req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  let left = 5
  const timer = setInterval(() => {
    left -= 1
    res.write(`data: ${tenantOf(req)} ${left}\n\n`)
    if (left === 0) res.end()
  }, 30)
  res.on('close', () => clearInterval(timer))
}

/** Grants all but guests. */
function authorize(req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const { user_id } = JSON.parse(Buffer.concat(chunks).toString())
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ allowed: !String(user_id).startsWith('guest'), ttl: 5 }))
  })
}
