import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { untilStalled } from '../support/stall.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

describe('proxying', () => {
  let upstream: TestUpstream
  let flaky: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  let flakyAnswers: ((res: ServerResponse) => void)[] = []
  const opened: string[] = []
  const hugeBytes = 64 * 1024 * 1024
  let hugeWritten = 0
  const sendHuge = (res: ServerResponse): void => {
    for (; hugeWritten < hugeBytes; hugeWritten += 65_536)
      if (!res.write(Buffer.alloc(65_536)))
        return void res.once('drain', () => {
          hugeWritten += 65_536
          sendHuge(res)
        })
    res.end()
  }

  before(async () => {
    upstream = await createUpstream((req, res) => {
      if (req.url === '/sse') {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write('data: one\n\n')
        res.on('close', () => opened.push('sse closed'))
        return
      }
      if (req.url === '/never') {
        req.on('close', () => opened.push('never closed'))
        return
      }
      if (req.url === '/broken-body') {
        res.writeHead(200, { 'content-length': '100' })
        res.write('only this')
        setImmediate(() => res.destroy())
        return
      }
      if (req.url === '/cookies') {
        res.writeHead(200, [
          'Set-Cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'Connection',
          'x-inner',
          'X-Inner',
          'secret',
        ])
        res.end('ok')
        return
      }
      if (req.url === '/huge') return sendHuge(res)
      if (req.url === '/big') {
        res.writeHead(200)
        for (let i = 0; i < 64; i++) res.write(Buffer.alloc(65_536, i))
        res.end()
        return
      }
      if (req.url === '/none') {
        res.writeHead(204)
        res.end()
        return
      }
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        const body = Buffer.concat(chunks)
        res.setHeader('content-type', 'application/json')
        res.end(
          JSON.stringify({ url: req.url, headers: req.headers, length: body.length, method: req.method }),
        )
      })
    })
    flaky = await createUpstream((_req, res) => {
      const answer = flakyAnswers.shift()
      if (answer === undefined) res.end('fine')
      else answer(res)
    })
    const config = await createConfigDir({
      gateway: { limits: { bodyBytes: 1_000_000 } },
      routes: {
        upstreams: {
          api: { targets: [{ url: upstream.url }], timeouts: { headersMs: 1500 } },
          flaky: {
            targets: [{ url: flaky.url }],
            retry: {
              attempts: 2,
              budgetPercent: 100,
              on: ['connect-failure', 'reset-before-response', '503'],
            },
          },
          dead: { targets: [{ url: 'http://127.0.0.1:1' }] },
        },
        routes: [
          { id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' },
          { id: 'flaky', paths: ['/flaky/*'], upstream: 'flaky', auth: 'none' },
          { id: 'dead', paths: ['/dead'], upstream: 'dead', auth: 'none' },
          {
            id: 'rewritten',
            paths: ['/v1/agents/{id}/stream/{conv_id}'],
            upstream: 'api',
            auth: 'none',
            rewrite: { path: '/conversations/{conv_id}/stream' },
          },
        ],
      },
      plugins: [{ id: 'observability', plugin: 'observability' }],
    })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir })
  })

  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), flaky.close(), remove()])
  })

  test('streams a large answer byte for byte', async () => {
    const answer = await fetch(`${gateway.url}/big`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.equal(bytes.length, 64 * 65_536)
    for (let i = 0; i < 64; i++) assert.equal(bytes[i * 65_536], i)
  })

  test('streams a large request body up', async () => {
    const answer = await fetch(`${gateway.url}/up`, { method: 'POST', body: Buffer.alloc(900_000, 'x') })
    assert.equal(((await answer.json()) as { length: number }).length, 900_000)
  })

  test('refuses a body over the limit, announced or chunked', async () => {
    const announced = await fetch(`${gateway.url}/up`, { method: 'POST', body: Buffer.alloc(1_100_000) })
    assert.equal(announced.status, 413)
    const chunked = await fetch(`${gateway.url}/up`, {
      method: 'POST',
      body: new ReadableStream({
        start(controller) {
          for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(65_536))
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)
    assert.equal(chunked.status, 413)
    assert.equal(((await chunked.json()) as { code: string }).code, 'AEGIS_BODY_TOO_LARGE')
  })

  test('shows the first server-sent event at once and tells the upstream when the client leaves', async () => {
    const leave = new AbortController()
    const answer = await fetch(`${gateway.url}/sse`, { signal: leave.signal })
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    const { value } = await reader.read()
    assert.equal(Buffer.from(value as Uint8Array).toString(), 'data: one\n\n')
    leave.abort()
    await waitUntil(() => opened.includes('sse closed'))
  })

  test('cancels the upstream request of a client that left, and logs 499', async () => {
    const leave = new AbortController()
    const pending = fetch(`${gateway.url}/never`, { signal: leave.signal })
    await waitUntil(() => upstream.seen.some((one) => one.url === '/never'))
    leave.abort()
    await assert.rejects(pending)
    await waitUntil(() => opened.includes('never closed'))
    await waitUntil(() => gateway.logs().some((line) => line.path === '/never' && line.status === 499))
  })

  test('answers 504 when the upstream is silent', async () => {
    const answer = await fetch(`${gateway.url}/never`)
    assert.equal(answer.status, 504)
  })

  test('answers 502 when nobody listens upstream', async () => {
    const answer = await fetch(`${gateway.url}/dead`)
    assert.equal(answer.status, 502)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  })

  test('never ends a broken body cleanly', async () => {
    const received = await sendRaw(gateway.port, 'GET /broken-body HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal(statusOf(received), 200)
    assert.ok(received.endsWith('only this'))
  })

  test('keeps several Set-Cookie headers and drops what Connection names', async () => {
    const received = await sendRaw(gateway.port, 'GET /cookies HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(received, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/)
    assert.doesNotMatch(received, /x-inner/i)
  })

  test('passes 204 and HEAD through without a body', async () => {
    assert.equal((await fetch(`${gateway.url}/none`)).status, 204)
    const head = await fetch(`${gateway.url}/up`, { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(await head.text(), '')
  })

  test('rewrites the path and passes the query byte for byte', async () => {
    const answer = await fetch(`${gateway.url}/v1/agents/7/stream/c%2a9?a=%2F&&b=%zz`)
    assert.equal(((await answer.json()) as { url: string }).url, '/conversations/c%2A9/stream?a=%2F&&b=%zz')
  })

  test('retries a 503 and a reset of an idempotent request, never a POST that may have been seen', async () => {
    flakyAnswers = [(res) => res.writeHead(503).end('later'), (res) => res.destroy()]
    const answer = await fetch(`${gateway.url}/flaky/a`)
    assert.equal(await answer.text(), 'fine')
    flakyAnswers = [(res) => res.destroy()]
    const before = flaky.seen.length
    const post = await fetch(`${gateway.url}/flaky/b`, { method: 'POST', body: 'once' })
    assert.equal(post.status, 502)
    assert.equal(flaky.seen.length, before + 1)
  })

  test('answers 100 Continue only when the request goes up', async () => {
    const req = request({
      port: gateway.port,
      path: '/up',
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': 4 },
    })
    req.flushHeaders()
    await once(req, 'continue')
    req.end('body')
    const [res] = await once(req, 'response')
    assert.equal(res.statusCode, 200)
    res.resume()
    const refused = await sendRaw(
      gateway.port,
      'POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n',
    )
    assert.equal(statusOf(refused), 413)
    assert.doesNotMatch(refused, /100 Continue/)
  })

  test('holds the upstream back while the client does not read', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.pause()
    socket.write('GET /huge HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitUntil(() => hugeWritten > 0)
    const written = await untilStalled(
      () => hugeWritten,
      () => fetch(`${gateway.url}/up`).then((answer) => answer.text()),
    )
    assert.ok(written < hugeBytes / 2, `${written} bytes were written to a client that reads nothing`)
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.resume()
    // The chunks' own bytes come on top.
    await waitUntil(() => bytes > hugeBytes, 60_000)
    socket.destroy()
  })

  test('sends the forwarding headers and only its own', async () => {
    const answer = await fetch(`${gateway.url}/up`, {
      headers: {
        'x-forwarded-for': '6.6.6.6',
        'X-Tenant-Id': 'evil',
        x_user_id: 'evil',
        'x.user.roles': 'admin',
        forwarded: 'for=6.6.6.6',
        'x-real-ip': '6.6.6.6',
        'x-custom': 'kept',
      },
    })
    const { headers } = (await answer.json()) as { headers: Record<string, string> }
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['x-forwarded-host'], `127.0.0.1:${gateway.port}`)
    assert.equal(headers['x-custom'], 'kept')
    assert.match(headers.via ?? '', /^1\.1 aegis-[0-9a-f]{12}$/)
    assert.match(headers['x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    const text = JSON.stringify(headers)
    assert.doesNotMatch(text, /evil|6\.6\.6\.6|"x_user_id"|"forwarded"/)
  })
})
