// The two halves of documents joined as main thread and workers join them, and an issuer's server to fetch from.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Feed, Report } from '../../../gateway/contract/protocol.ts'
import { createDocumentFetcher, type DocumentFetcher } from '../../../gateway/control/documents.ts'
import { createDocuments, type WorkerDocuments } from '../../../gateway/dataplane/documents.ts'
import { createTestClock, type TestClock } from '../../support/clock.ts'
import { createTestPorts } from '../../support/ports.ts'

export interface Wiring {
  readonly clock: TestClock
  readonly fetcher: DocumentFetcher
  readonly feeds: Feed[]
  readonly logged: { level: string; fields: Record<string, unknown>; message: string }[]
  /** Starts a worker; it hears the replay first, as a respawned one does. */
  addWorker(index: number): WorkerDocuments
  /** The worker dies: nothing reaches it any more, and everything it held is released. */
  removeWorker(index: number): void
}

export function wireDocuments(configDir = '/nonexistent'): Wiring {
  const clock = createTestClock()
  const { log, logged } = createTestPorts()
  const feeds: Feed[] = []
  const workers = new Map<number, WorkerDocuments>()
  const publish = (feed: Feed): void => {
    feeds.push(feed)
    for (const worker of workers.values()) worker.onFeed(structuredClone(feed))
  }
  const fetcher = createDocumentFetcher({ publish, configDir, log, clock, random: () => 0.5 })
  const hear = (report: Report, index: number): void => {
    if (report.topic === 'document-open') fetcher.open(report.key, index)
    else if (report.topic === 'document-refresh') fetcher.refresh(report.key)
    else if (report.topic === 'document-close') fetcher.close(report.key, index)
  }
  return {
    clock,
    fetcher,
    feeds,
    logged,
    addWorker(index) {
      // Reports travel as messages do: never within the call that sends them.
      const worker = createDocuments((report) => queueMicrotask(() => hear(report, index)), clock)
      workers.set(index, worker)
      for (const feed of fetcher.replay()) worker.onFeed(feed)
      return worker
    },
    removeWorker(index) {
      workers.delete(index)
      fetcher.releaseAll(index)
    },
  }
}

export interface TestServer {
  readonly url: string
  /** Requests seen so far. */
  readonly requests: { url: string; headers: Record<string, unknown> }[]
  answer: RequestListener
  /** Stops listening and drops all connections; `start` listens on the same port again. */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startServer(answer: RequestListener): Promise<TestServer> {
  const requests: TestServer['requests'] = []
  const http = createServer((req, res) => {
    requests.push({ url: req.url ?? '', headers: req.headers })
    server.answer(req, res)
  })
  const listen = (port: number) => new Promise<void>((done) => http.listen(port, '127.0.0.1', done))
  await listen(0)
  const { port } = http.address() as AddressInfo
  const server: TestServer = {
    url: `http://127.0.0.1:${port}/`,
    requests,
    answer,
    stop: () =>
      new Promise((done) => {
        http.close(() => done())
        http.closeAllConnections()
      }),
    start: () => listen(port),
  }
  return server
}

/** Waits for what another part of the process does; fails after five seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not come about within 5 s: ${what}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}
