// Plugins that look at bodies before they pass: of requests before they go up, of answers before they go down.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw } from '../support/raw.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

/** Asks for as many bytes as x-request and x-answer say, refuses what holds `evil`, tells what it saw in x-saw. */
const inspector = `
const refuse = (code, seen) => ({ status: 403, code, detail: 'Refused.', headers: ['x-saw', seen], body: undefined })
const evil = (bytes) => Buffer.from(bytes).includes('evil')
export default {
  name: 'inspector',
  schema: { type: 'object', properties: {}, additionalProperties: false },
  onFailure: 'deny',
  create: () => ({
    onRequest(ex) {
      const bytes = ex.header('x-request')
      if (bytes !== undefined) ex.inspectRequestBody(Number(bytes))
    },
    onRequestBody(ex) {
      const seen = ex.body.length + ' ' + ex.bodyComplete
      ex.setUpstreamHeader('x-saw', seen)
      return evil(ex.body) ? refuse('AEGIS_EVIL_REQUEST', seen) : undefined
    },
    onResponse(ex) {
      const bytes = ex.header('x-answer')
      if (bytes !== undefined && ex.responseSource === 'upstream') ex.inspectResponseBody(Number(bytes))
    },
    async onResponseBody(ex) {
      const seen = ex.responseBody.length + ' ' + ex.responseBodyComplete
      if (ex.header('x-slow') !== undefined) await new Promise((resolve) => setTimeout(resolve, 50))
      if (ex.header('x-throw') !== undefined) throw new Error('broken')
      ex.setResponseHeader('x-saw', seen)
      return evil(ex.responseBody) || ex.status === 404 ? refuse('AEGIS_EVIL_ANSWER', seen) : undefined
    },
  }),
}
`
const megabyte = 'a'.repeat(1 << 20)

/** Answers by path. */
function serve(req: IncomingMessage, res: ServerResponse): void {
  const [path = ''] = (req.url ?? '').split('?')
  if (path === '/echo') return void req.pipe(res)
  if (path === '/small') return void res.end('a small answer')
  if (path === '/evil') return void res.end('an evil answer')
  if (path === '/large') return void res.end(megabyte)
  if (path === '/chunks') {
    for (let i = 0; i < 64; i++) res.write(megabyte.slice(0, 16_384))
    return void res.end('end')
  }
  if (path === '/late') {
    res.write('first ')
    // The rest comes only once the first was inspected and passed on.
    releases.push(() => res.end('last'))
    res.on('close', () => res.writableEnded || left.push(path))
    return
  }
  if (path === '/empty') return void res.writeHead(204).end()
  if (path === '/lost') return void res.writeHead(404).end('nothing here')
  if (path === '/breaks') {
    res.writeHead(200, { 'content-length': '100' })
    res.write('ten bytes.')
    releases.push(() => res.destroy())
    return
  }
  res.end()
}
const releases: (() => void)[] = []
/** Answers that nobody waited for to the end. */
const left: string[] = []

for (const transport of ['http1', 'undici'])
  describe(`bodies that plugins look at, upstreams by ${transport}`, () => {
    let gateway: TestGateway
    let upstream: TestUpstream
    let remove: () => Promise<void>
    const get = (path: string, answer: number, headers: Record<string, string> = {}) =>
      ask(gateway.port, path, { headers: { 'x-answer': String(answer), ...headers } })
    const post = (body: string, request: number) =>
      ask(gateway.port, '/echo', { method: 'POST', body, headers: { 'x-request': String(request) } })

    before(async () => {
      upstream = await createUpstream(serve)
      const config = await createConfigDir({
        routes: {
          upstreams: { api: { transport, targets: [{ url: upstream.url }] } },
          routes: [{ id: 'api', paths: ['/*'], upstream: 'api', auth: 'none' }],
        },
        plugins: [
          { id: 'inspector', plugin: './inspector.mjs' },
          { id: 'cors', plugin: 'cors' },
        ],
      })
      await writeFile(join(config.dir, 'inspector.mjs'), inspector)
      remove = config.remove
      gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    })
    after(async () => {
      await gateway.stop()
      await upstream.close()
      await remove()
    })

    it('requests go up whole, whatever part of them was looked at', async () => {
      for (const bytes of [1, 10, 1 << 16, 1 << 21]) {
        const answer = await post(megabyte, bytes)
        assert.equal(answer.status, 200)
        assert.equal(answer.text, megabyte)
      }
      assert.equal((await post('short', 100)).text, 'short')
      assert.equal(upstream.seen.at(-1)?.headers['x-saw'], '5 true')
    })

    it('a request that is refused for its body never goes up', async () => {
      const before = upstream.seen.length
      const answer = await post('an evil request', 100)
      assert.equal(answer.status, 403)
      assert.equal(answer.json().code, 'AEGIS_EVIL_REQUEST')
      assert.equal(upstream.seen.length, before)
    })

    it('answers come down whole, whatever part of them was looked at', async () => {
      for (const [path, whole] of [
        ['/small', 'a small answer'],
        ['/large', megabyte],
        ['/chunks', `${megabyte}end`],
      ] as const) {
        for (const bytes of [1, 5, 14, 15, 1 << 16, 1 << 21]) {
          const answer = await get(path, bytes)
          assert.equal(answer.status, 200)
          assert.ok(answer.text === whole, `${path} ${bytes}: ${answer.text.length} bytes`)
          const [seen, complete] = String(answer.headers['x-saw']).split(' ')
          assert.ok(Number(seen) >= Math.min(bytes, whole.length), `${path} ${bytes}: ${seen}`)
          if (bytes > whole.length) assert.equal(complete, 'true')
        }
      }
    })

    it('an answer may be refused in its place, and its replacement has run the response hooks', async () => {
      const answer = await get('/evil', 100, { origin: 'https://a.test' })
      assert.equal(answer.status, 403)
      assert.equal(answer.json().code, 'AEGIS_EVIL_ANSWER')
      assert.doesNotMatch(answer.text, /evil answer/)
      assert.equal(answer.headers['access-control-allow-origin'], '*')
      assert.notEqual(answer.headers['content-length'], '14')
    })

    it('an answer may be refused for its head alone', async () => {
      const answer = await get('/lost', 0)
      assert.equal(answer.status, 403)
      assert.equal(answer.headers['x-saw'], '0 false')
      assert.equal((await get('/small', 0)).text, 'a small answer')
    })

    it('answers without a body are looked at too', async () => {
      const head = await ask(gateway.port, '/small', { method: 'HEAD', headers: { 'x-answer': '10' } })
      assert.deepEqual([head.status, head.headers['x-saw']], [200, '0 true'])
      const empty = await get('/empty', 10)
      assert.deepEqual([empty.status, empty.headers['x-saw'], empty.text], [204, '0 true', ''])
    })

    it('hooks that take their time lose nothing', async () => {
      for (const bytes of [1, 1 << 16, 1 << 21]) {
        const answer = await get('/large', bytes, { 'x-slow': '1' })
        assert.ok(answer.text === megabyte)
      }
    })

    it('what stands behind the part that was looked at streams', async () => {
      const answer = get('/late', 3)
      const release = await waitUntil(() => releases.pop())
      // Its head is out, though the upstream has not ended.
      release()
      assert.equal((await answer).text, 'first last')
    })

    it('an upstream that breaks off while its answer is held back is a 502', async () => {
      const answer = get('/breaks', 100)
      const release = await waitUntil(() => releases.pop())
      release()
      assert.equal((await answer).status, 502)
    })

    it('a hook that throws is a 500, and the answer is not shown', async () => {
      const answer = await get('/small', 100, { 'x-throw': '1' })
      assert.equal(answer.status, 500)
      assert.doesNotMatch(answer.text, /small answer/)
    })

    it('a client that leaves meanwhile ends the try upstream', async () => {
      const before = upstream.seen.length
      const socket = connect(gateway.port, '127.0.0.1')
      socket.write('GET /late HTTP/1.1\r\nHost: a\r\nX-Answer: 100\r\n\r\n')
      await waitUntil(() => upstream.seen.length > before && releases.length > 0)
      socket.destroy()
      await waitUntil(() => left.length > 0)
      releases.length = 0
      left.length = 0
      assert.equal((await get('/small', 100)).text, 'a small answer')
    })

    it('connections go on after all of that', async () => {
      const two =
        'GET /evil HTTP/1.1\r\nHost: a\r\nX-Answer: 100\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\nX-Answer: 5\r\nConnection: close\r\n\r\n'
      const received = await sendRaw(gateway.port, two, 2_000)
      assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 403', 'HTTP/1.1 200'])
      assert.ok(received.endsWith('a small answer'))
    })
  })
