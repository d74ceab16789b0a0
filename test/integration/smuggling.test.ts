// Requests that hide others, through the running gateway. The judge is what the upstream saw.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import { smugglings } from './smuggling-cases.ts'
import type { Smuggling } from './smuggling-framing.ts'

const atOnce = 20
/** Where no answer is due: the gateway waits for the rest of what was announced. */
const quietMs = 400
const answerMs = 60_000

describe('request smuggling', () => {
  let upstream: TestUpstream
  let secure: HttpsServer
  let gateway: TestGateway
  let remove: () => Promise<void>
  /** Raw bytes that the upstreams got, by connection. */
  const raw: string[] = []
  /** Targets of all requests that they got, whole or not. */
  const asked = new Set<string>()
  /** Bodies of requests that they got whole. */
  const bodies = new Map<string, string>()

  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const chunks: Buffer[] = []
    asked.add(req.url as string)
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      bodies.set(req.url as string, Buffer.concat(chunks).toString('latin1'))
      res.end('ok')
    })
    req.on('error', () => {})
  }
  const keep = (socket: Socket): void => {
    const at = raw.push('') - 1
    socket.on('data', (chunk) => {
      raw[at] += chunk.toString('latin1')
    })
  }

  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'aegis-test-'))
    const shop = createCertificateShop(dir)
    const authority = shop.authority('one')
    secure = createHttpsServer(shop.issue(authority, { names: 'IP:127.0.0.1' }), serve)
    secure.on('secureConnection', keep)
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
    upstream = await createUpstream(serve)
    upstream.server.on('connection', keep)
    const targets = [{ url: upstream.url }]
    const secureUrl = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`
    const routes = {
      upstreams: {
        api: { targets },
        undici: { targets, transport: 'undici' },
        https: { targets: [{ url: secureUrl }], tls: { caFile: join(dir, 'one.ca.crt') } },
      },
      routes: [
        { id: 'api', paths: ['/api/*'], upstream: 'api' },
        { id: 'open', paths: ['/open/*'], upstream: 'api', auth: 'none' },
        { id: 'undici', paths: ['/undici/*'], upstream: 'undici', auth: 'none' },
        { id: 'https', paths: ['/https/*'], upstream: 'https', auth: 'none' },
      ],
    }
    const config = await createConfigDir(createSaas(upstream.url, { routes }))
    remove = () => Promise.all([config.remove(), rm(dir, { recursive: true })]).then(() => {})
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    secure.close()
    secure.closeAllConnections()
    await Promise.all([upstream.close(), remove()])
  })

  /** Sends, in one piece or cut between CR and LF, and waits for an answer where one is due, then for nothing more. */
  function send(bytes: string, answered: boolean, cut: boolean): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1')
      let received = ''
      socket.setNoDelay(true)
      socket.setTimeout(answered ? answerMs : quietMs, () => socket.destroy())
      const pieces = cut ? bytes.split(/(?<=\r)(?=\n)/) : [bytes]
      const sendNext = (): void => {
        const piece = pieces.shift()
        if (piece !== undefined) socket.write(Buffer.from(piece, 'latin1'), () => setImmediate(sendNext))
      }
      socket.on('connect', sendNext)
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        if (/HTTP\/1\.1 [2-5]\d\d/.test(received)) socket.setTimeout(quietMs)
      })
      // A peer that refuses may reset while it still has bytes of ours unread.
      socket.on('error', () => {})
      socket.on('close', () => resolve(received))
    })
  }

  /** `name`: of the case, in its paths. */
  async function tryOne(one: Smuggling, name: string, way = 'open', cut = false): Promise<void> {
    const path = `/${way}/m${name}`
    const bytes = one.bytes(path, `/open/hidden${name}`)
    const received = await send(bytes, one.verdict === 'one', cut)
    // A reset instead of an answer is a refusal too, where the rest was still on its way.
    if (one.verdict === 'refused') {
      assert.ok(!bodies.has(path), `${one.title}: it reached the upstream whole`)
      assert.ok(received === '' || statusOf(received) >= 400, `${one.title}: ${received}`)
    } else {
      assert.equal(statusOf(received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')), 200, one.title)
      assert.equal(bodies.get(path), one.body?.(`/open/hidden${name}`), one.title)
    }
    const answers = received.match(/HTTP\/1\.1 [2-5]\d\d/g)?.length ?? 0
    // None: the rest of what it announced is waited for.
    assert.ok(answers <= 1, `${one.title}: ${received}`)
  }

  async function tryAll(list: readonly Smuggling[], name: string, way?: string, cut?: boolean) {
    for (let i = 0; i < list.length; i += atOnce)
      await Promise.all(list.slice(i, i + atOnce).map((one, k) => tryOne(one, `${name}${i + k}`, way, cut)))
    assert.deepEqual(
      [...asked].filter((target) => target.includes('hidden')),
      [],
      'a hidden request was taken for one',
    )
    const refused = list.filter(({ verdict }) => verdict === 'refused').length
    return `${list.length} tried, ${refused} refused, ${list.length - refused} passed as one; none excluded`
  }

  test('never works', async (t) => {
    assert.ok(smugglings.length >= 450)
    t.diagnostic(await tryAll(smugglings, 'a'))
  })

  test('never works where lines are cut between CR and LF', async (t) => {
    t.diagnostic(await tryAll(smugglings, 'c', 'open', true))
  })

  for (const way of ['undici', 'https']) {
    test(`never works by way of ${way}, where it comes that far`, async (t) => {
      const passing = smugglings.filter(({ verdict }) => verdict === 'one')
      t.diagnostic(await tryAll(passing, way, way))
    })
  }

  test('never has a line of framing reach the upstream of which the gateway is not the author', () => {
    assert.ok(raw.length > 0)
    for (const head of raw
      .join('')
      .split('\r\n\r\n')
      .filter((text) => / HTTP\/1\.1\r\n/.test(text))) {
      const framing = head
        .split('\r\n')
        .filter((line) => /^(?:transfer[-_.]encoding|content[-_.]length)\s*:/i.test(line))
      assert.ok(framing.length <= 1, head)
      for (const line of framing)
        assert.match(line, /^(?:transfer-encoding: chunked|content-length: \d+)$/, head)
    }
  })

  test('leaves the gateway well', async () => {
    assert.equal((await fetch(`${gateway.url}/health`)).status, 200)
    assert.ok(gateway.logs().every(({ msg }) => msg !== 'an exchange failed inside the gateway'))
  })
})
