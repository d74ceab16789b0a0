// Requests that hide others, through the running gateway. The judge is what the upstream saw.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import { smugglings } from './smuggling-cases.ts'
import type { Smuggling } from './smuggling-framing.ts'

const atOnce = 20
const quietMs = 400

describe('request smuggling', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  /** Raw bytes that the upstream got, by connection. */
  const raw: string[] = []
  /** Bodies of requests that it got whole. */
  const bodies = new Map<string, string>()

  before(async () => {
    upstream = await createUpstream((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        bodies.set(req.url as string, Buffer.concat(chunks).toString('latin1'))
        res.end('ok')
      })
      req.on('error', () => {})
    })
    upstream.server.on('connection', (socket: Socket) => {
      const at = raw.push('') - 1
      socket.on('data', (chunk) => {
        raw[at] += chunk.toString('latin1')
      })
    })
    const config = await createConfigDir(createSaas(upstream.url))
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  async function tryOne(one: Smuggling, at: number): Promise<void> {
    const path = `/open/m${at}`
    const hidden = `/open/hidden${at}`
    const received = await sendRaw(gateway.port, Buffer.from(one.bytes(path, hidden), 'latin1'), quietMs)
    const urls = upstream.seen.map(({ url }) => url)
    assert.ok(!urls.includes(hidden), `${one.title}: the hidden request was taken for one`)
    // A reset instead of an answer is a refusal too, where the rest was still on its way.
    if (one.verdict === 'refused') {
      assert.ok(!bodies.has(path), `${one.title}: it reached the upstream whole`)
      assert.ok(received === '' || statusOf(received) >= 400, `${one.title}: ${received}`)
    } else {
      assert.equal(statusOf(received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')), 200, one.title)
      assert.equal(bodies.get(path), one.body?.(hidden), one.title)
    }
    const answers = received.match(/HTTP\/1\.1 [2-5]\d\d/g)?.length ?? 0
    // None: the rest of what it announced is waited for.
    assert.ok(answers <= 1, `${one.title}: ${received}`)
  }

  test('never works', async (t) => {
    assert.ok(smugglings.length >= 300)
    for (let i = 0; i < smugglings.length; i += atOnce)
      await Promise.all(smugglings.slice(i, i + atOnce).map((one, k) => tryOne(one, i + k)))
    t.diagnostic(`${smugglings.length} mutations`)
  })

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
