import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas, createTestToken, jwtEntry } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='

describe('WebSocket', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>
  let token: string
  const server = new WebSocketServer({ noServer: true })
  /** What the upstream saw of each handshake, and its side of each tunnel. */
  const handshakes: IncomingMessage[] = []
  const served: WebSocket[] = []
  const clients: WebSocket[] = []
  const sockets: Duplex[] = []

  before(async () => {
    upstream = await createUpstream((req, res) => {
      res.writeHead(404)
      res.end(`not a handshake: ${req.url}`)
    })
    upstream.server.on('upgrade', onUpgrade)
    const config = await createConfigDir(
      createSaas(upstream.url, {
        routes: {
          upstreams: {
            api: { targets: [{ url: upstream.url }], timeouts: { headersMs: 800 } },
            patient: { targets: [{ url: upstream.url }], timeouts: { headersMs: 60_000 } },
            dead: { targets: [{ url: 'http://127.0.0.1:1' }] },
          },
          routes: [
            { id: 'api', paths: ['/api/*'], upstream: 'api' },
            {
              id: 'moved',
              paths: ['/v1/{room}/socket'],
              upstream: 'api',
              rewrite: { path: '/rooms/{room}' },
            },
            { id: 'limited', paths: ['/limited/*'], upstream: 'api' },
            { id: 'patient', paths: ['/patient'], upstream: 'patient' },
            { id: 'dead', paths: ['/dead'], upstream: 'dead' },
          ],
        },
        plugins: [
          { id: 'request-id', plugin: 'request-id' },
          { id: 'cors', plugin: 'cors' },
          jwtEntry,
          { id: 'tenant', plugin: 'tenant' },
          {
            id: 'rate-limit',
            plugin: 'rate-limit',
            scope: { routes: ['limited'] },
            config: {
              limits: [
                { name: 'few', algorithm: 'fixed-window', key: ['tenant'], limit: 1, windowMs: 3_600_000 },
              ],
            },
          },
          { id: 'observability', plugin: 'observability' },
        ],
      }),
    )
    dir = config.dir
    remove = config.remove
    gateway = await startGateway({ configDir: dir })
    token = await createTestToken()
  })
  after(async () => {
    for (const client of clients) client.terminate()
    for (const socket of sockets) socket.destroy()
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  function onUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    handshakes.push(req)
    sockets.push(socket)
    const { pathname } = new URL(req.url ?? '/', 'http://x')
    if (pathname === '/api/forbidden') {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\nX-Why: closed\r\nConnection: close\r\n\r\nroom closed',
      )
    } else if (pathname === '/api/streamed-refusal') {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nno length')
    } else if (pathname === '/api/broken-refusal') {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nonly this')
      setTimeout(() => socket.destroy(), 50)
    } else if (pathname === '/api/silent' || pathname === '/patient') {
      socket.on('error', () => {})
      socket.resume()
      socket.on('end', () => {
        handshakes.push(req)
        socket.end()
      })
    } else if (pathname === '/api/reset') {
      ;(socket as Socket).resetAndDestroy()
    } else if (pathname === '/api/other-protocol') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    } else if (pathname === '/api/greets') {
      // Its first frame in the same segment as its head.
      socket.write(`${acceptHead}\x81\x05hello`, 'latin1')
    } else {
      server.handleUpgrade(req, socket, head, (ws) => {
        served.push(ws)
        ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
        ws.on('error', () => {})
      })
    }
  }

  const acceptHead = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`

  function open(path: string, options: ClientOptions = {}, host = 'acme.example.com'): WebSocket {
    const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, {
      ...options,
      headers: { host, authorization: `Bearer ${token}`, ...options.headers },
    })
    ws.on('error', () => {})
    clients.push(ws)
    return ws
  }
  /** The handshake as it is on the wire. */
  const handshakeBytes = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: acme.example.com\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\n` +
    `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
  async function opened(path: string, options?: ClientOptions, host?: string): Promise<WebSocket> {
    const ws = open(path, options, host)
    await once(ws, 'open')
    return ws
  }
  /** Status and body of a refused handshake. */
  async function refusal(
    ws: WebSocket,
  ): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
    const [, answer] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage]
    let body = ''
    for await (const chunk of answer) body += chunk
    return { status: answer.statusCode ?? 0, body, headers: answer.headers }
  }
  const requestLines = (path: string) =>
    gateway.logs().filter((line) => line.msg === 'request' && line.path === path)

  describe('before the handshake goes up, the chain', () => {
    const cases: [string, ClientOptions, string, number][] = [
      ['refuses who has no token', { headers: { authorization: '' } }, 'acme.example.com', 401],
      ['refuses the token of another tenant', {}, 'globex.example.com', 403],
      ['refuses a suspended tenant', {}, 'gone.example.com', 403],
    ]
    for (const [title, options, host, status] of cases) {
      test(title, async () => {
        const before = handshakes.length
        const answer = await refusal(open('/api/x', options, host))
        assert.equal(answer.status, status)
        assert.match(answer.body, /AEGIS_/)
        assert.ok(answer.headers['x-request-id'])
        assert.equal(handshakes.length, before)
      })
    }

    test('counts against the limits', async () => {
      const first = await opened('/limited/x')
      assert.equal((await refusal(open('/limited/x'))).status, 429)
      first.close()
    })

    test('finds no route for a path that has none', async () => {
      assert.equal((await refusal(open('/nosuch'))).status, 404)
    })
  })

  test('passes text, binary, empty messages, fragments, pings and pongs both ways', async () => {
    const ws = await opened('/api/echo')
    const messages: [Buffer, boolean][] = []
    ws.on('message', (data: Buffer, isBinary) => messages.push([data, isBinary]))
    ws.send('hello ä')
    ws.send(Buffer.from([0, 255, 128]))
    ws.send('')
    ws.send('one ', { fin: false })
    ws.send('two ', { fin: false })
    ws.send('three', { fin: true })
    ws.ping('are you there')
    assert.equal(String((await once(ws, 'pong'))[0]), 'are you there')
    await waitUntil(() => messages.length === 4)
    assert.deepEqual(
      messages.map(([data, isBinary]) => [data.toString('latin1'), isBinary]),
      [
        [Buffer.from('hello ä').toString('latin1'), false],
        ['\x00\xff\x80', true],
        ['', false],
        ['one two three', false],
      ],
    )
    const ping = once(ws, 'ping')
    served.at(-1)?.ping('and you')
    assert.equal(String((await ping)[0]), 'and you')
    ws.close()
    await once(ws, 'close')
  })

  test('passes a frame of one megabyte and more than the buffers hold, byte for byte', async () => {
    const ws = await opened('/api/echo')
    const big = Buffer.alloc(1 << 20, 'abc')
    let bytes = 0
    ws.on('message', (data: Buffer) => {
      assert.ok(data.equals(big))
      bytes += data.length
    })
    for (let i = 0; i < 8; i++) ws.send(big)
    await waitUntil(() => bytes === 8 * big.length)
    ws.close()
    await once(ws, 'close')
  })

  test('passes the close code and reason of the client', async () => {
    const ws = await opened('/api/echo')
    const closed = Promise.all([once(served.at(-1) as WebSocket, 'close'), once(ws, 'close')])
    ws.close(4001, 'enough')
    const [[code, reason], [echoed]] = await closed
    assert.equal(code, 4001)
    assert.equal(String(reason), 'enough')
    assert.equal(echoed, 4001)
  })

  test('passes the close code and reason of the upstream', async () => {
    const ws = await opened('/api/echo')
    served.at(-1)?.close(4002, 'maintenance')
    const [code, reason] = await once(ws, 'close')
    assert.equal(code, 4002)
    assert.equal(String(reason), 'maintenance')
  })

  test('ends one side when the other one breaks', async () => {
    const ws = await opened('/api/echo')
    served.at(-1)?.terminate()
    assert.equal((await once(ws, 'close'))[0], 1006)
    const other = await opened('/api/echo')
    const closed = once(served.at(-1) as WebSocket, 'close')
    other.terminate()
    assert.equal((await closed)[0], 1006)
  })

  test('cuts a client that keeps its side open after the upstream has closed', async () => {
    const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.write(handshakeBytes('/api/echo'))
    await once(socket, 'data')
    const lines = requestLines('/api/echo').length
    served.at(-1)?.terminate()
    await waitUntil(() => requestLines('/api/echo').length > lines)
    socket.destroy()
  })

  test('passes on what the upstream says along with its head', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write(handshakeBytes('/api/greets'))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    await waitUntil(() => received.endsWith('\x81\x05hello'))
    assert.match(received, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(received, /x-request-id: /i)
    assert.equal(received.match(/upgrade: websocket/gi)?.length, 1)
    socket.destroy()
  })

  test("rewrites the path, keeps the query, and never sends the client's identity headers up", async () => {
    const ws = await opened('/v1/blue/socket?a=%2F&&b=%zz', {
      headers: {
        'x-tenant-id': 'evil',
        x_user_id: 'evil',
        'x.user.roles': 'evil',
        'x-forwarded-for': '6.6.6.6',
        'sec-websocket-protocol': 'chat',
        cookie: 'a=1',
      },
    }).catch((error: Error) => error)
    const up = handshakes.at(-1) as IncomingMessage
    assert.equal(up.url, '/rooms/blue?a=%2F&&b=%zz')
    assert.equal(up.headers['x-tenant-id'], 'acme')
    assert.equal(up.headers['x-user-id'], 'ada')
    assert.equal(up.headers['x-user-roles'], 'member')
    assert.equal(up.headers['x-forwarded-for'], '127.0.0.1')
    assert.match(up.headers.via ?? '', /^1\.1 aegis-[0-9a-f]{12}$/)
    assert.equal(up.headers.cookie, 'a=1')
    assert.equal(up.headers['sec-websocket-protocol'], 'chat')
    assert.doesNotMatch(JSON.stringify(up.rawHeaders), /evil|6\.6\.6\.6/)
    if (ws instanceof WebSocket) ws.close()
  })

  describe('an upstream that does not take part', () => {
    test('has its refusal passed on with its body', async () => {
      const answer = await refusal(open('/api/forbidden'))
      assert.equal(answer.status, 403)
      assert.equal(answer.body, 'room closed')
      assert.equal(answer.headers['x-why'], 'closed')
      assert.ok(answer.headers['x-request-id'])
      assert.equal(answer.headers.connection, 'close')
      await waitUntil(() => requestLines('/api/forbidden').length === 1)
      assert.equal(requestLines('/api/forbidden')[0]?.source, 'upstream')
    })

    test('has a refusal without a length passed on whole', async () => {
      assert.equal((await refusal(open('/api/streamed-refusal'))).body, 'no length')
    })

    test('never has a broken refusal look whole', async () => {
      await assert.rejects(refusal(open('/api/broken-refusal')))
    })

    const dead: [string, string, number][] = [
      ['is not there', '/dead', 502],
      ['resets', '/api/reset', 502],
      ['is silent', '/api/silent', 504],
      ['changes to another protocol', '/api/other-protocol', 502],
    ]
    for (const [title, path, status] of dead) {
      test(`is answered for with ${status} when it ${title}`, async () => {
        const answer = await refusal(open(path))
        assert.equal(answer.status, status)
        assert.match(answer.body, /AEGIS_UPSTREAM/)
        await waitUntil(() => requestLines(path).length === 1)
        assert.equal(requestLines(path)[0]?.status, status)
      })
    }
  })

  test('gives up upstream when the client leaves before the handshake was answered', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    const before = handshakes.length
    const lines = requestLines('/patient').length
    socket.write(handshakeBytes('/patient'))
    await waitUntil(() => handshakes.length > before)
    socket.resetAndDestroy()
    await waitUntil(() => requestLines('/patient').length > lines)
    assert.equal(requestLines('/patient').at(-1)?.status, 499)
    // The upstream's socket is closed too: it notes the handshake once more then.
    await waitUntil(() => handshakes.length > before + 1)
  })

  test('logs a tunnel once, when it is over, as 101, and counts it once', async () => {
    const ws = await opened('/api/counted')
    ws.send('hello')
    await once(ws, 'message')
    assert.deepEqual(requestLines('/api/counted'), [])
    ws.close()
    await once(ws, 'close')
    await waitUntil(() => requestLines('/api/counted').length > 0)
    assert.equal(requestLines('/api/counted').length, 1)
    const [line] = requestLines('/api/counted')
    assert.equal(line?.status, 101)
    assert.equal(line?.tenant, 'acme')
    assert.equal(line?.source, 'upstream')
    assert.ok((line?.request_bytes as number) >= 11)
    assert.ok((line?.response_bytes as number) >= 7)
    const metrics = await fetch(`${gateway.adminUrl}/metrics`, {
      headers: { authorization: `Bearer ${gateway.adminToken}` },
    })
    assert.match(await metrics.text(), /aegis_http_requests_total\{[^}]*code="101"[^}]*\} \d+/)
  })

  test('leaves tunnels alone when the config of others changes', async () => {
    const ws = await opened('/api/echo')
    const routes = JSON.parse(await readFile(join(dir, 'routes.json'), 'utf8'))
    routes.tenants = routes.tenants.map((tenant: { id: string }) =>
      tenant.id === 'globex' ? { ...tenant, status: 'suspended' } : tenant,
    )
    routes.routes.push({ id: 'new', paths: ['/new'], upstream: 'api', auth: 'none' })
    await writeFile(join(dir, 'routes.json'), JSON.stringify(routes))
    // The new route is there once the tenant plugin speaks for it.
    await waitUntil(
      async () => !(await (await fetch(`${gateway.url}/new`)).text()).includes('AEGIS_NO_ROUTE'),
    )
    ws.send('still here')
    assert.equal(String((await once(ws, 'message'))[0]), 'still here')
    ws.close()
    await once(ws, 'close')
  })
  test('has nothing left open after all that', async () => {
    await waitUntil(async () => {
      const answer = await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
      const { workers } = (await answer.json()) as { workers: { inFlight: number }[] }
      return workers.every((worker) => worker.inFlight === 0)
    })
  })
})
