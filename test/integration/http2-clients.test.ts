// HTTP/2 as its clients know it: node's own and curl, over TLS and over plain text, through the whole gateway.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createHttp2Client, findAnswer, request, toHeaders } from '../support/http2-frames.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const run = promisify(execFile)

interface Answered {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function ask(session: ClientHttp2Session, headers: object, body?: string): Promise<Answered> {
  const stream = session.request(
    { ':authority': 'acme.example.com', ...headers },
    { endStream: body === undefined },
  )
  if (body !== undefined) stream.end(body)
  let text = ''
  stream.setEncoding('latin1')
  stream.on('data', (chunk) => {
    text += chunk
  })
  const ended = once(stream, 'end')
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  await ended
  return { headers: answer, body: text }
}

function serve(req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? ''
  if (url.startsWith('/open/cookies')) {
    res.writeHead(200, [
      ...[
        'Set-Cookie',
        'a=b; Path=/',
        'Date',
        'Sat, 01 Jan 2000 00:00:00 GMT',
        'Set-Cookie',
        'c=d',
        'X-Up',
        'y',
      ],
      ...['Connection', 'x-private', 'X-Private', 'z', 'Keep-Alive', 'timeout=9'],
    ])
    res.end('ok')
  } else if (url.startsWith('/open/early')) {
    res.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => res.end('ok'))
  } else if (url.startsWith('/open/status/')) {
    const status = Number(url.slice('/open/status/'.length))
    res.writeHead(status, { 'content-length': status === 304 ? '5' : '0' })
    res.end()
  } else if (url.startsWith('/open/trailers')) {
    res.writeHead(200, { trailer: 'x-checksum' })
    res.write('body')
    res.addTrailers({ 'X-Checksum': 'abc', 'Set-Cookie': 'no=way' })
    res.end()
  } else if (url.startsWith('/open/large')) {
    res.end('0123456789abcdef'.repeat(262_144))
  } else {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () =>
      res.end(JSON.stringify({ headers: req.headers, bytes: Buffer.concat(chunks).length })),
    )
  }
}

describe('clients of HTTP/2', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  const ports: Record<string, number> = {}

  before(async () => {
    upstream = await createUpstream(serve)
    const pair = (hosts: string[], name: string) => {
      return { hosts, certFile: `tls/${name}.crt`, keyFile: `tls/${name}.key` }
    }
    const tls = { certificates: [pair(['*.example.com'], 'wild'), pair(['api.globex.test'], 'exact')] }
    const listen = (name: string, settings: object) => ({ name, host: '127.0.0.1', port: 0, ...settings })
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: {
          listeners: [
            listen('plain', { http2: true }),
            listen('http1', {}),
            listen('tls', { tls }),
            listen('tls1', { tls: { ...tls, http2: false } }),
          ],
          limits: { requestsPerConnection: 0 },
        },
      }),
    )
    remove = config.remove
    const shop = createCertificateShop(join(config.dir, 'tls'))
    const one = shop.authority('one')
    shop.put('wild', shop.issue(one, { names: 'DNS:*.example.com', subject: '/CN=wild' }))
    shop.put('exact', shop.issue(one, { names: 'DNS:api.globex.test', subject: '/CN=exact' }))
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as {
      listeners: { name: string; port: number }[]
    }
    for (const { name, port } of ready.listeners) ports[name] = port
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  const openTls = async (listener: string, options: ConnectionOptions): Promise<TLSSocket> => {
    const port = ports[listener] as number
    const trust = { servername: 'acme.example.com', rejectUnauthorized: false }
    const socket = connectTls({ host: '127.0.0.1', port, ...trust, ...options })
    await once(socket, 'secureConnect')
    return socket
  }

  const agreed: [string, string, string[], string][] = [
    ['both', 'tls', ['h2', 'http/1.1'], 'h2'],
    ['both, the other way round', 'tls', ['http/1.1', 'h2'], 'h2'],
    ['HTTP/1.1 alone', 'tls', ['http/1.1'], 'http/1.1'],
    ['both where HTTP/2 is off', 'tls1', ['h2', 'http/1.1'], 'http/1.1'],
  ]
  for (const [title, listener, offered, expected] of agreed) {
    test(`a client that offers ${title} gets ${expected}`, async () => {
      const socket = await openTls(listener, { ALPNProtocols: offered })
      assert.equal(socket.alpnProtocol, expected)
      socket.destroy()
    })
  }

  test('a TLS client without ALPN speaks HTTP/1.1', async () => {
    const socket = await openTls('tls', {})
    socket.write('GET /open/x HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.match(chunk.toString(), /^HTTP\/1\.1 200 /)
    socket.destroy()
  })

  test('the preface is no HTTP/1.1 where HTTP/2 is not on', async () => {
    const client = await createHttp2Client(ports.http1 as number)
    await waitUntil(() => client.closed())
    assert.equal(client.frames.length === 0 || client.goneAway() < 0, true)
  })

  test('a plain listener with HTTP/2 serves HTTP/1.1 as well, however its bytes are cut', async () => {
    const answer = await fetch(`http://127.0.0.1:${ports.plain}/health`)
    assert.deepEqual(await answer.json(), { status: 'ok' })
    // As long as it could be the preface, nothing is decided.
    const client = await createHttp2Client(ports.plain as number, { first: 'P' })
    let received = ''
    client.socket.on('data', (chunk) => {
      received += chunk
    })
    client.send(
      'OST /open/x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
    )
    await waitUntil(() => client.closed())
    assert.match(received, /^HTTP\/1\.1 200 /)
    assert.match(received, /"bytes":2/)
  })

  test('421 where the certificate of the connection is not for the authority, and the connection goes on', async () => {
    const socket = await openTls('tls', { ALPNProtocols: ['h2'] })
    const client = await createHttp2Client(0, { socket })
    const before = upstream.seen.length
    client.send(toHeaders(1, request({ ':scheme': 'https', ':authority': 'api.globex.test' })))
    const answer = await client.answered(1)
    assert.equal(answer.status, 421)
    assert.match(answer.body, /AEGIS_MISDIRECTED_REQUEST/)
    assert.equal(upstream.seen.length, before)
    client.send(toHeaders(3, request({ ':scheme': 'https' })))
    assert.equal((await client.answered(3)).status, 200)
    client.send(toHeaders(5, request({ ':scheme': 'http' })))
    assert.equal((await client.answered(5)).status, 400)
    client.close()
  })

  for (const [name, target, options] of [
    ['plain text', () => `http://127.0.0.1:${ports.plain}`, {}],
    [
      'TLS',
      () => `https://127.0.0.1:${ports.tls}`,
      { servername: 'acme.example.com', rejectUnauthorized: false },
    ],
  ] as const) {
    describe(`node's client over ${name}`, () => {
      let session: ClientHttp2Session
      before(() => {
        session = http2.connect(target(), options)
      })
      after(() => session.close())

      test('asks and is answered, many at once', async () => {
        const paths = Array.from({ length: 80 }, (_, index) => `/open/${index}`)
        const answers = await Promise.all(paths.map((path) => ask(session, { ':path': path })))
        assert.ok(answers.every(({ headers }) => Number(headers[':status']) === 200))
      })

      test('runs the whole chain', async () => {
        const { headers, body } = await ask(session, { ':path': '/api/x' })
        assert.equal(headers[':status'], 401)
        assert.match(String(headers['www-authenticate']), /^Bearer/)
        assert.match(body, /"code":"AEGIS_/)
      })

      test('gets Date and several Set-Cookie untouched, and nothing that speaks of a connection', async () => {
        const { headers } = await ask(session, { ':path': '/open/cookies' })
        assert.deepEqual(headers['set-cookie'], ['a=b; Path=/', 'c=d'])
        assert.equal(headers.date, 'Sat, 01 Jan 2000 00:00:00 GMT')
        assert.equal(headers['x-up'], 'y')
        for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'x-private', 'upgrade'])
          assert.equal(headers[name], undefined, name)
      })

      test('gets a Date where the upstream said none', async () => {
        const { headers } = await ask(session, { ':path': '/health' })
        assert.match(String(headers.date), /GMT$/)
      })

      test('gets interim answers', async () => {
        const stream = session.request({ ':path': '/open/early', ':authority': 'acme.example.com' })
        const hints: unknown[] = []
        stream.on('headers', (headers) => hints.push(headers[':status'], headers.link))
        const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
        assert.deepEqual(hints, [103, '</a.css>; rel=preload'])
        assert.equal(headers[':status'], 200)
        stream.close()
      })

      test('sends its body once it is asked for it', async () => {
        const stream = session.request({
          ...{ ':path': '/open/x', ':method': 'POST', ':authority': 'acme.example.com' },
          ...{ expect: '100-continue', 'content-length': '5' },
        })
        stream.on('continue', () => stream.end('hello'))
        let body = ''
        stream.on('data', (chunk) => {
          body += chunk
        })
        await once(stream, 'end')
        assert.match(body, /"bytes":5/)
      })

      test('is refused before it sends its body', async () => {
        const stream = session.request({
          ...{ ':path': '/api/x', ':method': 'POST', ':authority': 'acme.example.com' },
          ...{ expect: '100-continue', 'content-length': '5' },
        })
        let asked = false
        stream.on('continue', () => {
          asked = true
        })
        const closed = once(stream, 'close')
        const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
        stream.resume()
        await closed
        assert.deepEqual([headers[':status'], asked], [401, false])
      })

      for (const status of [204, 304, 200, 503])
        test(`gets ${status} without a body`, async () => {
          const { headers, body } = await ask(session, { ':path': `/open/status/${status}` })
          assert.deepEqual([headers[':status'], body], [status, ''])
          assert.equal(
            headers['content-length'],
            { 204: undefined, 304: '5' }[status] ?? (status === 204 ? undefined : '0'),
          )
        })

      test('gets the head that GET would get for HEAD', async () => {
        const { headers, body } = await ask(session, { ':path': '/open/large', ':method': 'HEAD' })
        assert.deepEqual([headers[':status'], body], [200, ''])
      })

      test('gets trailers, but none that only a header may say', async () => {
        const stream = session.request({ ':path': '/open/trailers', ':authority': 'acme.example.com' })
        stream.resume()
        const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders]
        assert.deepEqual(Object.entries(trailers), [['x-checksum', 'abc']])
      })

      test('uploads and downloads megabytes', async () => {
        const sent = await ask(session, { ':path': '/open/x', ':method': 'POST' }, 'x'.repeat(4_194_304))
        assert.match(sent.body, /"bytes":4194304/)
        const got = await ask(session, { ':path': '/open/large' })
        assert.equal(got.body.length, 4_194_304)
        assert.equal(got.body, '0123456789abcdef'.repeat(262_144))
      })
    })
  }

  test('curl speaks it by ALPN and by prior knowledge', async () => {
    const over = async (...args: string[]) =>
      (
        await run('curl', [
          '-sk',
          '-o',
          '/dev/null',
          '-w',
          '%{http_version} %{http_code}',
          '-d',
          'hello',
          ...args,
        ])
      ).stdout
    const resolve = ['--resolve', `acme.example.com:${ports.tls}:127.0.0.1`]
    assert.equal(await over('--http2', ...resolve, `https://acme.example.com:${ports.tls}/open/x`), '2 200')
    const plain = ['--http2-prior-knowledge', '-H', 'Host: acme.example.com']
    assert.equal(await over(...plain, `http://127.0.0.1:${ports.plain}/open/x`), '2 200')
    // It offers to upgrade; the gateway does not.
    assert.equal(
      await over('--http2', '-H', 'Host: acme.example.com', `http://127.0.0.1:${ports.plain}/open/x`),
      '1.1 200',
    )
  })

  test('a trusted proxy alone may speak of another scheme than that of its connection', async () => {
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: {
          listeners: [{ name: 'plain', host: '127.0.0.1', port: 0, http2: true }],
          trustedProxies: ['127.0.0.1'],
        },
      }),
    )
    const behind = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
    const client = await createHttp2Client(behind.port)
    client.send(toHeaders(1, request({ ':scheme': 'https' })))
    const answer = await client.answered(1)
    assert.equal(answer.status, 200)
    assert.match(answer.body, /"x-forwarded-proto":"https"/)
    assert.deepEqual(findAnswer(answer, 'connection'), [])
    client.close()
    await behind.stop()
    await config.remove()
  })
})
