// Certificate files that are replaced by every means that operators have, while one connection stays open through all of it.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import {
  type Authority,
  type CertificateShop,
  createCertificateShop,
  type Issued,
} from '../support/certificates.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createSaas } from '../support/saas.ts'
import { askOverTls, get } from '../support/tls-client.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'

const host = 'acme.example.com'

describe('certificates that are replaced', () => {
  let upstream: TestUpstream
  let gateway: TestGateway
  let dir: string
  let remove: () => Promise<void>
  let shop: CertificateShop
  let one: Authority
  let kept: TLSSocket

  /** `plain` holds files, `linked` links to files, `folder` is a link to a folder, `mount` is what Kubernetes makes. */
  const means = ['plain', 'linked', 'folder', 'mount'] as const
  const at = (...path: string[]) => join(dir, ...path)
  const put = (folder: string, { cert, key }: Issued) => {
    mkdirSync(at(folder), { recursive: true })
    writeFileSync(at(folder, 'a.crt'), cert)
    writeFileSync(at(folder, 'a.key'), key)
  }
  /** A link that is there at every moment. */
  const relink = (target: string, link: string) => {
    symlinkSync(target, at(`${link}.new`))
    renameSync(at(`${link}.new`), at(link))
  }

  before(async () => {
    upstream = await createUpstream()
    const listeners = means.map((folder) => ({
      ...{ name: folder, host: '127.0.0.1', port: 0 },
      tls: {
        certificates: [{ hosts: ['*.example.com'], certFile: `${folder}/a.crt`, keyFile: `${folder}/a.key` }],
      },
    }))
    const config = await createConfigDir(createSaas(upstream.url, { gateway: { listeners } }))
    dir = config.dir
    remove = config.remove
    shop = createCertificateShop(at('ca'))
    one = shop.authority('one')
    put('plain', issue('first'))
    for (const folder of ['v1', 'f1', 'mount/..1']) put(folder, issue('first'))
    mkdirSync(at('linked'))
    for (const file of ['a.crt', 'a.key']) {
      symlinkSync(`../v1/${file}`, at('linked', file))
      symlinkSync(`..data/${file}`, at('mount', file))
    }
    symlinkSync('f1', at('folder'))
    symlinkSync('..1', at('mount/..data'))
    gateway = await startGateway({ configDir: dir })
    const ready = gateway.logs().find(({ msg }) => msg === 'ready') as {
      listeners: { name: string; port: number }[]
    }
    for (const { name, port } of ready.listeners) ports.set(name, port)
  })
  after(async () => {
    await gateway.stop()
    await Promise.all([upstream.close(), remove()])
  })
  const ports = new Map<string, number>()
  const issue = (name: string) => shop.issue(one, { names: 'DNS:*.example.com', subject: `/CN=${name}` })
  const portOf = (listener: string) => ports.get(listener) as number
  const shown = async (listener: string) =>
    (await askOverTls(portOf(listener), get(host), { servername: host, rejectUnauthorized: false })).shown
  /** Ten connections in a row reach every worker, or nearly so. */
  const everyWorkerShows = async (listener: string, subject: string) => {
    for (let i = 0; i < 10; i++) if ((await shown(listener)) !== subject) return false
    return true
  }
  /** One more request on the connection of before. */
  const askOnKept = async () => {
    const before = kept.bytesRead
    kept.write(get(host).replace('Connection: close\r\n', ''))
    await waitUntil(() => kept.bytesRead > before)
  }

  const changes: [string, (typeof means)[number], (next: Issued) => void][] = [
    ['written over in place', 'plain', (next) => put('plain', next)],
    [
      'renamed over',
      'plain',
      (next) => {
        put('next', next)
        for (const file of ['a.key', 'a.crt']) renameSync(at('next', file), at('plain', file))
      },
    ],
    [
      'deleted and written anew',
      'plain',
      (next) => {
        for (const file of ['a.key', 'a.crt']) rmSync(at('plain', file))
        put('plain', next)
      },
    ],
    [
      'behind links that are swapped',
      'linked',
      (next) => {
        put('v2', next)
        for (const file of ['a.key', 'a.crt']) relink(`../v2/${file}`, `linked/${file}`)
      },
    ],
    ['behind links, written in place', 'linked', (next) => put('v2', next)],
    [
      'in a folder that is a link and is swapped',
      'folder',
      (next) => {
        put('f2', next)
        relink('f2', 'folder')
      },
    ],
    [
      'in a secret that Kubernetes renews',
      'mount',
      (next) => {
        put('mount/..2', next)
        relink('..2', 'mount/..data')
        rmSync(at('mount/..1'), { recursive: true })
      },
    ],
  ]
  for (const [what, listener, change] of changes) {
    test(`${what}: every worker shows the new one, and a connection that is open goes on`, async () => {
      kept = connect({
        port: portOf(listener),
        host: '127.0.0.1',
        servername: host,
        rejectUnauthorized: false,
      })
      kept.resume()
      await askOnKept()
      const subject = `CN=${what.replaceAll(/[ ,]+/g, '-')}`
      change(issue(subject.slice(3)))
      await waitUntil(() => everyWorkerShows(listener, subject))
      await askOnKept()
      assert.equal(kept.destroyed, false)
      kept.destroy()
    })
  }
})
