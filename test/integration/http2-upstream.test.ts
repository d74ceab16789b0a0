// Upstreams with `"transport": "http2"` through the running gateway: what they are sent, what comes back, and what is made of
// those that break the rules.
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Http2Upstream } from '../gateway/dataplane/http2/client-scene.ts'
import { broken, data, invalidFields, ok } from '../gateway/dataplane/http2/hostile-cases.ts'
import {
  endStream,
  goAway,
  headers,
  RawUpstream,
  reset,
  types,
  whole,
} from '../gateway/dataplane/http2/raw-upstream.ts'
import { parseMetrics } from '../support/exposition.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { jwtEntry } from '../support/saas.ts'

const health = { active: { path: '/health', intervalMs: 100, unhealthyAfter: 1 } }
const settings = {
  transport: 'http2',
  timeouts: { connectMs: 2_000, headersMs: 5_000, bodyIdleMs: 5_000 },
  health: { passive: { failures: 100_000 } },
  breaker: { errorPercent: 0 },
}
const chunked = 'Transfer-Encoding: chunked\r\n'

describe('an upstream with HTTP/2', () => {
  let gateway: TestGateway
  let remove: () => Promise<void>
  let upstream: Http2Upstream
  let hostile: RawUpstream
  let seen: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  let sent = 0

  function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[':path'] ?? ''
    if (path !== '/health') seen = headers
    trailers = {}
    stream.on('trailers', (fields) => {
      trailers = fields
    })
    if (path === '/endless') return endless(stream)
    stream.respond({ ':status': 200, 'x-own': '1' }, { waitForTrailers: true })
    const end = { 'grpc-status': '0', 'set-cookie': 'evil=1', 'x-user-id': 'evil' }
    stream.on('wantTrailers', () => stream.sendTrailers(end))
    stream.pipe(stream)
  }

  function endless(stream: ServerHttp2Stream): void {
    stream.respond({ ':status': 200 })
    const bytes = Buffer.alloc(65_536)
    const more = (): void => {
      do sent += bytes.length
      while (!stream.destroyed && stream.write(bytes))
      stream.once('drain', more)
    }
    more()
  }

  before(async () => {
    upstream = new Http2Upstream(answer)
    hostile = new RawUpstream(() => {})
    const url = await upstream.listen()
    const targets = [{ url }]
    const upstreams = {
      plain: { ...settings, targets, health },
      kept: { ...settings, targets, preserveHost: true },
      hostile: { ...settings, targets: [{ url: await hostile.listen() }], retry: { attempts: 0 } },
      retried: { ...settings, targets: [{ url: await hostile.listen() }] },
    }
    const routes = Object.keys(upstreams).map((id) => {
      return { id, paths: [`/${id}/*`], upstream: id, auth: 'none', rewrite: { stripPrefix: `/${id}` } }
    })
    const config = await createConfigDir({
      routes: { upstreams, routes: [...routes, { id: 'closed', paths: ['/closed'], upstream: 'plain' }] },
      plugins: [jwtEntry, { id: 'observability', plugin: 'observability' }],
    })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    upstream.close()
    hostile.close()
    await remove()
  })

  const send = (line: string, more = '', body = '') =>
    sendRaw(
      gateway.port,
      `${line} HTTP/1.1\r\nHost: client.test\r\nConnection: close\r\n${more}\r\n${body}`,
      8_000,
    )

  test('gets the request as any other does, in the form of HTTP/2', async () => {
    const headers =
      'X-Custom: Yes\r\nTE: gzip, trailers\r\nCookie: a=1\r\nX-User-Id: evil\r\nX_Tenant_Id: evil\r\n'
    const received = await send('GET /plain/p/q?r=1', headers)
    assert.equal(statusOf(received), 200, received)
    const { ':authority': authority, ':path': path, ':scheme': scheme, via, te, cookie } = seen
    assert.deepEqual([authority, path, scheme], [upstream.url.slice('http://'.length), '/p/q?r=1', 'http'])
    assert.deepEqual([te, cookie, seen['x-custom']], ['trailers', 'a=1', 'Yes'])
    assert.match(via ?? '', /^1\.1 \S+$/)
    assert.equal(seen['x-forwarded-host'], 'client.test')
    for (const name of ['connection', 'host', 'x-user-id', 'x_tenant_id', 'keep-alive'])
      assert.equal(seen[name], undefined)
    await send('GET /kept/')
    assert.deepEqual([seen[':authority'], seen.te], ['client.test', undefined])
  })

  test('has its trailers passed on to who asked for them, less those that only headers may be', async () => {
    const received = await send('POST /plain/', `${chunked}TE: trailers\r\n`, '5\r\nhello\r\n0\r\n\r\n')
    assert.match(received, /\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n$/)
    assert.match(await send('POST /plain/', chunked, '5\r\nhello\r\n0\r\n\r\n'), /hello\r\n0\r\n\r\n$/)
  })

  test('gets the trailers of a request, and nothing that way that only a header may say', async () => {
    const end = '0\r\nX-Sum: 42\r\nX-User-Id: evil\r\nx.tenant.id: evil\r\nAuthorization: evil\r\n\r\n'
    const received = await send('POST /plain/', chunked, `5\r\nhello\r\n${end}`)
    assert.equal(statusOf(received), 200)
    assert.deepEqual(Object.entries(trailers), [['x-sum', '42']])
  })

  test('takes a large body and gives it back, both at once', async () => {
    const body = Buffer.alloc(3_000_000, 'abcdefg')
    const received = await send('POST /plain/', `Content-Length: ${body.length}\r\n`, body.toString('latin1'))
    const text = received.slice(received.indexOf('\r\n\r\n') + 4).replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '')
    assert.equal(text.replaceAll('\r\n', ''), body.toString('latin1'))
  })

  test('is read no faster than the client reads', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /plain/endless HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    let last = -1
    await waitUntil(async () => {
      const steady = sent === last
      last = sent
      await new Promise((resolve) => setTimeout(resolve, 300))
      return steady && sent === last
    }, 30_000)
    // The sockets' buffers and one window.
    assert.ok(sent < 40_000_000, `${sent}`)
    const stream = upstream.streams.at(-1)
    socket.destroy()
    await waitUntil(() => stream?.closed)
  })

  test('gets no WebSocket', async () => {
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
    const head = `GET /plain/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`
    const received = await sendRaw(gateway.port, head, 2_000)
    assert.equal(statusOf(received), 501)
    assert.match(received, /AEGIS_NO_WEBSOCKET/)
  })

  test('is checked in HTTP/2', async () => {
    await waitUntil(() => upstream.paths.includes('/health'))
    const metrics = parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text())
    const name = [...metrics.keys()].find((key) => key.startsWith('aegis_upstream_health{upstream="plain"'))
    assert.equal(metrics.get(name ?? ''), 1)
  })

  for (const [why, refuse] of [
    ['goes away before it has seen it', () => goAway(0, 0)],
    ['refuses the stream', (id: number) => reset(id, 7)],
  ] as const) {
    test(`loses no POST when it ${why}, nor a byte of its body`, async () => {
      const first = hostile.heads
      hostile.serve = (to, id, nth) => {
        if (nth === first) setTimeout(() => to.send(refuse(id)), 100)
        else setTimeout(() => to.send(whole(id, 'done')), 100)
      }
      const received = await send('POST /retried/', chunked, '5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n')
      assert.equal(statusOf(received), 200, received)
      assert.equal(hostile.heads - first, 2)
      const frames = hostile.connections.flatMap((one) => one.frames)
      const bodies = frames.filter(({ type }) => type === types.data).map(({ payload }) => payload.toString())
      assert.ok(bodies.join('').endsWith('helloyouhelloyou'), bodies.join('|'))
    })
  }

  for (const { title, serve, noHead } of broken) {
    test(`that ${title} is answered for, or breaks the answer off`, async () => {
      hostile.serve = (to, id) => serve(to, id)
      const received = await send('GET /hostile/bad')
      if (noHead === true) assert.equal(statusOf(received), 502, received)
      // Chunks, or a length: neither may look whole.
      if (statusOf(received) === 200) {
        assert.doesNotMatch(received, /\r\n0\r\n\r\n$/)
        const length = /content-length: (\d+)/i.exec(received)
        const body = received.slice(received.indexOf('\r\n\r\n') + 4)
        if (length !== null) assert.ok(body.length < Number(length[1]))
      } else assert.equal(statusOf(received), 502, received)
      assert.doesNotMatch(received, /evil/)
      hostile.serve = (to, id) => to.send(whole(id, 'next'))
      assert.match(await send('GET /hostile/next'), /next/)
    })
  }

  for (const [name, value] of invalidFields) {
    const shown = JSON.stringify(`${name}: ${value}`)
    test(`that says ${shown}, which no field can be, has nothing of it passed on`, async () => {
      const field = [name, value] as const
      hostile.serve = (to, id) =>
        to.send(ok(id, field, ['y', '1']), data(id, 'some'), headers(id, endStream, field, ['z', '1']))
      const received = await send('GET /hostile/bad', 'TE: trailers\r\n')
      assert.equal(statusOf(received), 200, received)
      assert.match(received, /\r\ny: 1\r\n[\s\S]+\r\n0\r\nz: 1\r\n\r\n$/)
      assert.doesNotMatch(received, /evil/)
    })
  }

  test('never crashed the gateway', () => {
    assert.deepEqual(
      gateway.logs().filter(({ msg }) => /worker (?:died|ended)|failed inside/.test(String(msg))),
      [],
    )
  })

  test('is told in gRPC why it was refused; log and metrics keep the status', async () => {
    const received = await send(
      'POST /closed',
      'Content-Type: application/grpc+proto\r\nContent-Length: 0\r\n',
    )
    assert.match(received, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(
      received,
      /\r\ncontent-type: application\/grpc\+proto\r\ngrpc-status: 16\r\ngrpc-message: [ -~]+ \(AEGIS_[A-Z_]+\)\r\n/,
    )
    assert.match(received, /\r\nwww-authenticate: Bearer/i)
    assert.match(received, /\r\n\r\n$/)
    const line = await waitUntil(() => gateway.logs().find(({ path }) => path === '/closed'))
    assert.equal(line.status, 401)
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(text, /aegis_http_requests_total\{[^}]*route="closed"[^}]*code="401"/)
    const missing = await send('POST /none', 'Content-Type: application/grpc\r\nContent-Length: 0\r\n')
    assert.match(missing, /^HTTP\/1\.1 200 OK\r\n[\s\S]*grpc-status: 12\r\n/)
  })
})
