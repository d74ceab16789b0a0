// Fetches and watches the documents that plugins opened (such as JWK Sets), once for all workers; the last good text stays.
// Main thread; told what to do by the reports of workers (gateway/dataplane/documents.ts), answers with feeds.
import { Agent } from 'undici'
import type { Clock, DocumentSource, Logger } from '../contract/ports.ts'
import type { Feed } from '../contract/protocol.ts'
import { type Attempt, createReader, type ReaderPorts } from './document-reader.ts'

export interface DocumentFetcher {
  /** `holder` is the index of the worker that holds the document. Answered by a feed once an attempt was made. */
  open(key: string, holder: number): void
  /** Fetches now unless the cool-down forbids it; answered by `document-attempt` either way. */
  refresh(key: string): void
  close(key: string, holder: number): void
  /** A worker is gone, with everything it held. */
  releaseAll(holder: number): void
  /** What a new worker must hear first. */
  replay(): Feed[]
  stop(): Promise<void>
}

export interface DocumentFetcherOptions {
  readonly publish: (feed: Feed) => void
  readonly configDir: string
  readonly log: Logger
  readonly clock: Clock
  /** 0 to 1; spreads the fetches of many gateways. */
  readonly random?: () => number
}

interface Text {
  readonly text: string
  readonly version: number
}

/** Texts of documents that nobody holds: a worker's crash or a config that comes back must not lose the last good keys. */
const maxParked = 64

export function createDocumentFetcher(options: DocumentFetcherOptions): DocumentFetcher {
  const dispatcher = new Agent({ connections: 2, pipelining: 1, keepAliveTimeout: 4000 })
  const shared: DocumentPorts = {
    ...options,
    dispatcher,
    random: options.random ?? Math.random,
    nextVersion: createCount(),
  }
  const documents = new Map<string, WatchedDocument>()
  const parked = new Map<string, Text>()

  const release = (key: string, document: WatchedDocument, holder: number): void => {
    document.holders.delete(holder)
    if (document.holders.size > 0) return
    documents.delete(key)
    document.stop()
    if (document.known !== null) park(parked, key, document.known)
  }
  return {
    open(key, holder) {
      const running = documents.get(key)
      if (running !== undefined) {
        running.holders.add(holder)
        running.tellAgain()
        return
      }
      const document = new WatchedDocument(key, shared, parked.get(key) ?? null)
      parked.delete(key)
      document.holders.add(holder)
      documents.set(key, document)
      document.start()
    },
    refresh: (key) => documents.get(key)?.refresh(),
    close(key, holder) {
      const document = documents.get(key)
      if (document !== undefined) release(key, document, holder)
    },
    releaseAll(holder) {
      for (const [key, document] of [...documents]) release(key, document, holder)
    },
    replay: () => [...documents.values()].flatMap((document) => document.feeds()),
    async stop() {
      for (const document of documents.values()) document.stop()
      documents.clear()
      await dispatcher.destroy()
    },
  }
}

function createCount(): () => number {
  let count = 0
  return () => ++count
}

function park(parked: Map<string, Text>, key: string, text: Text): void {
  parked.set(key, text)
  const oldest = parked.keys().next()
  if (parked.size > maxParked && !oldest.done) parked.delete(oldest.value)
}

interface DocumentPorts extends ReaderPorts {
  readonly publish: (feed: Feed) => void
  readonly log: Logger
  readonly random: () => number
  /** One count for all documents: a document that is opened again never goes back in versions. */
  readonly nextVersion: () => number
}

const filePollMs = 500
const firstRetryMs = 1000
/** Retries never lie further apart: a server that comes back is noticed within five seconds. */
const longestRetryMs = 3200

class WatchedDocument {
  readonly holders = new Set<number>()
  known: Text | null
  private readonly key: string
  private readonly source: DocumentSource
  private readonly place: string
  private readonly ports: DocumentPorts
  private readonly read: () => Promise<Attempt>
  private running = false
  private onceMore = false
  private attempted = false
  private stopped = false
  private failures = 0
  private lastReason = ''
  private refreshedAtMs = Number.NEGATIVE_INFINITY
  private cancelNext: () => void = () => {}

  constructor(key: string, ports: DocumentPorts, known: Text | null) {
    this.key = key
    this.source = JSON.parse(key) as DocumentSource
    this.place = toPlace(this.source)
    this.ports = ports
    this.known = known
    this.read = createReader(this.source, ports)
  }

  start(): void {
    this.tellAgain()
    void this.attempt()
  }

  stop(): void {
    this.stopped = true
    this.cancelNext()
  }

  refresh(): void {
    const now = this.ports.clock.monotonicMs()
    if (now - this.refreshedAtMs < this.source.cooldownMs) {
      // The answer of an attempt that runs is this one's too.
      if (!this.running) this.ports.publish({ topic: 'document-attempt', key: this.key })
      return
    }
    this.refreshedAtMs = now
    // An attempt that runs may have been answered before there was what is asked for.
    if (this.running) this.onceMore = true
    else void this.attempt()
  }

  feeds(): Feed[] {
    const { key, known } = this
    const feeds: Feed[] = known === null ? [] : [{ topic: 'document', key, ...known }]
    if (this.attempted) feeds.push({ topic: 'document-attempt', key })
    return feeds
  }

  /** For a worker that comes later; the others know the version and let it go. */
  tellAgain(): void {
    for (const feed of this.feeds()) this.ports.publish(feed)
  }

  private async attempt(): Promise<void> {
    if (this.running) return
    this.running = true
    this.cancelNext()
    let outcome = await this.read()
    if (this.onceMore && !this.stopped) {
      this.onceMore = false
      this.settle(outcome)
      outcome = await this.read()
    }
    this.running = false
    if (this.stopped) return
    this.attempted = true
    this.settle(outcome)
    this.ports.publish({ topic: 'document-attempt', key: this.key })
    this.cancelNext = this.ports.clock.after(this.pauseMs(), () => void this.attempt())
  }

  private settle(outcome: Attempt): void {
    if (outcome.kind === 'failed') {
      this.fail(outcome.reason)
      return
    }
    if (this.failures > 0) this.ports.log.info({ document: this.place }, 'a document can be read again')
    this.failures = 0
    this.lastReason = ''
    if (outcome.kind === 'same' || outcome.text === this.known?.text) return
    this.known = { text: outcome.text, version: this.ports.nextVersion() }
    this.ports.publish({ topic: 'document', key: this.key, ...this.known })
  }

  /** Logged when it begins and when its reason changes, not with every attempt. */
  private fail(reason: string): void {
    this.failures += 1
    if (reason === this.lastReason) return
    this.lastReason = reason
    const fields = { document: this.place, reason }
    const kept = this.known === null ? 'there is none yet' : 'the last good one stays'
    this.ports.log.warn(fields, `a document cannot be read; ${kept}`)
  }

  private pauseMs(): number {
    if (this.source.url === undefined) return filePollMs
    const spread = 0.9 + 0.2 * this.ports.random()
    if (this.failures === 0) return this.source.refreshMs * spread
    const backOffMs = Math.min(firstRetryMs * 2 ** Math.min(this.failures - 1, 20), longestRetryMs)
    return Math.min(backOffMs, this.source.refreshMs) * spread
  }
}

/** Without query or user: these may hold secrets. */
function toPlace({ url, file }: DocumentSource): string {
  if (url === undefined) return file ?? ''
  const parsed = URL.parse(url)
  return parsed === null ? 'an address that is none' : `${parsed.origin}${parsed.pathname}`
}
