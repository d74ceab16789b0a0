// Upstreams that do what no server should, through the running gateway: clients never get the bytes of another answer, a
// broken body never ends well, no connection that was used badly is used again, and memory stays bounded.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { readLlhttpCases } from '../support/llhttp-vectors.ts'
import { sendRaw, statusOf } from '../support/raw.ts'

const ok = 'HTTP/1.1 200 OK\r\n'
const whole = `${ok}Content-Length: 2\r\n\r\nok`
const bigBytes = 100 * 1024 * 1024

describe('a hostile upstream', () => {
  let upstream: Server
  let gateway: TestGateway
  let remove: () => Promise<void>
  const sockets = new Set<Socket>()
  let connections = 0
  /** What is done to the next request for /hostile; all others are answered well. */
  let act: (socket: Socket) => void = () => {}

  before(async () => {
    upstream = createServer((socket) => {
      connections += 1
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        if (chunk.includes(' /hostile ')) act(socket)
        else if (chunk.includes(' /big ')) sendBig(socket)
        else socket.write(whole)
      })
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const config = await createConfigDir({
      routes: {
        upstreams: {
          api: {
            targets: [{ url }],
            timeouts: { headersMs: 500, bodyIdleMs: 500 },
            retry: { attempts: 1 },
            health: { passive: { failures: 100_000 } },
          },
        },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
    })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    for (const socket of sockets) socket.destroy()
    upstream.close()
    await remove()
  })

  function sendBig(socket: Socket): void {
    socket.write(`${ok}Content-Length: ${bigBytes}\r\n\r\n`)
    const piece = Buffer.alloc(65_536)
    let left = bigBytes
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= piece.length
        if (!socket.write(piece)) return void socket.once('drain', more)
      }
    }
    more()
  }

  const ask = (path: string): Promise<string> =>
    sendRaw(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 3_000)

  const write = (text: string) => (socket: Socket) => void socket.write(Buffer.from(text, 'latin1'))
  /** Title, what the upstream does, status of the answer (0: none). */
  const broken: [string, (socket: Socket) => void, number][] = [
    ['closes at once', (socket) => socket.end(), 502],
    ['resets at once', (socket) => socket.resetAndDestroy(), 502],
    ['says nothing', () => {}, 504],
    ['closes within the status line', (socket) => socket.end('HTTP/1.1 2'), 502],
    ['closes within the head', (socket) => socket.end(ok), 502],
    ['says nothing behind half a head', write(ok), 504],
    ['speaks another protocol', write('SSH-2.0-OpenSSH\r\n\r\n'), 502],
    ['says two different lengths', write(`${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`), 502],
    ['says a length twice', write(`${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`), 502],
    [
      'says a length and chunks',
      write(`${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      502,
    ],
    ['says a coding that nobody knows', write(`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`), 502],
    ['ends lines with LF alone', write('HTTP/1.1 200 OK\nContent-Length: 2\n\nok'), 502],
    ['folds a header', write(`${ok}A: b\r\n c\r\nContent-Length: 2\r\n\r\nok`), 502],
    ['puts NUL into a header', write(`${ok}A: b\0c\r\nContent-Length: 2\r\n\r\nok`), 502],
    ['puts a space before a colon', write(`${ok}Content-Length : 2\r\n\r\nok`), 502],
    [
      'switches protocols unasked',
      write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nevil'),
      502,
    ],
    ['sends a head without end', (socket) => void flood(socket, ok, `A: ${'b'.repeat(1_000)}\r\n`), 502],
    ['sends headers without end', (socket) => void flood(socket, ok, 'A: b\r\n'), 502],
    [
      'sends interim answers without end',
      (socket) => void flood(socket, '', 'HTTP/1.1 102 Processing\r\n\r\n'),
      502,
    ],
    [
      'sends a chunk size without end',
      (socket) => void flood(socket, `${ok}Transfer-Encoding: chunked\r\n\r\n`, '0'),
      200,
    ],
    [
      'sends trailers without end',
      (socket) => void flood(socket, `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`, 'A: b\r\n'),
      200,
    ],
    ['ends a body early', (socket) => socket.end(`${ok}Content-Length: 10\r\n\r\nshort`), 200],
    [
      'resets within a body',
      (socket) =>
        void socket.write(`${ok}Content-Length: 10\r\n\r\nshort`, () =>
          setImmediate(() => socket.resetAndDestroy()),
        ),
      200,
    ],
    ['ends within a chunk', (socket) => socket.end(`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nshor`), 200],
    [
      'ends before the last chunk',
      (socket) => socket.end(`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n`),
      200,
    ],
    ['breaks its chunks', write(`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n`), 200],
    ['says nothing within a body', write(`${ok}Content-Length: 10\r\n\r\nshort`), 200],
  ]

  function flood(socket: Socket, before: string, again: string): void {
    socket.write(before)
    const piece = again.repeat(Math.ceil(16_384 / again.length))
    const more = (): void => {
      while (!socket.destroyed) if (!socket.write(piece)) return void socket.once('drain', more)
    }
    more()
  }

  for (const [title, does, status] of broken) {
    test(`that ${title} gets no second request on its connection, and its body does not end well`, async () => {
      const bad = new Set<Socket>()
      act = (socket) => {
        bad.add(socket)
        does(socket)
      }
      const received = await ask('/hostile')
      const got = [...received.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(([, code]) => Number(code))
      // A body that broke off before its head went out leaves nothing to be sent.
      assert.ok(
        got.length === 1 ? [status, 502].includes(got[0] as number) : status === 200 && got.length === 0,
        received.slice(0, 300),
      )
      assert.doesNotMatch(received, /evil/)
      if (got[0] === 200) {
        assert.doesNotMatch(received, /\r\n0\r\n\r\n$/)
        const length = /content-length: (\d+)/i.exec(received)
        if (length !== null) assert.ok(received.split('\r\n\r\n')[1]?.length !== Number(length[1]))
      }
      await waitUntil(() => [...bad].every((socket) => !sockets.has(socket)))
      assert.match(await ask('/good'), /ok$/)
    })
  }

  /** They end well, and yet their connection is not to be used again. */
  const surplus: [string, string][] = [
    ['two answers at once', `${whole}${ok}Content-Length: 4\r\n\r\nevil`],
    ['bytes behind its answer', `${whole}evil`],
    ['an answer that is longer than it says', `${ok}Content-Length: 2\r\n\r\nokevil`],
    ['a body that must not be there', 'HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil'],
    ['a body behind 304', 'HTTP/1.1 304 Not Modified\r\n\r\nevil'],
  ]
  for (const [title, bytes] of surplus) {
    test(`that sends ${title} is not believed`, async () => {
      const bad = new Set<Socket>()
      act = (socket) => {
        bad.add(socket)
        socket.write(bytes)
      }
      const [first, ...others] = await Promise.all([ask('/hostile'), ask('/good'), ask('/good')])
      assert.ok([200, 204, 304].includes(statusOf(first as string)))
      assert.doesNotMatch(`${first}`, /evil/)
      await waitUntil(() => [...bad].every((socket) => !sockets.has(socket)))
      for (const other of [...others, await ask('/good')]) assert.match(other, /ok$/)
    })
  }

  test('that sends what llhttp was tried with harms nobody', async () => {
    const cases = readLlhttpCases('response')
    for (const { input, name } of cases) {
      act = (socket) => socket.end(input)
      await ask('/hostile')
      assert.match(await ask('/good'), /ok$/, name)
    }
  })

  test('that sends one byte at a time is waited for', async () => {
    act = (socket) => {
      let at = 0
      const next = (): void => {
        if (at < whole.length) socket.write(whole.slice(at, ++at), () => setImmediate(next))
      }
      next()
    }
    assert.match(await ask('/hostile'), /ok$/)
  })

  test('that sends more than a client reads fills no memory', async () => {
    const memory = async (): Promise<number> => {
      const status = await readFile(`/proc/${gateway.process.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
    }
    const before = await memory()
    const slow = Array.from({ length: 5 }, () => {
      const socket = connect(gateway.port, '127.0.0.1')
      socket.pause()
      socket.on('error', () => {})
      socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
      return socket
    })
    let most = 0
    for (let i = 0; i < 20; i++) {
      most = Math.max(most, (await memory()) - before)
      await ask('/good')
    }
    for (const socket of slow) socket.destroy()
    assert.ok(most < 80 * 1024 * 1024, `${most} bytes more`)
  })

  test('never crashed the gateway', async () => {
    assert.equal((await fetch(`${gateway.url}/health`)).status, 200)
    assert.ok(connections > 0)
    assert.ok(gateway.logs().every(({ msg }) => msg !== 'an exchange failed inside the gateway'))
  })
})
