// The worker's side of shared documents (such as JWK Sets): the main thread fetches, this passes the text on to plugins.
// Worker thread; fed by gateway/control/documents.ts through the protocol's feeds.
import { createSystemClock } from '../contract/clock.ts'
import type { Clock, DocumentHandle, DocumentSource, DocumentsPort } from '../contract/ports.ts'
import type { Feed, Report } from '../contract/protocol.ts'

export interface WorkerDocuments {
  readonly port: DocumentsPort
  /** Takes every feed; those of other topics or of documents that nobody holds are let go. */
  onFeed(feed: Feed): void
}

/** Least time between two questions of this worker about one document: a flood of unknown keys stays in the worker. */
const askEveryMs = 1000

/** Equal sources give equal keys, whatever the order of their members. */
export function toDocumentKey(source: DocumentSource): string {
  const { url, file, refreshMs, cooldownMs, timeoutMs, maxBytes, format } = source
  return JSON.stringify({ url, file, refreshMs, cooldownMs, timeoutMs, maxBytes, format: format ?? 'text' })
}

export function createDocuments(
  report: (report: Report) => void,
  clock: Pick<Clock, 'monotonicMs'> = createSystemClock(),
): WorkerDocuments {
  const shared = new Map<string, SharedDocument>()
  return {
    port: {
      open(source) {
        const key = toDocumentKey(source)
        let document = shared.get(key)
        if (document === undefined) {
          document = new SharedDocument(() => report({ topic: 'document-refresh', key }), source, clock)
          shared.set(key, document)
          report({ topic: 'document-open', key })
        }
        return document.hold(() => {
          shared.delete(key)
          report({ topic: 'document-close', key })
        })
      },
    },
    onFeed(feed) {
      if (feed.topic === 'document') shared.get(feed.key)?.take(feed.text, feed.version)
      else if (feed.topic === 'document-attempt') shared.get(feed.key)?.endAttempt()
    },
  }
}

class SharedDocument {
  text: string | null = null
  version = 0
  readonly ready: Promise<void>
  private resolveReady: () => void = () => {}
  private readonly listeners = new Set<() => void>()
  private holders = 0
  private asking: { readonly ended: Promise<void>; readonly end: () => void } | null = null
  private askAgainAtMs = Number.NEGATIVE_INFINITY
  private readonly ask: () => void
  private readonly askEveryMs: number
  private readonly clock: Pick<Clock, 'monotonicMs'>

  constructor(ask: () => void, source: DocumentSource, clock: Pick<Clock, 'monotonicMs'>) {
    this.ask = ask
    this.askEveryMs = Math.min(source.cooldownMs, askEveryMs)
    this.clock = clock
    this.ready = new Promise((resolve) => {
      this.resolveReady = resolve
    })
  }

  /** `onLast` runs when the last handle was closed. */
  hold(onLast: () => void): DocumentHandle {
    const document = this
    const mine = new Set<() => void>()
    let open = true
    document.holders += 1
    return {
      get text() {
        return document.text
      },
      get version() {
        return document.version
      },
      ready: document.ready,
      refresh: () => document.refresh(),
      onChange(callback) {
        mine.add(callback)
        document.listeners.add(callback)
      },
      close() {
        if (!open) return
        open = false
        for (const callback of mine) document.listeners.delete(callback)
        document.holders -= 1
        if (document.holders > 0) return
        document.endAttempt()
        onLast()
      },
    }
  }

  /** Versions count up over the whole process, so that a replay never brings an older text back. */
  take(text: string | null, version: number): void {
    if (version <= this.version) return
    this.text = text
    this.version = version
    for (const listener of [...this.listeners]) listener()
  }

  endAttempt(): void {
    this.resolveReady()
    this.asking?.end()
    this.asking = null
  }

  private refresh(): Promise<void> {
    if (this.asking !== null) return this.asking.ended
    const now = this.clock.monotonicMs()
    if (now < this.askAgainAtMs) return Promise.resolve()
    this.askAgainAtMs = now + this.askEveryMs
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    this.asking = { ended, end }
    this.ask()
    return ended
  }
}
