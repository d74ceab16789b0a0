// Gateways that are stopped. What must hold: nothing that was begun is cut before its deadline, and clients that know
// both gateways lose no request, whatever is restarted.
import { once } from 'node:events'
import { request } from 'node:http'
import { WebSocket } from 'ws'
import { waitUntil } from '../support/gateway.ts'
import { type DrainScene, downloadPiece, downloadPieces, startDrainScene } from './drain-scene.ts'
import type { Fault } from './fault.ts'

/** Each gateway in turn, so that one is always there. */
export function rolling(drains: number): Fault<DrainScene> {
  return {
    name: `drain: ${drains} rolling restarts`,
    start: startDrainScene,
    async break({ stopGateway, startAgain }) {
      for (let drain = 0; drain < drains; drain++) {
        await stopGateway(drain % 2)
        await startAgain(drain % 2)
      }
    },
    mend: async () => {},
  }
}

export const drainFaults: readonly Fault<DrainScene>[] = [
  {
    name: 'drain: SIGTERM with a long download and WebSockets open',
    start: startDrainScene,
    break: stopUnderStreams,
    mend: ({ startAgain }) => startAgain(0),
  },
  rolling(100),
]

async function stopUnderStreams({ gateways, stopGateway, found }: DrainScene): Promise<void> {
  const { port } = gateways[0] as (typeof gateways)[0]
  const sockets = await Promise.all([1, 2, 3].map(() => openEcho(port)))
  const download = startDownload(port)
  await waitUntil(() => download.bytes > 0)
  const stopped = stopGateway(0)
  await waitUntil(() => gateways[0]?.logs().some(({ msg }) => msg === 'draining') === true)
  for (const { socket } of sockets) {
    if ((await echo(socket, 'while it drains')) !== 'while it drains')
      found.push('a WebSocket was cut by the drain')
  }
  // One says goodbye; the others stay until the deadline.
  const [leaver, ...stayers] = sockets as [Echo, ...Echo[]]
  leaver.socket.close(1000)
  const code = await leaver.closed
  if (code !== 1000) found.push(`a WebSocket that was closed with 1000 was told ${code}`)
  await download.ended
  if (download.bytes !== downloadPieces * downloadPiece.length)
    found.push(`${download.bytes} bytes were downloaded`)
  await Promise.all([stopped, ...stayers.map(({ closed }) => closed)])
}

interface Echo {
  readonly socket: WebSocket
  /** With the code that ended it, whenever that was. */
  readonly closed: Promise<number>
}

async function openEcho(port: number): Promise<Echo> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/echo`, { headers: { host: 'acme.example.com' } })
  socket.on('error', () => {})
  await once(socket, 'open')
  return { socket, closed: once(socket, 'close').then(([code]) => code as number) }
}

async function echo(socket: WebSocket, text: string): Promise<string | null> {
  if (socket.readyState !== WebSocket.OPEN) return null
  const answer = Promise.race([once(socket, 'message'), once(socket, 'close').then(() => null)])
  socket.send(text)
  return (await answer)?.[0]?.toString() ?? null
}

function startDownload(port: number) {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const download = { bytes: 0, ended }
  const req = request({ port, path: '/api/download', agent: false, headers: { host: 'acme.example.com' } })
  req.on('response', (res) => {
    res.on('data', (chunk: Buffer) => {
      download.bytes += chunk.length
    })
    res.on('error', () => {})
    res.on('close', resolve)
  })
  req.on('error', () => resolve())
  req.end()
  return download
}
