// What a TLS port is given that is no good handshake, and what it never offers. openssl is the client where Node cannot be.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { createCertificateShop } from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createSaas } from '../support/saas.ts'
import { askOverTls, get } from '../support/tls-client.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const host = 'acme.example.com'

describe('a TLS port', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>
  let port = 0
  let plainPort = 0

  before(async () => {
    upstream = await createUpstream()
    const certificates = ['rsa', 'ec'].map((name, i) => ({
      ...{ hosts: [i === 0 ? 'rsa.example.com' : '*.example.com'] },
      ...{ certFile: `tls/${name}.crt`, keyFile: `tls/${name}.key` },
    }))
    const config = await createConfigDir(
      createSaas(upstream.url, {
        gateway: {
          listeners: [
            { name: 'tls', host: '127.0.0.1', port: 0, tls: { certificates, handshakeMs: 4_000 } },
            { name: 'plain', host: '127.0.0.1', port: 0 },
          ],
        },
      }),
    )
    dir = config.dir
    remove = config.remove
    const shop = createCertificateShop(join(dir, 'tls'))
    const one = shop.authority('one')
    shop.put('rsa', shop.issue(one, { names: 'DNS:rsa.example.com', algorithm: 'rsa' }))
    shop.put('ec', shop.issue(one, { names: 'DNS:*.example.com' }))
    gateway = await startGateway({ configDir: dir })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as { listeners: { port: number }[] }
    port = ready.listeners[0]?.port as number
    plainPort = ready.listeners[1]?.port as number
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })

  async function metric(series: string): Promise<number> {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(series))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  const handshakesThat = (result: string) =>
    metric(`aegis_tls_handshakes_total{listener="tls",result="${result}"}`)

  for (const method of ['GET', 'POST', 'HEAD', 'PUT']) {
    test(`answers plain HTTP (${method}) with a 400 that says so, and asks nobody`, async () => {
      const before = upstream.seen.length
      const received = await sendRaw(port, get(host).replace('GET', method), 2_000)
      assert.equal(statusOf(received), 400)
      assert.match(received, /connection: close/i)
      assert.match(received, /speaks TLS/)
      assert.equal(upstream.seen.length, before)
    })
  }

  const noise: [string, Buffer][] = [
    ['noise', Buffer.from('ffeeddccbbaa99887766554433221100'.repeat(8), 'hex')],
    ['an SSL 2 hello', Buffer.from(`802e010002001500000010${'010080020080060040040080'.repeat(4)}`, 'hex')],
    ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['a record of 64 KiB', Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(65_535, 1)])],
    ['an alert', Buffer.from('15030100020228', 'hex')],
    ['application data', Buffer.from('17030300050102030405', 'hex')],
  ]
  for (const [what, bytes] of noise) {
    test(`ends a connection that begins with ${what}, and counts it`, async () => {
      const failed = await handshakesThat('failed')
      const before = upstream.seen.length
      const received = await sendRaw(port, bytes, 5_000)
      assert.doesNotMatch(received, /HTTP\/1/)
      await waitUntil(async () => (await handshakesThat('failed')) > failed)
      assert.equal(upstream.seen.length, before)
    })
  }

  test('TLS on a plain port gets a 400 and is read no further', async () => {
    const before = upstream.seen.length
    assert.equal(statusOf(await sendRaw(plainPort, await recordHello(), 5_000)), 400)
    assert.equal(upstream.seen.length, before)
  })

  const weak: [string, string, ConnectionOptions][] = [
    ['TLS 1.0', host, { minVersion: 'TLSv1', maxVersion: 'TLSv1' }],
    ['TLS 1.1', host, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }],
    ['no encryption', host, { ciphers: 'eNULL' }],
    ['no authentication', host, { ciphers: 'aNULL' }],
    [
      'CBC with ECDSA',
      host,
      { ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA' },
    ],
    ['CBC with RSA', 'rsa.example.com', { ciphers: 'ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA' }],
    [
      'RSA without forward secrecy',
      'rsa.example.com',
      { ciphers: 'AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA' },
    ],
    ['finite field Diffie-Hellman', 'rsa.example.com', { ciphers: 'DHE-RSA-AES128-GCM-SHA256' }],
    ['a pre-shared key', host, { ciphers: 'PSK' }],
  ]
  for (const [what, name, offered] of weak) {
    test(`refuses ${what}`, async () => {
      const ciphers = `${offered.ciphers ?? 'ALL'}:@SECLEVEL=0`
      const options = {
        servername: name,
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
        ...offered,
        ciphers,
      }
      await assert.rejects(askOverTls(port, get(name), options as ConnectionOptions), /alert|reset|version/i)
    })
  }

  const good: [string, string, ConnectionOptions][] = [
    ['AES-GCM with RSA', 'rsa.example.com', { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }],
    ['ChaCha20 with ECDSA', host, { ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }],
  ]
  for (const [what, name, options] of good) {
    test(`takes ${what}`, async () => {
      const asked = {
        servername: name,
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2' as const,
        ...options,
      }
      assert.notEqual(statusOf((await askOverTls(port, get(name), asked)).received), 0)
    })
  }

  /** What openssl says, and the program. */
  function openssl(...args: string[]): { child: ChildProcess; said(): string } {
    const child = spawn('openssl', [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-servername',
      host,
      ...args,
    ])
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        said += chunk
      })
    child.stdin?.on('error', () => {})
    return { child, said: () => said }
  }

  test('refuses to negotiate anew in the middle of a TLS 1.2 connection', async () => {
    const { child, said } = openssl('-tls1_2')
    await waitUntil(() => said().includes('Verify return code'))
    child.stdin?.write('R\n')
    await waitUntil(() => said().includes('RENEGOTIATING'))
    await waitUntil(() => child.exitCode !== null)
    assert.match(said(), /no renegotiation|handshake failure/)
  })

  test('refuses to negotiate anew where the name chose the certificate, too', async () => {
    const { child, said } = openssl('-tls1_2', '-servername', 'rsa.example.com')
    await waitUntil(() => said().includes('Verify return code'))
    child.stdin?.write('R\n')
    await waitUntil(() => child.exitCode !== null)
    assert.match(said(), /no renegotiation|handshake failure/)
  })

  test('offers no 0-RTT: its tickets allow no early data', async () => {
    const file = join(dir, 'session')
    const { child } = openssl('-tls1_3', '-ign_eof', '-sess_out', file)
    child.stdin?.write(get(host))
    await waitUntil(() => child.exitCode !== null)
    const text = execFileSync('openssl', ['sess_id', '-in', file, '-text', '-noout'])
    assert.match(text.toString(), /Max Early Data: 0\b/)
  })

  test('cuts handshakes that stop half way or come byte by byte, and has room again after many of them', async () => {
    const late = await handshakesThat('late')
    const hello = await recordHello()
    const sockets: Socket[] = []
    for (let i = 0; i < 60; i++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {}).resume()
      sockets.push(socket)
      if (i % 3 === 0) continue
      if (i % 3 === 1) socket.write(hello.subarray(0, hello.length / 2))
      else drip(socket, hello)
    }
    await waitUntil(() => sockets.every(({ closed }) => closed), 60_000)
    await waitUntil(async () => (await handshakesThat('late')) >= late + 60)
    await waitUntil(async () => (await metric('aegis_connections')) === 0)
    const options = { servername: host, rejectUnauthorized: false }
    assert.equal(statusOf((await askOverTls(port, get(host), options)).received), 200)
  })

  test('lives through a flood of handshakes that are broken off', async () => {
    const hello = await recordHello()
    for (let round = 0; round < 4; round++) {
      const sockets = Array.from({ length: 50 }, () =>
        connect(port, '127.0.0.1')
          .on('error', () => {})
          .resume(),
      )
      for (const socket of sockets) socket.write(hello)
      await waitUntil(() => sockets.every(({ bytesRead, closed }) => bytesRead > 0 || closed), 60_000)
      for (const socket of sockets) socket.resetAndDestroy()
    }
    await waitUntil(async () => (await metric('aegis_connections')) === 0)
    const options = { servername: host, rejectUnauthorized: false }
    assert.equal(statusOf((await askOverTls(port, get(host), options)).received), 200)
  })

  /** The first bytes that a client of ours sends. */
  async function recordHello(): Promise<Buffer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connectTls({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      servername: host,
    })
    client.on('error', () => {})
    const [socket] = (await once(server, 'connection')) as [Socket]
    const [hello] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    server.close()
    return hello
  }
})

function drip(socket: Socket, bytes: Buffer): void {
  let at = 0
  const timer = setInterval(() => {
    if (socket.destroyed || at === bytes.length) return clearInterval(timer)
    socket.write(bytes.subarray(at, ++at))
  }, 20)
}
