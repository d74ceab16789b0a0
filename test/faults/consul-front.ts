// A proxy in front of a real Consul that can begin to fail, hang or lie, as registries do.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

export type FrontMode = 'pass' | '500' | 'hang' | 'empty' | 'back'

export interface ConsulFront {
  readonly url: string
  /** What is under way is cut off by a change, so that it takes effect at once. */
  setMode(mode: FrontMode): void
  close(): Promise<void>
}

export async function startConsulFront(consulPort: number): Promise<ConsulFront> {
  let mode: FrontMode = 'pass'
  const open = new Set<ServerResponse>()
  const server = createServer((req, res) => {
    open.add(res)
    res.once('close', () => open.delete(res))
    if (mode === 'pass' || mode === 'back') forward(req, res, consulPort, mode === 'back')
    else if (mode === '500') res.writeHead(500).end('rpc error: No cluster leader')
    else if (mode === 'empty') sayEmpty(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    setMode(next) {
      mode = next
      for (const res of open) res.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forward(req: IncomingMessage, res: ServerResponse, port: number, back: boolean): void {
  const { method, url, headers } = req
  const up = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    // Lower with every answer, as if each came from an older server.
    const index = back ? { 'x-consul-index': String(Math.ceil(2 ** 40 - performance.now())) } : {}
    res.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...index })
    answer.pipe(res)
  })
  up.on('error', () => res.destroy())
  res.on('close', () => up.destroy())
  req.pipe(up)
}

/** No service has instances, no key exists. */
function sayEmpty(req: IncomingMessage, res: ServerResponse): void {
  const isKey = req.url?.startsWith('/v1/kv/') === true
  res.writeHead(isKey ? 404 : 200, { 'content-type': 'application/json', 'x-consul-index': '999999' })
  res.end(isKey ? '' : '[]')
}
