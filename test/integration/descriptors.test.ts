// A gateway whose process may open few files, and clients who take all of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { ask } from '../support/ask.ts'
import { createConfigDir, startGateway, waitUntil } from '../support/gateway.ts'
import { createUpstream } from '../support/upstream.ts'

const request = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'

for (const workers of [1, 2]) {
  test(`a flood of connections costs no ${workers === 1 ? 'worker' : 'two workers'}, and is over when it is over`, async (t) => {
    let answerNow = false
    const waiting: ServerResponse[] = []
    const upstream = await createUpstream((_, res) => {
      if (answerNow) res.end('ok')
      else waiting.push(res)
    })
    const config = await createConfigDir({
      routes: {
        upstreams: { api: { targets: [{ url: upstream.url }], health: { passive: { failures: 1 } } } },
        routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
      },
      plugins: [{ id: 'observability', plugin: 'observability' }],
    })
    const env = { AEGIS_WORKERS: String(workers) }
    const gateway = await startGateway({ configDir: config.dir, env, openFiles: 150 })
    t.after(async () => {
      await gateway.stop()
      await Promise.all([upstream.close(), config.remove()])
    })
    const saw = (text: string): boolean => gateway.logs().some(({ msg }) => String(msg).includes(text))
    const open = (bytes: string): Socket => {
      const socket = connect(gateway.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.on('connect', () => socket.write(bytes))
      return socket
    }

    // Half way through their requests, so that they are none of the idle ones that are let go of. More of them than files
    // that may come free meanwhile.
    const early = Array.from({ length: 20 }, () => open(request.slice(0, -2)))
    await Promise.all(early.map((socket) => once(socket, 'connect')))
    const flood = Array.from({ length: 300 }, () => open(request.slice(0, -2)))
    await waitUntil(() => saw('no file descriptor is left'))
    await waitUntil(() => refused(gateway.port))
    const answers = early.map(() => '')
    for (const [i, socket] of early.entries()) {
      socket.on('data', (chunk) => {
        answers[i] += chunk.toString()
      })
      socket.write('\r\n')
    }
    // Those of the listeners are free: some requests go up, the others are answered for.
    await waitUntil(() => answers.filter((one) => one !== '').length + waiting.length >= early.length)
    for (const res of waiting) res.end('ok')
    answerNow = true
    await waitUntil(() => answers.every((one) => one !== ''))
    const failed = answers.filter((one) => !one.startsWith('HTTP/1.1 200 '))
    assert.ok(failed.length > 0)
    for (const one of failed)
      assert.match(one, /^HTTP\/1\.1 503 [\s\S]+retry-after: 1[\s\S]+AEGIS_NO_DESCRIPTORS/i)

    for (const socket of flood) socket.destroy()
    await waitUntil(() => saw('there are file descriptors again'))
    await waitUntil(async () => (await ask(gateway.port, '/x').catch(() => null))?.status === 200)
    // The failures were ours: the only service was not ejected for them.
    const after = await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, '/x')))
    assert.deepEqual(new Set(after.map(({ status }) => status)), new Set([200]))
    assert.ok(!gateway.logs().some(({ msg }) => /a worker (?:ended|died)|gave no sign/.test(String(msg))))
    for (const socket of early) socket.destroy()
  })
}

/** Nobody listens. */
async function refused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    socket.on('error', resolve)
    socket.on('connect', () => resolve(null))
  })
  socket.destroy()
  return error?.code === 'ECONNREFUSED'
}
