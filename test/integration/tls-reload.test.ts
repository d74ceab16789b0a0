// Certificate files that change while connections are open and requests run, through the running gateway.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Authority, type CertificateShop, createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'
import { askOverTls, get } from '../support/tls-client.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const main = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url))
const host = 'acme.example.com'

describe('certificates that change', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>
  let shop: CertificateShop
  let one: Authority

  before(async () => {
    upstream = await createUpstream()
    const certificates = [{ hosts: ['*.example.com'], certFile: 'tls/a.crt', keyFile: 'tls/a.key' }]
    const tls = { certificates, clientAuth: 'request', clientCa: 'tls/clients.crt' }
    const listeners = [{ name: 'tls', host: '127.0.0.1', port: 0, tls }]
    const config = await createConfigDir(createSaas(upstream.url, { gateway: { listeners } }))
    dir = config.dir
    remove = config.remove
    shop = createCertificateShop(join(dir, 'tls'))
    one = shop.authority('one')
    trust(one)
    shop.put('a', issue('first'))
    gateway = await startGateway({ configDir: dir })
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })
  /** Each test begins with a good pair of its own, live in every worker. */
  let count = 0
  beforeEach(async () => {
    count += 1
    trust(one)
    shop.put('a', issue(`good-${count}`))
    await waitUntil(() => everyWorkerShows(`CN=good-${count}`))
  })
  const issue = (name: string, names = 'DNS:*.example.com') =>
    shop.issue(one, { names, subject: `/CN=${name}` })
  const trust = (by: Authority) => {
    writeFileSync(join(dir, 'tls/clients.new'), by.cert)
    renameSync(join(dir, 'tls/clients.new'), join(dir, 'tls/clients.crt'))
  }
  const ask = (options = {}) =>
    askOverTls(gateway.port, get(host), { servername: host, rejectUnauthorized: false, ...options })
  /** Ten connections in a row reach every worker, or nearly so. */
  const everyWorkerShows = async (subject: string) => {
    for (let i = 0; i < 10; i++) if ((await ask()).shown !== subject) return false
    return true
  }
  const refusals = () =>
    gateway.logs().filter(({ msg }) => String(msg).startsWith('changed certificates were refused'))

  test('are shown by every worker, without one lost connection or request', async () => {
    // Connections of before, which stay; and one request after the other on new ones.
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    const sockets = new Set<object>()
    let done = false
    let served = 0
    const send = () =>
      new Promise<void>((resolve, reject) => {
        const options = {
          agent,
          port: gateway.port,
          host: '127.0.0.1',
          servername: host,
          rejectUnauthorized: false,
        }
        const req = request({ ...options, path: '/open/x', headers: { host } }, (res) => {
          assert.equal(res.statusCode, 200)
          res.resume().on('end', resolve).on('error', reject)
        })
        req.on('socket', (socket) => sockets.add(socket)).on('error', reject)
        req.end()
      })
    const kept = Array.from({ length: 8 }, async () => {
      for (; !done; served++) await send()
    })
    const fresh = Array.from({ length: 2 }, async () => {
      for (; !done; served++) assert.equal(statusOf((await ask()).received), 200)
    })
    const load = Promise.all([...kept, ...fresh])
    assert.equal((await ask()).shown, `CN=good-${count}`)
    for (const name of ['second', 'third']) {
      shop.put('a', issue(name))
      await Promise.race([load, waitUntil(() => everyWorkerShows(`CN=${name}`))])
    }
    const before = served
    await waitUntil(() => served > before + 50)
    done = true
    await load
    assert.equal(sockets.size, 8, 'the connections of before are those of after')
    agent.destroy()
  })

  const broken: [string, (shop: CertificateShop) => void, RegExp][] = [
    [
      'a key of another certificate',
      () => writeFileSync(join(dir, 'tls/a.key'), issue('x').key),
      /is not the key of/,
    ],
    ['no certificate', () => writeFileSync(join(dir, 'tls/a.crt'), 'nothing'), /holds no certificate/],
    [
      'half a certificate',
      () => writeFileSync(join(dir, 'tls/a.crt'), issue('x').cert.slice(0, 300)),
      /no cert/,
    ],
    ['no issuer of clients', () => writeFileSync(join(dir, 'tls/clients.crt'), ''), /holds no certificate/],
  ]
  for (const [what, spoil, reason] of broken) {
    test(`${what}: the last good ones stay, and are replaced once there are good ones`, async () => {
      const known = refusals().length
      spoil(shop)
      const refusal = await waitUntil(() => refusals()[known])
      assert.match(JSON.stringify(refusal), reason)
      assert.equal((await ask()).shown, `CN=good-${count}`)
      // The config itself is as good as before.
      const status = await fetch(`${gateway.adminUrl}/admin/status`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      })
      assert.equal(
        ((await status.json()) as { config: { lastReloadOk?: boolean } }).config?.lastReloadOk ?? true,
        true,
      )
      shop.put('a', issue('second'))
      trust(one)
      await waitUntil(() => everyWorkerShows('CN=second'))
    })
  }

  test('an issuer of clients that was taken out is believed no more, by resumed sessions neither', async () => {
    const client = issue('client')
    const first = await ask(client)
    assert.equal(statusOf(first.received), 200)
    const resumed = await ask({ ...client, session: first.session })
    assert.equal(resumed.resumed, true)
    trust(shop.authority('other'))
    await waitUntil(() =>
      ask(client).then(
        () => false,
        () => true,
      ),
    )
    for (let i = 0; i < 6; i++) await assert.rejects(ask({ ...client, session: first.session }))
  })

  test('when they expire and how reloads went is in the metrics', async () => {
    shop.put('a', issue('second'))
    await waitUntil(() => everyWorkerShows('CN=second'))
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(text, /aegis_tls_certificate_reloads_total\{result="ok"\} [12]/)
    assert.match(
      text,
      /aegis_tls_certificate_expiry_timestamp_seconds\{listener="tls",host="\*\.example\.com"\} \d{10}/,
    )
    assert.match(text, /aegis_tls_handshakes_total\{listener="tls",result="ok"\} \d+/)
  })

  const unusable: [string, () => void, RegExp][] = [
    [
      'a missing key',
      () => renameSync(join(dir, 'tls/a.key'), join(dir, 'tls/b.key')),
      /keyFile.*a\.key is missing/s,
    ],
    [
      'a key of another',
      () => writeFileSync(join(dir, 'tls/a.key'), issue('x').key),
      /keyFile.*is not the key of/s,
    ],
  ]
  for (const [what, spoil, reason] of unusable) {
    test(`${what}: --check and the start say which file and what to do`, () => {
      spoil()
      for (const flags of [['--check'], []]) {
        const { status, stderr } = spawnSync(process.execPath, [main, '--config', dir, ...flags], {
          encoding: 'utf8',
          env: { PATH: process.env.PATH, AEGIS_ADMIN_PORT: '0' },
        })
        assert.equal(status, 1)
        assert.match(stderr, /\/listeners\/0\/tls\/certificates\/0\//)
        assert.match(stderr, reason)
      }
    })
  }

  test('a certificate that is not for its hosts, or soon expires, is warned of', () => {
    shop.put('a', shop.issue(one, { names: 'DNS:example.org', days: 3 }))
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--config', dir, '--check'], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    assert.match(stdout, /it is not for \*\.example\.com/)
    assert.match(stdout, /it expires on/)
  })
})
