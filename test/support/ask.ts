// One request with any Host, which fetch does not allow.
import { type Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  json<T = Record<string, unknown>>(): T
}

export interface AskOptions {
  readonly method?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  /** Without one, every request has a connection of its own. */
  readonly agent?: Agent
  /** When the answer must have ended; else the request fails with the code `OVERDUE`. Without one, it may take for ever. */
  readonly deadlineMs?: number
}

/** Why no answer came. */
export interface AskError extends Error {
  readonly code?: string
  /** The connection was kept from an earlier request: the server may have closed it before this one was sent. */
  readonly onKept?: boolean
}

export function ask(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', host = 'acme.example.com', headers = {}, body, agent, deadlineMs } = options
  return new Promise((resolve, reject) => {
    const req = request(
      { port, path, method, agent: agent ?? false, headers: { ...headers, host }, setHost: false },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text, json: () => JSON.parse(text) })
        })
      },
    )
    if (deadlineMs !== undefined) {
      const overdue = Object.assign(new Error(`no end within ${deadlineMs} ms`), { code: 'OVERDUE' })
      const timer = setTimeout(() => {
        reject(overdue)
        req.destroy()
      }, deadlineMs)
      req.once('close', () => clearTimeout(timer))
    }
    req.on('error', (error) => reject(Object.assign(error, { onKept: req.reusedSocket })))
    req.end(body)
  })
}
