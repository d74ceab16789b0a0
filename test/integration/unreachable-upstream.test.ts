// Upstreams to which no connection comes up, or on which nobody takes it: the client hears of it in time.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'

/** Listens and stands still before it takes a connection: the kernel holds as many as the backlog says. */
const halted = `
require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: Number(process.argv[1]) }, function () {
  process.stdout.write(this.address().port + '\\n', () => process.kill(process.pid, 'SIGSTOP'))
})`

async function startHalted(backlog: number): Promise<{ process: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['-e', halted, String(backlog)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { process: child, port: Number(line) }
}

/** Takes all places in the backlog, so that the next connection is not even refused. */
async function fill(port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  let waiting = 0
  while (waiting < 3) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<false>((resolve) => setTimeout(resolve, 200, false)),
    ])
    waiting = up ? 0 : waiting + 1
  }
  return sockets
}

describe('an upstream that cannot be reached', () => {
  const children: ChildProcess[] = []
  let fillers: Socket[] = []
  let gateway: TestGateway
  let remove: () => Promise<void>

  before(async () => {
    const unused = createServer().listen(0, '127.0.0.1')
    await once(unused, 'listening')
    const closedPort = (unused.address() as AddressInfo).port
    unused.close()
    const [never, blackHole] = await Promise.all([startHalted(511), startHalted(1)])
    children.push(never.process, blackHole.process)
    fillers = await fill(blackHole.port)
    const ports = { refused: closedPort, 'never-accepts': never.port, 'black-hole': blackHole.port }
    const upstreams = Object.entries(ports).flatMap(([name, port]) => {
      const over = { timeouts: { connectMs: 300, headersMs: 300 }, retry: { attempts: 0 } }
      const plain = { ...over, targets: [{ url: `http://127.0.0.1:${port}` }] }
      const secure = { ...over, targets: [{ url: `https://127.0.0.1:${port}` }] }
      return [
        [`${name}-own`, plain],
        [`${name}-undici`, { ...plain, transport: 'undici' }],
        [`${name}-tls`, secure],
      ] as const
    })
    const routes = upstreams.map(([id]) => ({ id, paths: [`/${id}`], upstream: id, auth: 'none' }))
    const config = await createConfigDir({ routes: { upstreams: Object.fromEntries(upstreams), routes } })
    remove = config.remove
    gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: '1' } })
  })
  after(async () => {
    await gateway.stop()
    for (const socket of fillers) socket.destroy()
    for (const child of children) child.kill('SIGKILL')
    await remove()
  })

  const cases: [string, string, number][] = [
    ['refused', 'UPSTREAM_UNREACHABLE', 502],
    ['black-hole', 'UPSTREAM_CONNECT_TIMEOUT', 504],
    ['never-accepts', 'UPSTREAM_TIMEOUT', 504],
  ]
  for (const [name, code, status] of cases) {
    for (const carrier of ['own', 'undici', 'tls']) {
      test(`${name}, asked by ${carrier}: ${status}, for a POST too, and nothing is left under way`, async () => {
        const head = `Host: a\r\nConnection: close\r\n`
        const requests = [
          `GET /${name}-${carrier} HTTP/1.1\r\n${head}\r\n`,
          `POST /${name}-${carrier} HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\nok`,
          `POST /${name}-${carrier} HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
        ]
        const answers = await Promise.all(requests.map((request) => sendRaw(gateway.port, request, 10_000)))
        for (const answer of answers) {
          assert.equal(statusOf(answer), status, answer)
          // A handshake that nobody answers is a connection that does not come up.
          const expected = carrier === 'tls' && status === 504 ? 'UPSTREAM_CONNECT_TIMEOUT' : code
          assert.match(answer, new RegExp(`AEGIS_${expected}`))
        }
        await waitUntil(async () => {
          const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
          return /^aegis_worker_in_flight_requests(\{.*\})? 0$/m.test(metrics)
        })
      })
    }
  }
})
