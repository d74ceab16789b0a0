// Clients that leave early, are slow, speak TLS, keep a tunnel open, or speak no HTTP.
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { request as requestOverTls } from 'node:https'
import { WebSocket } from 'ws'
import { ask } from '../support/ask.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { authorize, type Client, type Kind, pause, type Report, well } from './client.ts'
import { hostOf } from './world.ts'

export const restlessKinds: readonly Kind[] = [
  { name: 'leaves before the answer', share: 3, route: null, run: leaveEarly },
  { name: 'leaves in the answer', share: 3, route: null, run: leaveInAnswer },
  { name: 'leaves in its own body', share: 2, route: null, run: leaveInBody },
  { name: 'slow reader', share: 1, route: null, run: readSlowly },
  { name: 'slow sender', share: 2, route: null, run: sendSlowly },
  { name: 'WebSocket', share: 4, route: null, run: talk },
  { name: 'TLS', share: 4, route: null, run: askSecretly },
  { name: 'broken answer', share: 1, route: null, run: meetBroken },
  { name: 'no HTTP', share: 1, route: null, run: talkNonsense },
]

const nonsense = 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
/** The gateway closes long before. */
const quietMs = 30_000

async function begin(client: Client, path: string, options: object = {}): Promise<ClientRequest> {
  const headers = { ...(await authorize(client)), host: hostOf(client.tenant) }
  const { port } = client.world.gateway
  return request({ port, path: `${path}/${client.n}`, headers, setHost: false, agent: false, ...options })
}

async function leaveEarly(client: Client): Promise<Report> {
  const req = await begin(client, '/api/never')
  req.on('error', () => {})
  req.end()
  await pause(10 + client.random.int(80))
  req.destroy()
  return well
}

async function leaveInAnswer(client: Client): Promise<Report> {
  const req = await begin(client, '/api/large')
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  res.on('error', () => {})
  await Promise.race([once(res, 'data'), once(res, 'close')])
  req.on('error', () => {})
  req.destroy()
  return well
}

async function leaveInBody(client: Client): Promise<Report> {
  const req = await begin(client, '/api/small', { method: 'POST' })
  req.on('error', () => {})
  req.setHeader('content-length', 100_000)
  req.write(Buffer.alloc(20_000))
  await pause(10 + client.random.int(40))
  req.destroy()
  return well
}

async function readSlowly(client: Client): Promise<Report> {
  const req = await begin(client, '/api/large')
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  let bytes = 0
  for await (const chunk of res) {
    bytes += (chunk as Buffer).length
    await pause(20)
  }
  if (res.statusCode !== 200) return { outcome: 'failed', seen: String(res.statusCode) }
  return bytes === 262_144 ? well : { outcome: 'wrong', seen: `${bytes} bytes` }
}

async function sendSlowly(client: Client): Promise<Report> {
  const req = await begin(client, '/api/small', { method: 'POST' })
  const answered = once(req, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => {})
  for (let piece = 0; piece < 5; piece++) {
    req.write(Buffer.alloc(1_000))
    await pause(30)
  }
  req.end()
  const [res] = await answered
  const text = (await res.toArray()).join('')
  if (res.statusCode !== 200) return gone(client, res.statusCode ?? 0, text)
  return JSON.parse(text).bytes === 5_000 ? well : { outcome: 'wrong', seen: text }
}

async function talk(client: Client): Promise<Report> {
  const { world, tenant, n, random } = client
  const headers = { ...(await authorize(client)), host: hostOf(tenant) }
  const ws = new WebSocket(`ws://127.0.0.1:${world.gateway.port}/api/socket/${n}`, { headers })
  const closed = new Promise<void>((resolve) => ws.once('close', () => resolve()))
  const opened = new Promise<number>((resolve, reject) => {
    ws.once('open', () => resolve(101))
    ws.once('unexpected-response', (_, res: IncomingMessage) => resolve(res.statusCode ?? 0))
    ws.once('error', reject)
  })
  const status = await opened
  ws.on('error', () => {})
  if (status !== 101) {
    ws.terminate()
    return gone(client, status, 'handshake')
  }
  for (let turn = 0; turn < 3; turn++) {
    const heard = Promise.race([once(ws, 'message'), closed.then(() => null)])
    ws.send(`${turn}`)
    const message = await heard
    if (message === null) return { outcome: 'failed', seen: 'closed in the middle' }
    const [text] = message
    if (String(text) !== `${tenant} ${turn}`) return { outcome: 'wrong', seen: String(text) }
    await pause(random.int(100))
  }
  // Half of them are polite.
  if (random.chance(0.5)) ws.close()
  else ws.terminate()
  await closed
  return well
}

async function askSecretly(client: Client): Promise<Report> {
  const { world, tenant, n } = client
  const host = hostOf(tenant)
  const headers = { ...(await authorize(client)), host }
  const secret = { ca: world.authority.cert, servername: host, port: world.tlsPort, agent: false as const }
  const req = requestOverTls({ ...secret, host: '127.0.0.1', path: `/api/small/${n}`, headers })
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const text = (await res.toArray()).join('')
  if (res.statusCode !== 200) return gone(client, res.statusCode ?? 0, text)
  return JSON.parse(text).tenant === tenant ? well : { outcome: 'wrong', seen: text }
}

async function meetBroken(client: Client): Promise<Report> {
  const { world, tenant, n } = client
  const headers = await authorize(client)
  const seen = await ask(world.gateway.port, `/api/broken/${n}`, { headers, host: hostOf(tenant) }).then(
    ({ status, text }) => `${status} ${text}`,
    () => 'cut off',
  )
  return seen.startsWith('200') ? { outcome: 'wrong', seen } : well
}

async function talkNonsense({ world }: Client): Promise<Report> {
  const status = statusOf(await sendRaw(world.gateway.port, nonsense, quietMs))
  return status === 400 ? well : { outcome: 'failed', seen: String(status) }
}

/** A tenant that was taken away meanwhile is nobody's fault. */
function gone({ world, tenant }: Client, status: number, text: string): Report {
  if ([403, 404].includes(status) && !world.tenants.includes(tenant)) return well
  return { outcome: status >= 500 ? 'failed' : 'wrong', seen: `${status} ${text.slice(0, 200)}` }
}
