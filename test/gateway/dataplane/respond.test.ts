import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Plugin } from '../../../gateway/contract/plugin.ts'
import { answer, deny, type Reply } from '../../../gateway/contract/reply.ts'
import { Exchange } from '../../../gateway/dataplane/exchange.ts'
import { Deadlines } from '../../../gateway/dataplane/http1/deadlines.ts'
import { Pages } from '../../../gateway/dataplane/http1/pages.ts'
import { ServerConnection } from '../../../gateway/dataplane/http1/server-connection.ts'
import { pickType, renderProblem } from '../../../gateway/dataplane/problem.ts'
import {
  answerFailure,
  answerInstead,
  answerWith,
  sendHead,
  startAnswer,
} from '../../../gateway/dataplane/respond.ts'
import type { Runtime } from '../../../gateway/dataplane/runtime.ts'
import { sendRaw, statusOf } from '../../support/raw.ts'
import { createEntry, createFakeRuntime, createInstance } from './snapshot.ts'

describe('the form of a refusal', () => {
  const accepts: [string, string][] = [
    ['', 'application/problem+json'],
    ['*/*', 'application/problem+json'],
    ['application/json', 'application/json'],
    ['text/html', 'text/html'],
    ['TEXT/HTML', 'text/html'],
    ['text/plain', 'text/plain'],
    ['text/*', 'text/html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
    ['application/json, text/html;q=0.9', 'application/json'],
    ['text/html;q=0.2, application/problem+json;q=0.3', 'application/problem+json'],
    ['text/html;q=0, */*', 'application/problem+json'],
    ['text/html;q=0', 'application/problem+json'],
    ['text/plain;q=0.5, text/html;q=0.4', 'text/plain'],
    ['*/*;q=0.1, text/plain', 'text/plain'],
    ['image/png', 'application/problem+json'],
    ['text/html;q=9', 'application/problem+json'],
    ['text/html;q=x', 'application/problem+json'],
    [';;;,,,q=', 'application/problem+json'],
  ]
  for (const [accept, expected] of accepts) {
    test(`is ${expected} for Accept: ${accept}`, () => assert.equal(pickType(accept), expected))
  }

  test('is a problem of RFC 9457 without anything internal', () => {
    const { contentType, body } = renderProblem(deny(404, 'AEGIS_NO_ROUTE', 'No route.'), 'id-1', undefined)
    assert.equal(contentType, 'application/problem+json')
    assert.deepEqual(JSON.parse(body), {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'No route.',
      code: 'AEGIS_NO_ROUTE',
      request_id: 'id-1',
    })
  })

  test('escapes what it shows as HTML', () => {
    const { body } = renderProblem(deny(400, 'A', '<script>"&'), '<b>', 'text/html')
    assert.doesNotMatch(body, /<script>|<b>/)
    assert.match(body, /&lt;script&gt;&quot;&amp;/)
  })
})

describe('answers on a socket', () => {
  const logged: string[] = []
  let act: (ex: Exchange) => void
  let runtime: Runtime
  const limits = {
    headBytes: 16_384,
    fields: 100,
    requests: 0,
    headersMs: 9_000,
    requestMs: 9_000,
    idleMs: 9_000,
  }
  const deadlines = new Deadlines()
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    lastSocket = socket
    new ServerConnection(
      {
        limits,
        deadlines,
        pages: new Pages(),
        draining: () => false,
        onClosed() {},
        onRequest(stream) {
          last = new Exchange({ down: stream, isHandshake: false, localPort: '80' }, runtime)
          act(last)
        },
      },
      socket,
      null,
    )
  })
  let lastSocket: Socket
  let last: Exchange
  let port: number

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  /** Raw bytes of the answer; the connection is closed by the request. */
  async function ask(
    then: (ex: Exchange) => void,
    head = 'GET / HTTP/1.1',
    draining = false,
  ): Promise<string> {
    act = then
    logged.length = 0
    runtime = createFakeRuntime(logged, { draining: () => draining })
    return sendRaw(port, `${head}\r\nHost: a\r\nConnection: close\r\n\r\n`)
  }
  const enter = (ex: Exchange, plugin: Plugin) =>
    void ex.entered.push(createInstance(createEntry('p'), plugin, { hookTimeoutMs: 50 }))
  const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4)

  const whole: [string, string, Reply, number, RegExp, string][] = [
    [
      'a body',
      'GET / HTTP/1.1',
      answer(200, ['x-a', '1'], 'hello'),
      200,
      /x-a: 1\r\n[\s\S]*content-length: 5\r\n/,
      'hello',
    ],
    ['no body', 'GET / HTTP/1.1', answer(200), 200, /content-length: 0\r\n/, ''],
    ['HEAD without its body', 'HEAD / HTTP/1.1', answer(200, [], 'hello'), 200, /content-length: 5\r\n/, ''],
    ['204 without a length', 'GET / HTTP/1.1', answer(204), 204, /^((?!content-length)[\s\S])*$/i, ''],
    [
      '204 though a length was given',
      'GET / HTTP/1.1',
      answer(204, ['Content-Length', '5']),
      204,
      /^((?!content-length)[\s\S])*$/i,
      '',
    ],
    ['304 without a length', 'GET / HTTP/1.1', answer(304), 304, /^((?!content-length)[\s\S])*$/i, ''],
    [
      'bytes',
      'GET / HTTP/1.1',
      answer(200, [], new Uint8Array([104, 105])),
      200,
      /content-length: 2\r\n/,
      'hi',
    ],
  ]
  for (const [title, head, reply, status, headers, body] of whole) {
    test(`sends ${title}`, async () => {
      const received = await ask((ex) => answerWith(ex, reply), head)
      assert.equal(statusOf(received), status)
      assert.match(received, headers)
      assert.equal(bodyOf(received), body)
    })
  }

  test('answers once, whoever speaks second', async () => {
    const received = await ask((ex) => {
      answerWith(ex, answer(200, [], 'first'))
      answerWith(ex, answer(500, [], 'second'))
      startUpstreamLike(ex)
    })
    assert.match(received, /first$/)
    assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1)

    function startUpstreamLike(ex: Exchange): void {
      assert.equal(sendHead(ex), false)
    }
  })

  test('answers once though the second speaks while the hooks of the first run', async () => {
    const received = await ask((ex) => {
      enter(ex, { onResponse: () => new Promise((resolve) => setImmediate(resolve)) })
      answerWith(ex, answer(200, [], 'first'))
      answerWith(ex, answer(500, [], 'second'))
      answerFailure(ex, undefined as never)
    })
    assert.equal(received, '', 'a defect behind a begun answer breaks off')
    assert.equal(last.status, 200)
    assert.equal(logged.length, 1)
  })

  const badHeads: [string, Plugin][] = [
    ['a line break in a value', { onResponse: (ex) => ex.setResponseHeader('x', 'a\r\nset-cookie: evil=1') }],
    ['a name that is none', { onResponse: (ex) => ex.setResponseHeader('a b', 'x') }],
    [
      'a status that is none',
      {
        onResponse: (ex) => {
          ex.status = 1000
        },
      },
    ],
    ['a value beyond latin1', { onResponse: (ex) => ex.setResponseHeader('x', '\u20ac') }],
    ['a late line break', { onResponse: async (ex) => ex.setResponseHeader('x', 'a\nb') }],
  ]
  for (const [title, plugin] of badHeads) {
    test(`turns ${title} into a plain 500`, async () => {
      const received = await ask((ex) => {
        enter(ex, plugin)
        answerWith(ex, answer(200, [], 'hello'))
      })
      assert.equal(statusOf(received), 500)
      assert.doesNotMatch(received, /evil|hello/)
      assert.match(received, /AEGIS_INTERNAL/)
      assert.equal(last.code, 'AEGIS_INTERNAL')
      assert.deepEqual(logged, ['an exchange failed inside the gateway'])
    })
  }

  test('tells the caller when a head could not be sent', async () => {
    let sent: boolean | null = null
    await ask((ex) =>
      startAnswer(ex, 1000, [], () => {
        sent = sendHead(ex)
      }),
    )
    assert.equal(sent, false)
  })

  test('breaks off when what follows the hooks fails', async () => {
    const received = await ask((ex) => {
      enter(ex, { onResponse: async () => {} })
      startAnswer(ex, 200, [], () => {
        throw new Error('broken')
      })
    })
    assert.equal(received, '')
    assert.deepEqual(logged, ['an exchange failed inside the gateway'])
  })

  test('runs the hooks again on an answer that takes the place of a broken one', async () => {
    let runs = 0
    const received = await ask((ex) => {
      enter(ex, { onResponse: (view) => view.setResponseHeader('x-run', String(++runs)) })
      startAnswer(ex, 200, ['set-cookie', 'a=1'], () => answerInstead(ex, deny(502, 'AEGIS_X', 'No.')))
    })
    assert.equal(statusOf(received), 502)
    assert.match(received, /x-run: 2/)
    assert.doesNotMatch(received, /set-cookie/)
  })

  test('closes the connection while the worker drains', async () => {
    act = (ex) => answerWith(ex, answer(200))
    runtime = createFakeRuntime(logged, { draining: () => true })
    const received = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 5_000)
    assert.match(received, /connection: close/i)
  })

  test('drains what is left of a refused body and keeps the connection', async () => {
    act = (ex) => answerWith(ex, answer(ex.method === 'POST' ? 403 : 200))
    runtime = createFakeRuntime(logged)
    const body = 'x'.repeat(200_000)
    const received = await sendRaw(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 403', 'HTTP/1.1 200'])
  })

  test('cuts a refused body that does not end', async () => {
    act = (ex) => answerWith(ex, answer(403))
    runtime = createFakeRuntime(logged)
    const body = 'x'.repeat(3_000_000)
    const received = await sendRaw(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n${body}`,
      5_000,
    )
    assert.ok(received === '' || statusOf(received) === 403)
    assert.ok(lastSocket.bytesRead < 2_500_000, `${lastSocket.bytesRead} bytes were read`)
  })

  test('says nothing to who has left', async () => {
    const received = await ask((ex) => {
      ex.ended = true
      answerWith(ex, answer(200))
      assert.equal(ex.headSent, false)
      ex.down.breakOff()
    })
    assert.equal(received, '')
  })
})
