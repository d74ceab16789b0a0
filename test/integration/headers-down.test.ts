// What comes down of an answer's head, byte for byte, whichever way it came.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { statusOf } from '../support/raw.ts'
import { valuesOf } from '../support/raw-upstream.ts'
import { type HeaderScene, startHeaderScene, ways } from './header-scene.ts'

const host = 'Host: acme.example.com\r\n'
const last = 'Connection: close\r\n'
const date = 'Sun, 06 Nov 1994 08:49:37 GMT'

let scene: HeaderScene
let count = 0
before(async () => {
  scene = await startHeaderScene()
})
after(() => scene.close())

for (const way of ways) {
  /** The raw answer to a request whose upstream answers with these bytes. */
  const comesDown = async (bytes: string, method = 'GET', version = '1.1', more = last): Promise<string> => {
    const path = `/${way}/d${count++}`
    scene.upstreams[way].answers.set(path, bytes)
    return scene.send(`${method} ${path} HTTP/${version}\r\n${host}${more}\r\n`)
  }
  const headOf = (answer: string): string => answer.slice(0, answer.indexOf('\r\n\r\n'))

  describe(`answers that come by ${way}`, () => {
    test('keep names, bytes, order and repeats: Date, Server, X-Powered-By and each Set-Cookie as they are', async () => {
      const lines = [
        ...[
          'SeRvEr: theirs/1.0',
          'X-Powered-By: PHP/8',
          `Date: ${date}`,
          'Set-Cookie: a=1; Path=/',
          'X-Latin: caf\xe9',
          'set-cookie: b=2',
        ],
        ...[
          'X-Utf8: caf\xc3\xa9',
          'Set-Cookie: a=3',
          'X-Tab: a\tb',
          'ETag: W/"x"',
          'Content-Length: 2',
          'Cache-Control: no-store',
          'X-Tenant-Id: theirs',
        ],
      ]
      const answer = await comesDown(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\nok`)
      const kept = headOf(answer)
        .split('\r\n')
        .filter((line) => lines.includes(line))
      assert.deepEqual(kept, lines)
      assert.equal(valuesOf(headOf(answer), 'Date').length, 1)
      assert.match(answer, /\r\n\r\nok$/)
    })

    test('lose what belongs to the connection, and what Connection names', async () => {
      const lines = [
        ...[
          'Connection: x-inner, X_Other',
          'Connection: close',
          'X-Inner: gone',
          'X-Other: gone',
          'Keep-Alive: timeout=gone',
        ],
        ...[
          'Proxy-Connection: gone',
          'Proxy-Authenticate: gone',
          'Proxy-Authentication-Info: gone',
          'Upgrade: gone',
          'TE: gone',
          'Trailer: gone',
          'X-Kept: kept',
        ],
      ]
      const answer = await comesDown(
        `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`,
      )
      assert.equal(statusOf(answer), 200)
      assert.doesNotMatch(answer, /gone/)
      assert.deepEqual(valuesOf(headOf(answer), 'X-Kept'), ['kept'])
    })

    test("lose the upstream's CORS headers: the gateway's own are the only ones", async () => {
      const theirs = 'Access-Control-Allow-Origin: http://evil\r\nAccess-Control-Allow-Credentials: true\r\n'
      const answer = await comesDown(
        `HTTP/1.1 200 OK\r\n${theirs}Content-Length: 2\r\n\r\nok`,
        ...(['GET', '1.1', `Origin: http://a\r\n${last}`] as const),
      )
      assert.deepEqual(valuesOf(headOf(answer), 'Access-Control-Allow-Origin'), ['*'])
      assert.deepEqual(valuesOf(headOf(answer), 'Access-Control-Allow-Credentials'), [])
    })

    test('get a Date where they have none', async () => {
      const answer = await comesDown('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      assert.equal(valuesOf(headOf(answer), 'Date').length, 1)
    })

    const hint =
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-inner\r\nX-Inner: gone\r\n\r\n'
    const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    test('come behind their interim answers, in order', async () => {
      const answer = await comesDown(`HTTP/1.1 102 Processing\r\n\r\n${hint}${hint}${final}`)
      assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), [
        'HTTP/1.1 102',
        'HTTP/1.1 103',
        'HTTP/1.1 103',
        'HTTP/1.1 200',
      ])
      assert.match(answer, /103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\n/)
      assert.doesNotMatch(answer, /gone/)
    })

    test('come without them to a client of HTTP/1.0', async () => {
      const answer = await comesDown(`${hint}${final}`, 'GET', '1.0')
      assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200'])
    })

    const bodiless: [string, string, string, RegExp][] = [
      [
        'a HEAD with a length',
        'HEAD',
        'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n',
        /\r\nContent-Length: 1234\r\n/i,
      ],
      ['a HEAD without one', 'HEAD', 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n', /^(?!.*content-length)/is],
      [
        'a HEAD whose GET is chunked',
        'HEAD',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
        /^(?!.*content-length)/is,
      ],
      ['a 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', /^(?!.*(?:content-length|transfer-encoding))/is],
      ['a 304', 'GET', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', /\r\nETag: "x"\r\n/],
      [
        'a 304 with a length',
        'GET',
        'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n',
        /\r\nContent-Length: 1234\r\n/i,
      ],
    ]
    for (const [title, method, bytes, expected] of bodiless) {
      test(`have no body for ${title}, and the next answer is the next request's`, async () => {
        const path = `/${way}/b${count++}`
        scene.upstreams[way].answers.set(path, bytes)
        const next = `/${way}/n${count++}`
        scene.upstreams[way].answers.set(next, 'HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnext')
        const received = await scene.send(
          `${method} ${path} HTTP/1.1\r\n${host}\r\nGET ${next} HTTP/1.1\r\n${host}${last}\r\n`,
        )
        const end = received.indexOf('\r\n\r\n') + 4
        assert.match(received.slice(0, end), expected)
        assert.match(received.slice(end), /^HTTP\/1\.1 201 Created\r\n.*\r\n\r\nnext$/s)
      })
    }
  })
}
