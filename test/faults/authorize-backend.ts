// A SaaS that tells whose request it was, and whose answers to POST /aegis/authorize can be anything.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listenAgain } from './listen-again.ts'

/** `refuses`: the whole server is gone. All others but `well` concern the questions alone. */
export type AuthorizeMode = 'well' | 'refuses' | 'resets' | 'hangs' | 'late' | 'garbage' | '500'

export interface AuthorizeBackend {
  readonly url: string
  /** What is under way is cut off, so that nothing hangs on from the state before. */
  become(how: AuthorizeMode): Promise<void>
  close(): Promise<void>
}

type Say = (res: ServerResponse) => void
const allowed = '{"allowed":true}'
const send =
  (body: string, status = 200, headers: Record<string, string> = {}): Say =>
  (res) =>
    void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

/** All of them say yes to a careless reader. */
const garbage: readonly Say[] = [
  send('yes'),
  send(''),
  send('true'),
  send(`[${allowed}]`),
  send('{"allowed":"true"}'),
  send('{"allowed":1}'),
  send('{"allowed":{}}'),
  send('{"Allowed":true}'),
  send('{"allowed":true'),
  send(`${allowed}${allowed}`),
  send('{"allowed":true,"permissions":"*"}'),
  send('{"allowed":true,"permissions":[1]}'),
  send('{"allowed":true,"ttl":"600"}'),
  send('{"allowed":true,"ttl":-1}'),
  send('{"allowed":true,"ttl":1e999}'),
  send(`{"allowed":true,"note":"${'x'.repeat(2_000)}"}`),
  send(allowed, 201),
  send(allowed, 403),
  send(allowed, 500),
  send(allowed, 302, { location: '/free/x' }),
  send('<html>Please log in</html>', 200, { 'content-type': 'text/html' }),
  (res) => void res.writeHead(204).end(),
  // Cut off behind what would be whole.
  (res) => {
    res.writeHead(200, { 'content-length': '100' }).write(allowed)
    setImmediate(() => res.destroy())
  },
  (res) =>
    void res.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 16\r\ncontent-length: 3\r\n\r\n${allowed}`),
  (res) => void res.socket?.end(`HTTP/1.1 200 OK\ncontent-length: 16\n\n${allowed}`),
  (res) => void res.socket?.end(allowed),
]

export async function startAuthorizeBackend(): Promise<AuthorizeBackend> {
  let how: AuthorizeMode = 'well'
  let said = 0
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      if (req.url !== '/aegis/authorize') return tellWhose(req, res)
      if (how === 'resets') req.socket.resetAndDestroy()
      else if (how === '500') send('{"error":"no database"}', 500)(res)
      else if (how === 'garbage') (garbage[said++ % garbage.length] as Say)(res)
      else if (how !== 'hangs') setTimeout(() => grant(chunks, res), how === 'late' ? 900 : 0)
    })
  })
  await listenAgain(server, 0)
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return {
    url: `http://127.0.0.1:${port}`,
    close,
    async become(next) {
      how = next
      if (next === 'refuses') await close()
      else if (!server.listening) await listenAgain(server, port)
      else server.closeAllConnections()
    },
  }
}

function tellWhose({ headers }: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ tenant: headers['x-tenant-id'], user: headers['x-user-id'] }))
}

function grant(chunks: readonly Buffer[], res: ServerResponse): void {
  const { user_id: user } = JSON.parse(Buffer.concat(chunks).toString())
  send(JSON.stringify({ allowed: user !== 'guest' }))(res)
}
