// An HTTP server in Consul's place that says what a test wants, and keeps what it was asked.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LyingConsul {
  readonly url: string
  /** Paths with their queries. */
  readonly asked: string[]
  readonly headers: IncomingMessage['headers'][]
  /** Blocking queries that it holds now. */
  held(): number
  answer: (req: IncomingMessage, res: ServerResponse) => void
  close(): Promise<void>
}

export async function startLyingConsul(answer: LyingConsul['answer']): Promise<LyingConsul> {
  let held = 0
  const server = createServer((req, res) => {
    consul.asked.push(req.url ?? '')
    consul.headers.push(req.headers)
    held += 1
    res.once('close', () => {
      held -= 1
    })
    consul.answer(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const consul: LyingConsul = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    headers: [],
    held: () => held,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return consul
}

/** Answers of its own making, by what they are called in tests. */
export function toInstances(...ports: number[]): object[] {
  return ports.map((port) => ({
    Node: { Address: '127.0.0.1' },
    Service: { Address: '', Port: port, Weights: { Passing: 1, Warning: 1 } },
    Checks: [{ Status: 'passing' }],
  }))
}

export function say(res: ServerResponse, index: number | string | null, value: unknown): void {
  res.setHeader('content-type', 'application/json')
  if (index !== null) res.setHeader('x-consul-index', index)
  res.end(JSON.stringify(value))
}
