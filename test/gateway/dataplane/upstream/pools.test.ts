// Which client asks a target, by the config of its upstream; the gateway's own questions too.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createPools } from '../../../../gateway/dataplane/upstream/pools.ts'
import { Heard } from '../http1/client-scene.ts'
import { Http2Upstream, over } from '../http2/client-scene.ts'
import { createUpstream } from './fixture.ts'

describe('an upstream is asked, by requests of clients and by questions of plugins alike,', () => {
  let http1: Server
  let http2: Http2Upstream
  const urls: Record<string, string> = {}

  before(async () => {
    http1 = createServer((req, res) => req.resume().on('end', () => res.end(`HTTP/${req.httpVersion}`)))
    http2 = new Http2Upstream((stream) => {
      stream.respond({ ':status': 200 })
      stream.resume().on('end', () => stream.end('HTTP/2'))
    })
    await new Promise<void>((resolve) => http1.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(http1.address() as AddressInfo).port}`
    Object.assign(urls, { http1: url, undici: url, http2: await http2.listen() })
  })
  after(() => {
    http1.close()
    http2.close()
  })

  for (const [transport, version] of [
    ['http1', 'HTTP/1.1'],
    ['undici', 'HTTP/1.1'],
    ['http2', 'HTTP/2'],
  ] as const) {
    test(`in ${version} by ${transport}`, async () => {
      const lease = createPools().lease(urls[transport] as string, createUpstream([], { transport }), null)
      const { transport: client, questions } = lease.pool
      const heard = new Heard()
      const headers = ['host', 'a.test']
      client.dispatch({ method: 'GET', path: '/', headers, body: null, length: -1, upgrade: false }, heard)
      await over(heard)
      assert.equal(heard.body, version)
      const { body } = await questions.request({ method: 'POST', path: '/', headers, body: '{}' })
      assert.equal(await body.text(), version)
      lease.release()
    })
  }
})
