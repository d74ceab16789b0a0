// TLS at the listener, through the running gateway: who is shown what, who gets in, and what changes while it runs.
import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { type Authority, type CertificateShop, createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'
import { askOverTls, get, seenBehind } from '../support/tls-client.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const pair = (hosts: string[], name: string) => ({
  hosts,
  certFile: `tls/${name}.crt`,
  keyFile: `tls/${name}.key`,
})
const handshakeMs = 500

describe('TLS listeners', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let remove: () => Promise<void>
  let shop: CertificateShop
  let one: Authority
  let other: Authority
  const ports: Record<string, number> = {}

  before(async () => {
    upstream = await createUpstream()
    const certificates = [pair(['*.example.com'], 'wild'), pair(['api.globex.test'], 'exact')]
    const tls = { certificates, handshakeMs, http2: false }
    const mtls = { ...tls, clientCa: 'tls/one.ca.crt', forwardClientCert: true }
    const listen = (name: string, settings: object) => ({ name, host: '127.0.0.1', port: 0, tls: settings })
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: {
          listeners: [
            listen('tls', tls),
            listen('only13', { ...tls, minVersion: '1.3' }),
            listen('request', { ...mtls, clientAuth: 'request' }),
            listen('require', { ...mtls, clientAuth: 'require' }),
            listen('any', { certificates: [pair(['api.globex.test'], 'exact'), pair(['*'], 'wild')] }),
            { name: 'plain', host: '127.0.0.1', port: 0 },
          ],
          limits: { connectionsPerIp: 30 },
        },
      }),
    )
    remove = config.remove
    shop = createCertificateShop(join(config.dir, 'tls'))
    one = shop.authority('one')
    other = shop.authority('other')
    shop.put('wild', shop.issue(one, { names: 'DNS:*.example.com', subject: '/CN=wild' }))
    shop.put('exact', shop.issue(one, { names: 'DNS:api.globex.test', subject: '/CN=exact' }))
    gateway = await startGateway({ configDir: config.dir })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as {
      listeners: { name: string; port: number }[]
    }
    for (const { name, port } of ready.listeners) ports[name] = port
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })
  const ask = (listener: string, host: string, options: ConnectionOptions = {}, headers = '') =>
    askOverTls(ports[listener] as number, get(host, headers), {
      servername: host,
      rejectUnauthorized: false,
      ...options,
    })

  const shown: [string, string, string | undefined, string, number][] = [
    ['a name below a wildcard', 'tls', 'acme.example.com', 'CN=wild', 200],
    ['a name in capitals', 'tls', 'ACME.Example.COM', 'CN=wild', 200],
    ['an exact name', 'tls', 'api.globex.test', 'CN=exact', 200],
    ['two labels in place of a wildcard', 'tls', 'a.b.example.com', 'CN=wild', 421],
    ['the wildcard without a label', 'tls', 'example.com', 'CN=wild', 421],
    ['a name that no certificate is for', 'tls', 'nobody.test', 'CN=wild', 421],
    ['the same where one is for all, though it names no tenant', 'any', 'nobody.test', 'CN=wild', 404],
    ['an exact name beside one for all', 'any', 'api.globex.test', 'CN=exact', 200],
  ]
  for (const [what, listener, host, subject, status] of shown) {
    test(`${what} gets ${subject} and ${status}`, async () => {
      const answer = await ask(listener, host as string)
      assert.equal(answer.shown, subject)
      assert.equal(statusOf(answer.received), status)
    })
  }

  test('a client that names no host gets the first certificate', async () => {
    const answer = await ask('tls', 'acme.example.com', { servername: '' })
    assert.deepEqual([answer.shown, statusOf(answer.received)], ['CN=wild', 200])
  })

  test('a certificate is good for a client that checks it', async () => {
    const answer = await ask('tls', 'acme.example.com', { ca: one.cert, rejectUnauthorized: true })
    assert.equal(statusOf(answer.received), 200)
  })

  test('a Host that the certificate of the connection is not for gets 421 and the connection ends', async () => {
    const before = upstream.seen.length
    const answer = await ask('tls', 'api.globex.test', { servername: 'acme.example.com' })
    assert.equal(statusOf(answer.received), 421)
    assert.match(answer.received, /"code":"AEGIS_MISDIRECTED_REQUEST"/)
    assert.match(answer.received, /connection: close/i)
    assert.equal(upstream.seen.length, before)
  })

  test('upstream and log are told https, whatever the client says', async () => {
    const lie = 'X-Forwarded-Proto: http\r\nX_Forwarded_Client_Cert: Hash=1\r\nClient-Cert: :AA==:\r\n'
    const headers = seenBehind((await ask('tls', 'acme.example.com', {}, lie)).received)
    assert.equal(headers['x-forwarded-proto'], 'https')
    for (const name of ['x-forwarded-client-cert', 'x_forwarded_client_cert', 'client-cert']) {
      assert.equal(headers[name], undefined, name)
    }
    await waitUntil(() => gateway.logs().some(({ scheme, status }) => scheme === 'https' && status === 200))
  })

  const offers: [string, string, ConnectionOptions, string | null][] = [
    ['TLS 1.3', 'tls', { minVersion: 'TLSv1.3' }, 'TLSv1.3'],
    ['TLS 1.2', 'tls', { maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
    ['TLS 1.1', 'tls', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }, null],
    ['TLS 1.2 where 1.3 is asked for', 'only13', { maxVersion: 'TLSv1.2' }, null],
    ['TLS 1.3 where it is asked for', 'only13', {}, 'TLSv1.3'],
    ['CBC ciphers', 'tls', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }, null],
    ['only h2', 'tls', { ALPNProtocols: ['h2'] }, null],
    ['h2 and http/1.1', 'tls', { ALPNProtocols: ['h2', 'http/1.1'] }, 'TLSv1.3'],
  ]
  for (const [what, listener, options, protocol] of offers) {
    test(`${what} ${protocol === null ? 'is refused' : 'is served'}`, async () => {
      const asked = ask(listener, 'acme.example.com', options)
      if (protocol === null) return assert.rejects(asked)
      const answer = await asked
      assert.equal(answer.protocol, protocol)
      if (options.ALPNProtocols !== undefined) assert.equal(answer.alpn, 'http/1.1')
    })
  }

  test('a session is resumed by whichever worker', async () => {
    const first = await ask('tls', 'acme.example.com')
    assert.ok(first.session)
    for (let i = 0; i < 8; i++) {
      const { resumed } = await ask('tls', 'acme.example.com', { session: first.session })
      assert.equal(resumed, true)
    }
  })

  const clients: [string, string, string, boolean][] = [
    ['none', 'one', 'request', true],
    ['none', 'one', 'require', false],
    ['a certificate of the right issuer', 'one', 'request', true],
    ['a certificate of the right issuer', 'one', 'require', true],
    ['a certificate of another issuer', 'other', 'request', false],
    ['a certificate of another issuer', 'other', 'require', false],
  ]
  for (const [what, issuer, clientAuth, served] of clients) {
    test(`clientAuth ${clientAuth}: a client with ${what} is ${served ? 'served' : 'refused'}`, async () => {
      const names = 'URI:spiffe://acme/billing,DNS:billing.acme.test'
      const subject = '/O=Acme "Inc", Ltd/CN=billing'
      const issued = shop.issue(issuer === 'one' ? one : other, { names, subject })
      const before = upstream.seen.length
      const lie = 'X-Forwarded-Client-Cert: Hash=1\r\n'
      const asked = ask(clientAuth, 'acme.example.com', what === 'none' ? {} : issued, lie)
      if (!served) {
        await assert.rejects(asked)
        assert.equal(upstream.seen.length, before)
        return
      }
      const told = seenBehind((await asked).received)['x-forwarded-client-cert']
      if (what === 'none') assert.equal(told, undefined)
      else {
        assert.match(
          told as string,
          /^Hash=[0-9a-f]{64};Subject="CN=billing,O=.*";URI="spiffe:\/\/acme\/billing";DNS="billing.acme.test"$/,
        )
      }
    })
  }

  test('a resumed session without a certificate is still one without', async () => {
    const first = await ask('request', 'acme.example.com')
    const again = await ask('request', 'acme.example.com', { session: first.session as Buffer })
    assert.equal(again.resumed, true)
    assert.equal(seenBehind(again.received)['x-forwarded-client-cert'], undefined)
  })

  test('a session of a listener that asks for no certificate is none of one that requires it', async () => {
    const first = await ask('tls', 'acme.example.com')
    await assert.rejects(ask('require', 'acme.example.com', { session: first.session as Buffer }))
  })

  test('a client that begins no handshake is cut off, and counts as long as it is there', async () => {
    const sockets = Array.from({ length: 40 }, () => connectTcp(ports.tls as number, '127.0.0.1'))
    const started = performance.now()
    let early = 0
    await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.on('error', () => {})
            socket.on('close', () => {
              if (performance.now() - started < handshakeMs * 0.8) early += 1
              resolve()
            })
            socket.resume()
          }),
      ),
    )
    assert.ok(performance.now() - started < handshakeMs * 10, 'the others were there for too long')
    assert.ok(early >= 10, `${early} of 40 were refused at once; 30 are allowed`)
    assert.equal(statusOf((await ask('tls', 'acme.example.com')).received), 200)
  })
})
