// The worker's half of documents: handles, feeds and questions to the main thread.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DocumentSource } from '../../../gateway/contract/ports.ts'
import type { Report } from '../../../gateway/contract/protocol.ts'
import { createDocuments, toDocumentKey } from '../../../gateway/dataplane/documents.ts'
import { createTestClock } from '../../support/clock.ts'

const source: DocumentSource = {
  url: 'https://issuer.test/jwks',
  refreshMs: 60_000,
  cooldownMs: 10_000,
  timeoutMs: 1000,
  maxBytes: 1000,
}
const key = toDocumentKey(source)

function createWorker() {
  const reports: string[] = []
  const clock = createTestClock()
  const documents = createDocuments((report: Report) => reports.push(report.topic), clock)
  const put = (text: string, version: number) => documents.onFeed({ topic: 'document', key, text, version })
  const endAttempt = () => documents.onFeed({ topic: 'document-attempt', key })
  return { reports, clock, documents, put, endAttempt }
}

describe('documents of a worker', () => {
  it('are the same for equal sources, however they are written', () => {
    const { url, ...rest } = source
    assert.equal(toDocumentKey({ ...rest, url: url as string, format: 'text' }), key)
    assert.notEqual(toDocumentKey({ ...source, maxBytes: 1 }), key)
    assert.notEqual(toDocumentKey({ ...source, format: 'jwks' }), key)
  })

  it('are opened once and closed with the last handle', () => {
    const { documents, reports } = createWorker()
    const first = documents.port.open(source)
    const second = documents.port.open({ ...source })
    first.close()
    first.close()
    assert.deepEqual(reports, ['document-open'])
    second.close()
    assert.deepEqual(reports, ['document-open', 'document-close'])
    documents.port.open(source)
    assert.equal(reports.at(-1), 'document-open')
  })

  it('take newer versions only: a replay never brings an older text back', () => {
    const { documents, put } = createWorker()
    const handle = documents.port.open(source)
    assert.deepEqual([handle.text, handle.version], [null, 0])
    put('two', 2)
    put('one', 1)
    put('again', 2)
    assert.deepEqual([handle.text, handle.version], ['two', 2])
  })

  it('tell every open handle of a change, and a closed one no more', () => {
    const { documents, put } = createWorker()
    const heard: string[] = []
    const first = documents.port.open(source)
    const second = documents.port.open(source)
    first.onChange(() => heard.push('first'))
    second.onChange(() => heard.push('second'))
    put('a', 1)
    first.close()
    put('b', 2)
    assert.deepEqual(heard, ['first', 'second', 'second'])
  })

  it('are ready after the first attempt, good or bad', async () => {
    const { documents, endAttempt } = createWorker()
    const handle = documents.port.open(source)
    let ready = false
    void handle.ready.then(() => {
      ready = true
    })
    await new Promise(setImmediate)
    assert.equal(ready, false)
    endAttempt()
    await handle.ready
    assert.equal(handle.text, null)
  })

  it('ask the main thread once for many refreshes, and at most once a second', async () => {
    const { documents, reports, clock, endAttempt } = createWorker()
    const handle = documents.port.open(source)
    const asks = () => reports.filter((topic) => topic === 'document-refresh').length
    const pending = Array.from({ length: 100 }, () => handle.refresh())
    assert.equal(asks(), 1)
    endAttempt()
    await Promise.all(pending)
    for (let i = 0; i < 100; i++) await handle.refresh()
    assert.equal(asks(), 1)
    clock.advance(1000)
    const last = handle.refresh()
    assert.equal(asks(), 2)
    handle.close()
    await last
  })

  it('let feeds go that are not theirs', () => {
    const { documents } = createWorker()
    documents.onFeed({ topic: 'health', states: [] })
    documents.onFeed({ topic: 'document', key: 'unknown', text: 'x', version: 1 })
    documents.onFeed({ topic: 'document-attempt', key: 'unknown' })
  })
})
