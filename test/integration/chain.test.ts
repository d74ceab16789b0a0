// Plugins that misbehave, upstreams that lie, clients that leave: the worker lives, nothing leaks, nobody is answered twice.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { actor, createLiar, earlyBytes, type Liar } from './liar.ts'

for (const transport of ['http1', 'undici'])
  describe(`a chain under fire, upstreams by ${transport}`, () => {
    let gateway: TestGateway
    let remove: () => Promise<void>
    let upstream: Liar

    before(async () => {
      upstream = await createLiar()
      const { url } = upstream
      const narrow = {
        transport,
        targets: [{ url }],
        breaker: { maxConnections: 1 },
        timeouts: { headersMs: 2_500 },
      }
      const health = { passive: { failures: 3, ejectMs: 60_000 } }
      const config = await createConfigDir({
        routes: {
          upstreams: {
            api: { transport, targets: [{ url }], health, timeouts: { headersMs: 2_000 } },
            narrow,
            impatient: { ...narrow, timeouts: { headersMs: 300 } },
          },
          routes: [
            { id: 'api', paths: ['/*'], upstream: 'api', auth: 'none' },
            {
              id: 'narrow',
              paths: ['/narrow/*'],
              upstream: 'narrow',
              auth: 'none',
              rewrite: { stripPrefix: '/narrow' },
            },
            {
              id: 'impatient',
              paths: ['/impatient/*'],
              upstream: 'impatient',
              auth: 'none',
              rewrite: { stripPrefix: '/impatient' },
            },
          ],
        },
        plugins: [
          { id: 'actor', plugin: './actor.mjs' },
          { id: 'observability', plugin: 'observability' },
        ],
      })
      await writeFile(join(config.dir, 'actor.mjs'), actor)
      remove = config.remove
      gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    })
    after(async () => {
      for (const socket of upstream.sockets) socket.destroy()
      await gateway.stop()
      upstream.server.close()
      await remove()
    })

    const close = 'Host: a\r\nConnection: close\r\n'
    const get = (path: string, act = '', more = '') =>
      sendRaw(gateway.port, `GET ${path} HTTP/1.1\r\n${close}${act && `X-Act: ${act}\r\n`}${more}\r\n`, 4_000)
    const lines = (path: string) =>
      gateway.logs().filter((line) => line.msg === 'request' && line.path === path)
    const answers = (received: string) =>
      received.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9)) ?? []

    describe('plugins', () => {
      const cases: [string, number][] = [
        ['throw', 500],
        ['reject', 500],
        ['hang', 500],
        ['slow', 200],
        ['foreign', 418],
        ['bad-upstream-header', 500],
        ['bad-header', 500],
        ['late-bad-header', 500],
        ['slow-response', 200],
        ['response-throws', 200],
        ['log-rejects', 200],
        ['log-throws', 200],
        ['status', 503],
      ]
      for (const [act, status] of cases) {
        test(`one that does "${act}" makes it ${status}, once`, async () => {
          const received = await get(`/plugin/${act}`, act)
          assert.deepEqual(answers(received), [String(status)])
          assert.doesNotMatch(received, /evil/)
          await waitUntil(() => lines(`/plugin/${act}`).length > 0)
          assert.equal(lines(`/plugin/${act}`).length, 1)
          assert.equal(lines(`/plugin/${act}`)[0]?.status, status)
        })
      }

      test('what they break does not count against the upstream', async () => {
        for (let i = 0; i < 8; i++) {
          await get('/plugin/again', 'bad-upstream-header')
          await get('/plugin/again', 'bad-header')
        }
        assert.equal(statusOf(await get('/plugin/fine')), 200)
      })

      test('see the first bytes of a body, which still goes up whole', async () => {
        const post = (body: string, act: string) =>
          sendRaw(
            gateway.port,
            `POST /echo HTTP/1.1\r\n${close}X-Act: ${act}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
            4_000,
          )
        assert.match(await post('short', 'peek'), /"true short"/)
        assert.match(await post('x'.repeat(40), 'peek'), /"false x+"/)
        assert.equal(statusOf(await post('y'.repeat(40), '')), 200)
        assert.equal(upstream.bodies.get('/echo')?.match(/y/g)?.length, 40)
      })

      test('may lower the limit of the body, and a client that asked first is told so at once', async () => {
        const received = await sendRaw(
          gateway.port,
          `POST /limited HTTP/1.1\r\n${close}X-Act: limit\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n`,
          4_000,
        )
        assert.deepEqual(answers(received), ['413'])
        assert.ok(!upstream.seen.some((head) => head.includes('/limited')))
      })
    })

    describe('an upstream', () => {
      test('has its interim answers passed on, but not to HTTP/1.0', async () => {
        const received = await get('/interim')
        assert.deepEqual(answers(received), ['102', '103', '200'])
        assert.match(received, /link: <\/a\.css>; rel=preload/i)
        assert.deepEqual(
          answers(await sendRaw(gateway.port, 'GET /interim HTTP/1.0\r\nHost: a\r\n\r\n', 4_000)),
          ['200'],
        )
      })
      test('has an odd interim answer passed without what concerns the connection', async () => {
        const received = await get('/interim-odd')
        assert.equal(answers(received).at(-1), '200')
        assert.doesNotMatch(received, /x-inner/i)
      })
      test('that never comes to its final answer is given up', async () => {
        assert.equal(answers(await get('/interim-flood')).at(-1), '502')
      })
      test('has no length on its 204, and keeps that of HEAD and 304', async () => {
        assert.doesNotMatch(await get('/204'), /content-length|transfer-encoding/i)
        const notModified = await get('/304')
        assert.deepEqual(answers(notModified), ['304'])
        assert.match(notModified, /ETag: "x"/)
        assert.ok(notModified.endsWith('\r\n\r\n'))
        const head = await sendRaw(gateway.port, `HEAD /head HTTP/1.1\r\n${close}\r\n`, 4_000)
        assert.match(head, /content-length: 99/i)
        assert.ok(head.endsWith('\r\n\r\n'))
      })
      test('answers HEAD right though a hook takes its time', async () => {
        const head = await sendRaw(
          gateway.port,
          `HEAD /head HTTP/1.1\r\n${close}X-Act: slow-response\r\n\r\n`,
          4_000,
        )
        assert.deepEqual(answers(head), ['200'])
        assert.match(head, /etag: "x"/i)
      })
      test('that dies while the hooks run on its head is answered for', async () => {
        assert.deepEqual(answers(await get('/dies-after-head', 'slow-response')), ['502'])
        await waitUntil(() => lines('/dies-after-head').length === 1)
        assert.equal(lines('/dies-after-head')[0]?.code, 'AEGIS_UPSTREAM_BROKEN')
      })
      test('never has a broken body look whole, not even to HTTP/1.0', async () => {
        assert.match(await get('/broken'), /only this$/)
        assert.doesNotMatch(await get('/broken-chunks'), /\r\n0\r\n\r\n$/)
        const code = await new Promise((resolve) => {
          const socket = connect(gateway.port, '127.0.0.1')
          socket.write('GET /broken-chunks HTTP/1.0\r\nHost: a\r\n\r\n')
          socket.resume()
          socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
          socket.on('end', () => resolve('a clean end'))
        })
        assert.equal(code, 'ECONNRESET')
      })
      test('has its trailers dropped where nobody asked for them', async () => {
        assert.doesNotMatch(await get('/trailers'), /evil|trailer|checksum/i)
      })
      test('has its trailers passed on to who asked for them, as trailers, less those that only headers may be', async () => {
        const received = await get('/trailers', '', 'TE: trailers\r\n')
        assert.match(received, /\r\n5\r\nhello\r\n0\r\nX-Checksum: 42\r\n\r\n$/)
        assert.doesNotMatch(received, /evil/)
        const old = `GET /trailers HTTP/1.0\r\n${close}TE: trailers\r\n\r\n`
        assert.match(await sendRaw(gateway.port, old, 4_000), /\r\n\r\nhello$/)
        const whole = await get('/trailers', 'slow-response', 'TE: trailers\r\n')
        assert.match(whole, /\r\n0\r\nX-Checksum: 42\r\n\r\n$/)
      })
      test('has a second answer in the same segment thrown away with its connection', async () => {
        assert.match(await get('/two-answers'), /ok$/)
        const after = await Promise.all([get('/after'), get('/after')])
        for (const received of after) assert.match(received, /ok$/)
      })
      for (const path of ['/both-lengths', '/not-http', '/unasked-101', '/bare-lf']) {
        test(`is answered for with 502 at ${path}`, async () => {
          const received = await get(path)
          assert.deepEqual(answers(received), ['502'])
          assert.doesNotMatch(received, /evil/)
          // So that the next case does not find it ejected.
          for (let i = 0; i < 2; i++) await get('/after')
        })
      }
      test('may answer before it has read the body; the connection of the client serves on', async () => {
        const body = 'x'.repeat(earlyBytes)
        const received = await sendRaw(
          gateway.port,
          `POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}GET /after HTTP/1.1\r\n${close}\r\n`,
          4_000,
        )
        assert.deepEqual(answers(received), ['200', '200'])
      })
    })

    describe('a client that leaves', () => {
      /** Sends and goes away once `when` holds. */
      async function leave(bytes: string, when: () => boolean): Promise<void> {
        const socket = connect(gateway.port, '127.0.0.1')
        socket.on('error', () => {})
        await new Promise((resolve) => socket.write(bytes, resolve))
        await waitUntil(when)
        socket.destroy()
      }
      const hanging = (act = '') => `Host: a\r\n${act && `X-Act: ${act}\r\n`}\r\n`

      test('while a plugin decides is logged as 499 and never goes up', async () => {
        await leave(`GET /gone-early HTTP/1.1\r\n${hanging('slow')}`, () => true)
        await waitUntil(() => lines('/gone-early').length === 1)
        assert.equal(lines('/gone-early')[0]?.status, 499)
        assert.ok(!upstream.seen.some((head) => head.includes('/gone-early')))
      })

      test('while the upstream thinks cancels it, whatever a plugin makes of that', async () => {
        const before = upstream.held.length
        await leave(`GET /hang HTTP/1.1\r\n${hanging('abort-throws')}`, () => upstream.held.length > before)
        await waitUntil(() => upstream.held.at(-1)?.destroyed === true)
        await waitUntil(() => lines('/hang').length === 1)
        assert.equal(lines('/hang')[0]?.status, 499)
      })

      test('while it sends its body cancels the request upstream', async () => {
        await leave(
          'POST /hang-body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf of what was said',
          () => upstream.seen.some((head) => head.includes('/hang-body')),
        )
        await waitUntil(() => lines('/hang-body').length === 1)
      })

      test('goes on with garbage in its body while it is answered gets nothing into that answer', async () => {
        const socket = connect(gateway.port, '127.0.0.1')
        let received = ''
        let closed = false
        socket.on('data', (chunk) => {
          received += chunk.toString()
        })
        socket.on('error', () => {})
        socket.on('close', () => {
          closed = true
        })
        const sixteen = 'x'.repeat(16)
        socket.write(
          `POST /talks-first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n${sixteen}\r\n`,
        )
        await waitUntil(() => received.includes('hello'))
        socket.write('zz\r\n')
        await waitUntil(() => closed)
        assert.deepEqual(answers(received), ['200'])
        assert.doesNotMatch(received, /\r\n0\r\n\r\n$/)
      })

      test('with pipelined requests under way ends the first, and the others never begin', async () => {
        const before = upstream.held.length
        await leave(
          `GET /hang HTTP/1.1\r\n${hanging()}GET /hang HTTP/1.1\r\n${hanging()}GET /hang HTTP/1.1\r\n${hanging()}`,
          () => upstream.held.length > before,
        )
        await waitUntil(() => lines('/hang').length === 2)
        assert.equal(upstream.held.length, before + 1)
        await waitUntil(() => upstream.held.every((socket) => socket.destroyed))
      })

      test('while it waits for a connection costs no connection', async () => {
        const before = upstream.held.length
        const first = get('/narrow/hold')
        await waitUntil(() => upstream.held.length > before)
        const connected = upstream.connections()
        for (let i = 0; i < 5; i++)
          await leave(`POST /narrow/queued HTTP/1.1\r\n${close}Content-Length: 5\r\n\r\nhello`, () => true)
        await waitUntil(() => lines('/narrow/queued').length === 5)
        upstream.held.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        assert.equal(statusOf(await first), 200)
        assert.equal(statusOf(await get('/narrow/after')), 200)
        assert.equal(upstream.connections(), connected)
        assert.ok(!upstream.seen.some((head) => head.includes('/queued')))
      })
    })

    test('a request that finds no free connection is answered in time', async () => {
      const before = upstream.held.length
      const first = get('/impatient/hold')
      await waitUntil(() => upstream.held.length > before)
      const refused = await get('/impatient/queued')
      assert.ok([503, 200].includes(statusOf(refused)), refused)
      assert.equal(statusOf(await first), 504)
      assert.equal(statusOf(await get('/impatient/after')), 200)
    })

    test('HTTP/1.0 gets a body that ends with the connection', async () => {
      const received = await sendRaw(gateway.port, 'GET /trailers HTTP/1.0\r\nHost: a\r\n\r\n', 4_000)
      assert.doesNotMatch(received, /chunked/i)
      assert.ok(received.endsWith('\r\n\r\nhello'))
    })

    test('nothing is left open, and the worker is the one that it was', async () => {
      await waitUntil(async () => {
        const answer = await fetch(`${gateway.adminUrl}/admin/status`, {
          headers: { authorization: `Bearer ${gateway.adminToken}` },
        })
        const { workers } = (await answer.json()) as { workers: { inFlight: number; connections: number }[] }
        return workers.length === 1 && workers[0]?.inFlight === 0 && workers[0].connections === 0
      })
      assert.deepEqual(
        gateway.logs().filter((line) => /worker .*(ended|died|gone|down)/.test(String(line.msg))),
        [],
      )
    })
  })
