// What goes up of a request's head, byte for byte, whichever way it goes.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { valuesOf } from '../support/raw-upstream.ts'
import { createTestToken } from '../support/saas.ts'
import { type HeaderScene, proxy, startHeaderScene, stranger, ways } from './header-scene.ts'

const host = 'Host: acme.example.com\r\n'
const last = 'Connection: close\r\n'

const ours = [
  ...['X-Tenant-Id', 'X-User-Id', 'X-User-Roles', 'X-Request-Id', 'X-Forwarded-For', 'X-Forwarded-Proto'],
  ...['X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Prefix', 'X-Forwarded-Client-Cert', 'Client-Cert'],
  ...['Client-Cert-Chain', 'Forwarded', 'X-Real-IP', 'Via', 'Traceparent', 'Tracestate'],
  ...['X-Original-URL', 'X-Rewrite-URL'],
]
const hopByHop = [
  ...[
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Authentication-Info',
  ],
  ...['TE', 'Trailer', 'Upgrade', 'HTTP2-Settings'],
]

function spellingsOf(name: string): string[] {
  const lower = name.toLowerCase()
  const plain = [name, lower, name.toUpperCase()]
  return [
    ...plain,
    ...plain.flatMap((one) => [one.replaceAll('-', '_'), one.replaceAll('-', '.'), one.replace('-', '_')]),
  ]
}

let scene: HeaderScene
let count = 0
before(async () => {
  scene = await startHeaderScene()
})
after(() => scene.close())

/** The head that the upstream gets of a GET with these header lines, to a fresh path behind `prefix`. */
async function goesUp(prefix: string, headers: string, from = stranger): Promise<string> {
  const path = `${prefix}/${count++}`
  const answer = await scene.send(`GET ${path} HTTP/1.1\r\n${host}${last}${headers}\r\n`, from)
  assert.equal(statusOf(answer), 200, answer)
  return scene.seen(path).head
}

for (const way of ways) {
  describe(`headers that go up by ${way}`, () => {
    test('hold nothing that a client says under a name of ours, however it is spelled', async () => {
      for (const name of ours) {
        const lines = [...new Set(spellingsOf(name))].map((spelling) => `${spelling}: evil\r\n`).join('')
        assert.doesNotMatch(await goesUp(`/${way}`, lines), /evil/i, name)
      }
    })

    test('hold nothing of the connection, however it is spelled', async () => {
      for (const name of hopByHop) {
        const lines = [...new Set(spellingsOf(name))].map((spelling) => `${spelling}: evil\r\n`).join('')
        assert.doesNotMatch(await goesUp(`/${way}`, lines), /evil/i, name)
      }
    })

    test('lose what Connection names, but nothing of ours, nor the framing', async () => {
      const token = await createTestToken({ roles: ['member', 'reader'] })
      const named = [
        ...ours,
        'host',
        'content-length',
        'transfer-encoding',
        'X-Inner',
        'x_other',
        'cookie',
      ].join(', ')
      const path = `/${way}/known/nominated`
      const answer = await scene.send(
        `POST ${path} HTTP/1.1\r\n${host}Connection: close, ${named}\r\nAuthorization: Bearer ${token}\r\n` +
          'X-Inner: gone\r\nX-Other: gone\r\nCookie: gone\r\nX-Kept: kept\r\nContent-Length: 5\r\n\r\nhello',
      )
      assert.equal(statusOf(answer), 200, answer)
      const { head, body } = scene.seen(path)
      assert.doesNotMatch(head, /gone/)
      const one = (name: string): string => {
        const values = valuesOf(head, name)
        assert.equal(values.length, 1, `${name}: ${values.join(' | ')}`)
        return values[0] as string
      }
      assert.equal(one('X-Tenant-Id'), 'acme')
      assert.equal(one('X-User-Id'), 'ada')
      assert.equal(one('X-User-Roles'), 'member,reader')
      assert.equal(one('X-Forwarded-For'), stranger)
      assert.equal(one('X-Forwarded-Proto'), 'http')
      assert.equal(one('X-Forwarded-Host'), 'acme.example.com')
      assert.equal(one('X-Forwarded-Port'), String(scene.gateway.port))
      assert.match(one('Via'), /^1\.1 aegis-[0-9a-f]{12}$/)
      assert.match(one('Traceparent'), /^00-/)
      assert.match(one('X-Request-Id'), /^[0-9a-f-]{36}$/)
      assert.equal(one('Host'), new URL(scene.upstreams[way].url).host)
      assert.equal(one('X-Kept'), 'kept')
      assert.equal(one('Content-Length'), '5')
      assert.equal(body, 'hello')
    })

    test('keep names, bytes, order and repeats of all others', async () => {
      const lines = [
        ...[
          'X-CuStOm: a',
          'accept: x',
          'X-Latin: caf\xe9',
          'X-Utf8: caf\xc3\xa9',
          'Cookie: a=1',
          'X-Empty:',
          'Cookie: b=2',
        ],
        ...[
          'X-Tab: a\tb',
          'X-Inner: a  b',
          'X-Quoted: "a, b"; c',
          'authorization: Basic eDp5',
          'x-custom: b',
          "!#$%&'*+-.^_`|~0: y",
        ],
      ]
      const head = await goesUp(`/${way}`, `${lines.join('\r\n')}\r\n`)
      const kept = head.split('\r\n').filter((line) => lines.includes(line) || line === 'X-Empty: ')
      assert.deepEqual(
        kept.map((line) => line.trimEnd()),
        lines,
      )
    })

    test("hold the target's Host", async () => {
      assert.deepEqual(valuesOf(await goesUp(`/${way}`, ''), 'Host'), [
        new URL(scene.upstreams[way].url).host,
      ])
    })

    test('name the version of the request in Via', async () => {
      const path = `/${way}/old`
      await scene.send(`GET ${path} HTTP/1.0\r\n${host}\r\n`)
      assert.match(valuesOf(scene.seen(path).head, 'Via').join(), /^1\.0 aegis-[0-9a-f]{12}$/)
      assert.match(scene.seen(path).head, /^GET \S+ HTTP\/1\.1\r\n/)
    })
  })
}

describe('forwarding headers', () => {
  const chains: [string, string, string, string][] = [
    // From, header lines, the client that is logged, X-Forwarded-For that goes up.
    ['a stranger says nothing', stranger, '', `${stranger} | ${stranger}`],
    ['a stranger is not believed', stranger, 'X-Forwarded-For: 6.6.6.6\r\n', `${stranger} | ${stranger}`],
    ['the proxy is', proxy, 'X-Forwarded-For: 203.0.113.7\r\n', `203.0.113.7 | 203.0.113.7, ${proxy}`],
    [
      'the left side is hearsay',
      proxy,
      'X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n',
      `203.0.113.7 | 6.6.6.6, 203.0.113.7, ${proxy}`,
    ],
    [
      'several proxies',
      proxy,
      'X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.1.1.1, 10.2.2.2\r\n',
      `203.0.113.7 | 6.6.6.6, 203.0.113.7, 10.1.1.1, 10.2.2.2, ${proxy}`,
    ],
    [
      'in two lines',
      proxy,
      'X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\nX-Forwarded-For: 10.1.1.1\r\n',
      `203.0.113.7 | 6.6.6.6, 203.0.113.7, 10.1.1.1, ${proxy}`,
    ],
    [
      'all of them proxies',
      proxy,
      'X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n',
      `10.1.1.1 | 10.1.1.1, 10.2.2.2, ${proxy}`,
    ],
    ['garbage', proxy, 'X-Forwarded-For: 6.6.6.6, unknown\r\n', `${proxy} | 6.6.6.6, unknown, ${proxy}`],
    ['an empty part', proxy, 'X-Forwarded-For: 6.6.6.6,\r\n', `${proxy} | 6.6.6.6,, ${proxy}`],
    ['a port', proxy, 'X-Forwarded-For: 203.0.113.7:4711\r\n', `203.0.113.7 | 203.0.113.7:4711, ${proxy}`],
    [
      'IPv6 in brackets',
      proxy,
      'X-Forwarded-For: "[2001:DB8::9]:4711"\r\n',
      `${proxy} | "[2001:DB8::9]:4711", ${proxy}`,
    ],
    [
      'IPv6 in brackets, bare',
      proxy,
      'X-Forwarded-For: [2001:DB8:0::9]:4711, fd12::1\r\n',
      `2001:db8::9 | [2001:DB8:0::9]:4711, fd12::1, ${proxy}`,
    ],
    [
      'a mapped address',
      proxy,
      'X-Forwarded-For: ::ffff:203.0.113.7\r\n',
      `203.0.113.7 | ::ffff:203.0.113.7, ${proxy}`,
    ],
    [
      'a mapped proxy',
      proxy,
      'X-Forwarded-For: 203.0.113.7, ::ffff:10.1.1.1\r\n',
      `203.0.113.7 | 203.0.113.7, ::ffff:10.1.1.1, ${proxy}`,
    ],
    ['another spelling', proxy, 'X_Forwarded_For: 203.0.113.7\r\n', `${proxy} | ${proxy}`],
    [
      'nominated',
      proxy,
      'Connection: x-forwarded-for\r\nX-Forwarded-For: 203.0.113.7\r\n',
      `203.0.113.7 | 203.0.113.7, ${proxy}`,
    ],
  ]
  for (const [title, from, lines, expected] of chains) {
    test(`X-Forwarded-For, ${title}`, async () => {
      const head = await goesUp('/http1', lines, from)
      const id = valuesOf(head, 'X-Request-Id')[0]
      const line = await logged(id as string)
      assert.equal(`${line.client_ip} | ${valuesOf(head, 'X-Forwarded-For').join(' + ')}`, expected)
    })
  }

  async function logged(id: string): Promise<Record<string, unknown>> {
    return waitUntil(() =>
      scene.gateway.logs().find((line) => line.msg === 'request' && line.request_id === id),
    )
  }

  const others: [string, string, string, Record<string, string[]>][] = [
    [
      'a stranger',
      stranger,
      'X-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /p\r\n',
      { Proto: ['http'], Host: ['acme.example.com'], Prefix: [] },
    ],
    [
      'the proxy',
      proxy,
      'X-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /p\r\n',
      { Proto: ['https'], Host: ['h'], Port: ['1'], Prefix: ['/p'] },
    ],
    ['the proxy, in upper case', proxy, 'X-Forwarded-Proto: HTTPS\r\n', { Proto: ['https'] }],
    ['the proxy, a scheme that is none', proxy, 'X-Forwarded-Proto: ftp\r\n', { Proto: ['http'] }],
    ['the proxy, several schemes', proxy, 'X-Forwarded-Proto: https, http\r\n', { Proto: ['http'] }],
  ]
  for (const [title, from, lines, expected] of others) {
    test(`X-Forwarded-Proto, -Host, -Port and -Prefix of ${title}`, async () => {
      const head = await goesUp('/http1', lines, from)
      for (const [name, values] of Object.entries(expected))
        assert.deepEqual(valuesOf(head, `X-Forwarded-${name}`), values, name)
    })
  }

  test('X-Forwarded-Prefix is what was taken off, behind what a proxy took off before', async () => {
    const prefixOf = async (path: string, headers: string, from = stranger): Promise<string[]> => {
      const answer = await scene.send(`GET /outer${path} HTTP/1.1\r\n${host}${last}${headers}\r\n`, from)
      assert.equal(statusOf(answer), 200)
      return valuesOf(scene.seen(path).head, 'X-Forwarded-Prefix')
    }
    assert.deepEqual(await prefixOf('/p1', ''), ['/outer'])
    assert.deepEqual(await prefixOf('/p2', 'X-Forwarded-Prefix: /evil\r\n'), ['/outer'])
    assert.deepEqual(await prefixOf('/p3', 'X-Forwarded-Prefix: /team\r\n', proxy), ['/team/outer'])
    assert.deepEqual(await prefixOf('/p4', 'X-Forwarded-Prefix: /team/\r\n', proxy), ['/team/outer'])
  })

  test('Forwarded and X-Real-IP never go up, a proxy may say what it likes', async () => {
    const head = await goesUp('/http1', 'Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n', proxy)
    assert.doesNotMatch(head, /6\.6\.6\.6|forwarded:|real/i)
  })

  test("Host is the client's where the upstream preserves it", async () => {
    assert.deepEqual(valuesOf(await goesUp('/preserved', ''), 'Host'), ['acme.example.com'])
  })
})

describe('one address in two spellings', () => {
  test('is one client: to the log, to X-Forwarded-For, to trust and to limits', async () => {
    const remaining = (answer: string): number => Number(/\r\nratelimit: .*r=(\d+)/i.exec(answer)?.[1])
    const ask = (port: number, path: string, headers = '', from = stranger) =>
      sendRaw(port, `GET /http1/${path} HTTP/1.1\r\n${host}${last}${headers}\r\n`, 10_000, from)
    const plain = await ask(scene.gateway.port, 'plain')
    const mapped = await ask(scene.dualPort, 'mapped')
    assert.equal(remaining(mapped), remaining(plain) - 1, `${plain}\n${mapped}`)
    assert.deepEqual(valuesOf(scene.seen('/http1/mapped').head, 'X-Forwarded-For'), [stranger])
    await ask(scene.dualPort, 'trusted', 'X-Forwarded-For: 203.0.113.7\r\n', proxy)
    assert.deepEqual(valuesOf(scene.seen('/http1/trusted').head, 'X-Forwarded-For'), [
      `203.0.113.7, ${proxy}`,
    ])
  })
})
