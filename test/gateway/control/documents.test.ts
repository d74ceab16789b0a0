// Documents fetched and watched on the main thread, seen from the workers that hold them. Real HTTP, real files.
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import type { DocumentSource } from '../../../gateway/contract/ports.ts'
import { toNextUrl } from '../../../gateway/control/document-reader.ts'
import { startServer, type TestServer, until, type Wiring, wireDocuments } from './document-wiring.ts'

function sourceOf(over: Partial<DocumentSource>): DocumentSource {
  return { refreshMs: 60_000, cooldownMs: 10_000, timeoutMs: 2000, maxBytes: 1000, ...over }
}

describe('a document behind a URL', () => {
  let server: TestServer
  let wiring: Wiring
  let text = 'one'

  beforeEach(async () => {
    text = 'one'
    server = await startServer((_, res) => res.end(text))
    wiring = wireDocuments()
  })
  afterEach(async () => {
    await wiring.fetcher.stop()
    await server.stop()
  })
  const open = (over: Partial<DocumentSource> = {}, worker = 0) =>
    wiring.addWorker(worker).port.open(sourceOf({ url: server.url, ...over }))

  it('is fetched once for all workers, whichever comes first', async () => {
    const handles = [0, 1, 2].map((worker) => open({}, worker))
    await Promise.all(handles.map((handle) => handle.ready))
    assert.deepEqual(
      handles.map((handle) => handle.text),
      ['one', 'one', 'one'],
    )
    const late = open({}, 3)
    await late.ready
    assert.equal(late.text, 'one')
    assert.equal(server.requests.length, 1)
  })

  it('is fetched again after refreshMs, and listeners hear of a change only', async () => {
    const handle = open()
    let changes = 0
    handle.onChange(() => (changes += 1))
    await handle.ready
    assert.deepEqual([changes, handle.version], [1, 1])
    for (const [next, expected] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      text = next
      const seen = wiring.feeds.length
      wiring.clock.advance(60_000)
      await until('the next attempt', () =>
        wiring.feeds.slice(seen).some(({ topic }) => topic === 'document-attempt'),
      )
      assert.deepEqual([handle.text, changes], [next, expected])
    }
    assert.equal(server.requests.length, 3)
  })

  it('is not sent again while its ETag holds', async () => {
    server.answer = (req, res) => {
      res.setHeader('etag', '"v1"')
      if (req.headers['if-none-match'] === '"v1"') res.statusCode = 304
      res.end(res.statusCode === 304 ? undefined : 'tagged')
    }
    const handle = open()
    await handle.ready
    await handle.refresh()
    assert.equal(server.requests[1]?.headers['if-none-match'], '"v1"')
    assert.deepEqual([handle.text, handle.version], ['tagged', 1])
    assert.deepEqual(wiring.logged, [])
  })

  it('is refreshed by many at once with one fetch, and not again before the cool-down is over', async () => {
    const first = open({}, 0)
    const second = open({}, 1)
    await Promise.all([first.ready, second.ready])
    text = 'two'
    await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 ? first : second).refresh()))
    assert.deepEqual([first.text, second.text, server.requests.length], ['two', 'two', 2])
    text = 'three'
    for (let second_ = 0; second_ < 9; second_++) {
      wiring.clock.advance(1000)
      await Promise.all([first.refresh(), second.refresh()])
    }
    assert.deepEqual([first.text, server.requests.length], ['two', 2])
    wiring.clock.advance(1000)
    await first.refresh()
    assert.deepEqual([first.text, server.requests.length], ['three', 3])
  })

  it('that is asked for during a fetch is fetched once more: that one may have been answered before', async () => {
    const handle = open()
    await handle.ready
    const held: (() => void)[] = []
    server.answer = (_, res) => {
      const then = text
      held.push(() => res.end(then))
    }
    wiring.clock.advance(60_000)
    await until('the periodic fetch', () => held.length === 1)
    text = 'two'
    const refreshed = handle.refresh()
    await new Promise(setImmediate)
    held[0]?.()
    await until('the fetch that was asked for', () => held.length === 2)
    held[1]?.()
    await refreshed
    assert.equal(handle.text, 'two')
    await handle.refresh()
    assert.equal(server.requests.length, 3, 'within the cool-down nothing is asked for')
  })

  const bad: [string, Partial<DocumentSource>, TestServer['answer']][] = [
    ['the server answers 500', {}, (_, res) => void res.writeHead(500).end('x')],
    ['the server answers 404', {}, (_, res) => void res.writeHead(404).end('x')],
    ['the server answers 204', {}, (_, res) => void res.writeHead(204).end()],
    ['the connection breaks', {}, (req) => void req.socket.destroy()],
    [
      'the body breaks',
      {},
      (req, res) => void res.writeHead(200, { 'content-length': 99 }).write('x', () => req.socket.destroy()),
    ],
    ['it is too long', { maxBytes: 100 }, (_, res) => void res.end('x'.repeat(101))],
    ['it is not UTF-8', {}, (_, res) => void res.end(Buffer.from([0xff, 0xfe]))],
    [
      'it redirects to a file',
      {},
      (_, res) => void res.writeHead(302, { location: 'file:///etc/hostname' }).end(),
    ],
    ['it redirects for ever', {}, (_, res) => void res.writeHead(302, { location: '/again' }).end()],
    [
      'it is an error page in place of a JWK Set',
      { format: 'jwks' },
      (_, res) => void res.end('<html>sorry</html>'),
    ],
    ['it is a JWK Set without keys', { format: 'jwks' }, (_, res) => void res.end('{"keys":[]}')],
  ]
  for (const [name, over, answer] of bad) {
    it(`keeps its last good text when ${name}`, async () => {
      text = over.format === 'jwks' ? '{"keys":[{}]}' : 'good'
      const good = text
      const handle = open(over)
      await handle.ready
      server.answer = answer
      await handle.refresh()
      assert.deepEqual([handle.text, handle.version], [good, 1])
      assert.equal(wiring.logged.length, 1)
      assert.match(wiring.logged[0]?.message ?? '', /last good one stays/)
    })
  }

  it('that never comes fails after timeoutMs and is tried again, less often but so that its return is soon noticed', async () => {
    server.answer = () => {}
    const handle = open({ timeoutMs: 3000 })
    await until('the request', () => server.requests.length === 1)
    wiring.clock.advance(3000)
    await handle.ready
    assert.equal(handle.text, null)
    server.answer = (_, res) => void res.writeHead(503).end()
    for (const pauseMs of [1000, 2000, 3200, 3200]) {
      const count = server.requests.length
      const attempts = () => wiring.feeds.filter(({ topic }) => topic === 'document-attempt').length
      const ended = attempts()
      wiring.clock.advance(pauseMs - 1)
      assert.equal(server.requests.length, count)
      wiring.clock.advance(1)
      await until(`the try after ${pauseMs} ms`, () => attempts() === ended + 1)
      assert.equal(server.requests.length, count + 1)
    }
    assert.equal(wiring.logged.length, 2, 'each reason is logged once')
    server.answer = (_, res) => void res.end('at last')
    wiring.clock.advance(3200)
    await until('the text', () => handle.text === 'at last')
  })

  it('never leaves http on the way, nor goes back from https to http', async () => {
    const url = new URL('https://issuer.test/keys')
    assert.equal(toNextUrl('/other', url).href, 'https://issuer.test/other')
    assert.throws(() => toNextUrl('http://issuer.test/keys', url), /https to http/)
    for (const location of ['file:///etc/passwd', 'data:,x', 'ftp://a.test/']) {
      assert.throws(() => toNextUrl(location, url), /only http and https/)
    }
    assert.equal(toNextUrl('https://b.test/', new URL('http://a.test')).href, 'https://b.test/')
  })

  it('follows redirects within http', async () => {
    server.answer = (req, res) =>
      void (req.url === '/' ? res.writeHead(307, { location: '/moved' }).end() : res.end('moved'))
    const handle = open()
    await handle.ready
    assert.equal(handle.text, 'moved')
  })

  it('is not fetched any more once the last worker closed it or died', async () => {
    const kept = open({}, 0)
    const dying = open({}, 1)
    await Promise.all([kept.ready, dying.ready])
    wiring.removeWorker(1)
    wiring.clock.advance(60_000)
    await until('the second fetch', () => server.requests.length === 2)
    await until('its end', () => wiring.feeds.filter(({ topic }) => topic === 'document-attempt').length >= 2)
    kept.close()
    kept.close()
    await new Promise(setImmediate)
    wiring.clock.advance(600_000)
    await new Promise(setImmediate)
    assert.equal(server.requests.length, 2)
    assert.deepEqual(wiring.fetcher.replay(), [])
  })

  it('outlives the crash of the only worker, also while its server is away', async () => {
    await open().ready
    wiring.removeWorker(0)
    await server.stop()
    const handle = open()
    await handle.ready
    assert.equal(handle.text, 'one')
    await server.start()
  })

  it('is replayed to a worker that is started later', async () => {
    await open().ready
    assert.deepEqual(
      wiring.fetcher.replay().map(({ topic }) => topic),
      ['document', 'document-attempt'],
    )
  })

  it('writes no password or query to the log', async () => {
    const url = server.url.replace('http://', 'http://user:hidden@')
    server.answer = (_, res) => void res.writeHead(500).end()
    await open({ url: `${url}keys?code=hidden` }).ready
    assert.equal(wiring.logged.length, 1)
    assert.doesNotMatch(JSON.stringify(wiring.logged), /hidden/)
  })
})

describe('a document in a file', () => {
  const root = mkdtempSync(join(tmpdir(), 'aegis-documents-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const wirings: Wiring[] = []
  afterEach(() => Promise.all(wirings.splice(0).map(({ fetcher }) => fetcher.stop())))
  let count = 0

  async function openFile(text: string) {
    const file = `key-${count++}.pem`
    const path = join(root, file)
    writeFileSync(path, text)
    const wiring = wireDocuments(root)
    wirings.push(wiring)
    const handle = wiring.addWorker(0).port.open(sourceOf({ file }))
    await handle.ready
    /** Lets the watch look again, until it saw what is expected. */
    const sees = async (expected: string) => {
      await until(`the text ${expected}`, () => {
        wiring.clock.advance(500)
        return handle.text === expected
      })
    }
    return { file, path, wiring, handle, sees }
  }

  it('is read relative to the config folder and again when it is written, replaced or linked elsewhere', async () => {
    const { path, handle, sees } = await openFile('one')
    assert.equal(handle.text, 'one')
    writeFileSync(path, 'two')
    await sees('two')
    writeFileSync(`${path}.new`, '333')
    renameSync(`${path}.new`, path)
    await sees('333')
    writeFileSync(`${path}.target`, 'four')
    symlinkSync(`${path}.target`, `${path}.link`)
    renameSync(`${path}.link`, path)
    await sees('four')
  })

  it('keeps its text while the file is away, and is read again when it comes back', async () => {
    const { path, handle, wiring, sees } = await openFile('one')
    unlinkSync(path)
    await until('the warning', () => {
      wiring.clock.advance(500)
      return wiring.logged.length > 0
    })
    assert.equal(handle.text, 'one')
    writeFileSync(path, 'back')
    await sees('back')
  })

  it('that is missing from the start is an attempt without a text', async () => {
    const wiring = wireDocuments(root)
    wirings.push(wiring)
    const handle = wiring.addWorker(0).port.open(sourceOf({ file: 'missing.pem' }))
    await handle.ready
    assert.deepEqual([handle.text, handle.version], [null, 0])
    assert.match(JSON.stringify(wiring.logged), /ENOENT/)
  })

  it('that is too long is not read', async () => {
    const { path, handle, wiring } = await openFile('one')
    writeFileSync(path, 'x'.repeat(1001))
    await until('the warning', () => {
      wiring.clock.advance(500)
      return wiring.logged.length > 0
    })
    assert.equal(handle.text, 'one')
  })
})
