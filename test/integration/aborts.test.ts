// A client that leaves, at every stage of its request: what was asked of the upstream on its behalf is given up, and nothing
// of it stays behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '../support/gateway.ts'
import { createTestToken } from '../support/saas.ts'
import { type AbortsScene, createAbortsScene, settled, type Transport, transports } from './aborts-scene.ts'

const host = 'Host: acme.example.com\r\nX-Lane: LANE\r\n'
const handshake =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

interface Stage {
  /** "... while it ..." */
  readonly title: string
  /** Of the route, as the upstream sees it. */
  path(transport: Transport): string
  /** A request of somebody else that is at its upstream first; '/quick' at its end: it is over by then. */
  ahead?(transport: Transport): string
  /** What is sent of the request. */
  sent(path: string, lane: number): string | Promise<string>
  /** That stage was reached. */
  reached(scene: AbortsScene, path: string, client: Socket): boolean | Promise<boolean>
  /** Requests for that path that go up. */
  readonly goesUp: 0 | 1
  /** The log line; null: there is none. */
  readonly status: number | null
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${host}\r\n`
const isHeld = (scene: AbortsScene, path: string): boolean => scene.held(path).length === 1
const underWay = async (scene: AbortsScene): Promise<boolean> =>
  (await scene.metric('aegis_worker_in_flight_requests')) > 0

const stages: readonly Stage[] = [
  {
    title: 'sends its head',
    path: (transport) => `/${transport}/head`,
    sent: (path) => `GET ${path} HTTP/1.1\r\nHost: acme.exa`,
    reached: async (scene) => (await scene.metric('aegis_connections')) > 0,
    ...{ goesUp: 0, status: null },
  },
  {
    title: 'sends its body, which a plugin wants to see first',
    path: (transport) => `/read-${transport}/upload`,
    sent: (path) => `POST ${path} HTTP/1.1\r\n${host}Content-Length: 100\r\n\r\nhalf`,
    reached: underWay,
    ...{ goesUp: 0, status: 499 },
  },
  {
    title: 'sends its body',
    path: (transport) => `/${transport}/upload`,
    sent: (path) => `POST ${path} HTTP/1.1\r\n${host}Content-Length: 100\r\n\r\nhalf`,
    reached: isHeld,
    ...{ goesUp: 1, status: 499 },
  },
  {
    title: 'sends a body in chunks',
    path: (transport) => `/${transport}/chunks`,
    sent: (path) => `POST ${path} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
    reached: isHeld,
    ...{ goesUp: 1, status: 499 },
  },
  {
    title: 'waits for a place at the upstream',
    path: (transport) => `/narrow-${transport}/waits`,
    ahead: (transport) => `/narrow-${transport}/occupied`,
    sent: get,
    reached: async (scene, path) => {
      const upstream = path.split('/')[1]
      return (await scene.metric(`aegis_upstream_requests{upstream="${upstream}",state="waiting"}`)) === 1
    },
    ...{ goesUp: 0, status: 499 },
  },
  {
    title: 'waits in the queue of a shaper',
    path: (transport) => `/shaped-${transport}/waits`,
    ahead: (transport) => `/shaped-${transport}/quick`,
    sent: get,
    reached: underWay,
    ...{ goesUp: 0, status: 499 },
  },
  {
    title: 'waits for a permission that is asked for',
    path: (transport) => `/asked-${transport}/waits`,
    // What was decided for one user is known for a while.
    sent: async (path, lane) => {
      const token = await createTestToken({ user_id: `user-${lane}` })
      return `GET ${path} HTTP/1.1\r\n${host}Authorization: Bearer ${token}\r\n\r\n`
    },
    reached: (scene) => isHeld(scene, '/aegis/authorize'),
    ...{ goesUp: 0, status: 499 },
  },
  {
    title: 'waits for its answer',
    path: (transport) => `/${transport}/waits`,
    sent: get,
    reached: isHeld,
    ...{ goesUp: 1, status: 499 },
  },
  {
    title: 'reads its answer',
    path: (transport) => `/${transport}/stream`,
    sent: get,
    reached: (_, __, client) => client.bytesRead > 0,
    ...{ goesUp: 1, status: 200 },
  },
  {
    title: 'waits for its WebSocket',
    path: (transport) => `/${transport}/socket`,
    sent: (path) => `GET ${path} HTTP/1.1\r\n${host}${handshake}\r\n`,
    reached: isHeld,
    ...{ goesUp: 1, status: 499 },
  },
]

const ways: readonly [title: string, leave: (client: Socket) => void][] = [
  ['closes', (client) => client.destroy()],
  ['ends its side', (client) => client.end()],
  ['resets', (client) => client.resetAndDestroy()],
]

describe('a client that leaves', () => {
  let scene: AbortsScene
  let quiet: Record<string, number>
  let lane = 0

  before(async () => {
    scene = await createAbortsScene()
    // Timers that stay once an upstream was asked.
    for (const transport of transports) {
      const answer = await send(`GET /${transport}/quick HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 0)
      await once(answer, 'close')
    }
    await waitUntil(async () => (await scene.load()).aegis_connections === 0)
    quiet = await scene.load()
  })
  after(() => scene.close())

  async function send(bytes: string, lane: number): Promise<Socket> {
    const socket = connect(scene.gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'connect')
    socket.write(bytes.replace('LANE', String(lane)))
    return socket
  }

  for (const transport of transports) {
    for (const stage of stages) {
      for (const [title, leave] of ways) {
        test(`and ${title} while it ${stage.title} leaves nothing behind (${transport})`, async () => {
          await leaveAt(stage, transport, leave)
        })
      }
    }
  }

  async function leaveAt(stage: Stage, transport: Transport, leave: (client: Socket) => void): Promise<void> {
    const path = stage.path(transport)
    const before = scene.seen(path)
    const lines = logLines(path).length
    lane += 1
    const ahead = stage.ahead?.(transport) ?? ''
    const first = ahead === '' ? null : await send(get(ahead), lane)
    if (first !== null) await waitUntil(() => isHeld(scene, ahead) || first.bytesRead > 0)
    const client = await send(await stage.sent(path, lane), lane)
    await waitUntil(() => stage.reached(scene, path, client))
    leave(client)
    if (stage.status !== null) await waitUntil(() => logLines(path).length === lines + 1)
    await waitUntil(() => scene.held(path).length === 0)
    // Whoever had the place that it waited for has it still.
    if (ahead.endsWith('/occupied')) assert.equal(scene.held(ahead).length, 1)
    first?.destroy()
    await settled(scene, quiet)
    client.destroy()
    assert.equal(scene.seen(path), before + stage.goesUp)
    if (stage.status !== null) assert.equal(logLines(path).at(-1)?.status, stage.status)
    if (stage.status === 200) assert.equal(logLines(path).at(-1)?.code, 'AEGIS_CLIENT_CLOSED')
  }

  const logLines = (path: string) =>
    scene.gateway.logs().filter((line) => line.msg === 'request' && line.path === path)
})
