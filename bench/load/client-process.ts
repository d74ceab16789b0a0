// Opens connections and keeps them: idle after one request, reading server-sent events, or echoing over WebSockets. Started
// by client.ts: writes "ready", then after the time the result, then waits until its input is closed.
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { median } from '../measure.ts'
import type { ClientLoad } from './client.ts'
import { maskFrame, readFrames } from './websocket-frames.ts'

const load = JSON.parse(process.argv[2] ?? '{}') as ClientLoad
const delaysMs: number[] = []
let units = 0
let errors = 0
let measuring = false

const open = { idle: openIdle, events: openEvents, echo: openEcho }[load.kind]
const openedAtOnce = 50
for (let opened = 0; opened < load.connections; opened += openedAtOnce) {
  const batch = Math.min(openedAtOnce, load.connections - opened)
  await Promise.all(Array.from({ length: batch }, () => open()))
}
process.stdout.write('ready\n')
measuring = true
await wait(load.seconds * 1000)
measuring = false
delaysMs.sort((a, b) => a - b)
const p99Ms = delaysMs[Math.floor(delaysMs.length * 0.99)] ?? 0
const p50Ms = delaysMs.length === 0 ? 0 : median(delaysMs)
process.stdout.write(`${JSON.stringify({ units, p50Ms, p99Ms, errors })}\n`)
process.stdin.resume()
await once(process.stdin, 'end')
process.exit()

function count(delayMs: number): void {
  if (!measuring) return
  units += 1
  delaysMs.push(delayMs)
}

function send(extra: Record<string, string> = {}): ClientRequest {
  const sent = request(load.url, {
    agent: false,
    headers: { connection: 'keep-alive', ...load.headers, ...extra },
  })
  sent.on('error', () => {
    errors += 1
  })
  sent.end()
  return sent
}

/** By hand: node's client would keep more of a connection than the connection. */
async function openIdle(): Promise<void> {
  const { hostname, port, pathname, host } = new URL(load.url)
  const headers = { Host: host, ...load.headers }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {
    errors += 1
  })
  socket.once('close', () => {
    if (measuring) errors += 1
  })
  socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  if (!answer.toString('latin1', 0, 12).endsWith(' 200')) errors += 1
}

async function openEvents(): Promise<void> {
  const [answer] = (await once(send(), 'response')) as [IncomingMessage]
  if (answer.statusCode !== 200) errors += 1
  answer.setEncoding('latin1')
  answer.on('data', (chunk: string) => {
    for (const [, at] of chunk.matchAll(/"at":([\d.]+)/g)) count(Date.now() - Number(at) * 1000)
  })
  answer.once('close', () => {
    if (measuring) errors += 1
  })
}

async function openEcho(): Promise<void> {
  const sent = send({
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16, 'bench').toString('base64'),
  })
  const [, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket]
  const message = maskFrame(Buffer.alloc(100, 'x'))
  let sentAtMs = performance.now()
  const takeFrames = readFrames(() => {
    count(performance.now() - sentAtMs)
    sentAtMs = performance.now()
    socket.write(message)
  })
  socket.setNoDelay(true)
  socket.on('data', takeFrames)
  socket.on('error', () => {
    errors += 1
  })
  socket.write(message)
}
