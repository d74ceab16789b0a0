// The other side of chain.test.ts: a plugin that misbehaves on demand, and an upstream that does, by path, what no server should.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

export const earlyBytes = 600_000

/** An operator's module: does what the header x-act says. */
export const actor = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export default {
  name: 'actor',
  schema: { type: 'object', properties: {}, additionalProperties: false },
  onFailure: 'deny',
  hookTimeoutMs: 200,
  body: { inspectUpTo: 16 },
  create: () => ({
    onRequest(ex) {
      switch (ex.header('x-act')) {
        case 'throw': throw new Error('broken')
        case 'reject': return Promise.reject(new Error('broken'))
        case 'hang': return new Promise(() => {})
        case 'slow': return wait(150).then(() => undefined)
        case 'foreign': return { then(resolve) { setImmediate(() => resolve({ status: 418, code: 'AEGIS_TEA', detail: 'Tea.', headers: [], body: undefined })) } }
        case 'abort-throws': ex.onAbort(() => { throw new Error('broken') }); return undefined
        case 'bad-upstream-header': ex.setUpstreamHeader('x-bad', 'a\\nb'); return undefined
        case 'limit': ex.limitRequestBody(10); return undefined
      }
    },
    onRequestBody(ex) {
      if (ex.header('x-act') === 'peek') return { status: 422, code: 'AEGIS_PEEK', detail: String(ex.bodyComplete) + ' ' + Buffer.from(ex.body).toString(), headers: [], body: undefined }
    },
    onResponse(ex) {
      switch (ex.header('x-act')) {
        case 'bad-header': return ex.setResponseHeader('x-bad', 'a\\r\\nset-cookie: evil=1')
        case 'late-bad-header': return wait(20).then(() => ex.setResponseHeader('x-bad', 'a\\nb'))
        case 'slow-response': return wait(100)
        case 'response-throws': throw new Error('broken')
        case 'status': ex.status = 503; return undefined
      }
    },
    onLog(ex) {
      if (ex.header('x-act') === 'log-rejects') return Promise.reject(new Error('broken'))
      if (ex.header('x-act') === 'log-throws') throw new Error('broken')
    },
  }),
}
`

export interface Liar {
  readonly url: string
  readonly server: Server
  /** Heads that it got. */
  readonly seen: readonly string[]
  /** Bytes behind the head, by path. */
  readonly bodies: ReadonlyMap<string, string>
  /** Its open sockets, and those of requests that it does not answer. */
  readonly sockets: ReadonlySet<Socket>
  readonly held: readonly Socket[]
  /** Connections that it ever took. */
  connections(): number
}

export async function createLiar(): Promise<Liar> {
  const seen: string[] = []
  const bodies = new Map<string, string>()
  const sockets = new Set<Socket>()
  let connections = 0
  const held: Socket[] = []
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let path = ''
    let head = ''
    socket.on('data', (chunk) => {
      if (path !== '') {
        bodies.set(path, (bodies.get(path) ?? '') + chunk.toString('latin1'))
        if (path === '/early') {
          if ((bodies.get(path)?.length ?? 0) >= earlyBytes) path = ''
          return
        }
        if (path !== '/echo' || !isWhole(head, bodies.get(path) as string)) return
      } else {
        head += chunk.toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        path = head.split(' ')[1] as string
        seen.push(head.slice(0, end))
        bodies.set(path, head.slice(end + 4))
        if (path === '/echo' && !isWhole(head, bodies.get(path) as string)) return
      }
      answer(path, socket, held)
      // It answered first; the rest of the body is still to come.
      if (path !== '/early') path = ''
      head = ''
    })
  })

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, server, seen, bodies, sockets, held, connections: () => connections }
}

/** Chunked, or with a length: a client may find out how long a streamed body is before it sends the head. */
function isWhole(head: string, body: string): boolean {
  const length = /^content-length: (\d+)/im.exec(head)
  return length === null ? body.endsWith('0\r\n\r\n') : body.length >= Number(length[1])
}

function answer(path: string, socket: Socket, held: Socket[]): void {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  switch (path) {
    case '/interim':
      socket.write(
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n',
      )
      return void socket.write(ok)
    case '/interim-odd':
      return void socket.write(
        `HTTP/1.1 103 Early Hints\r\nLink: ;;;<\r\nConnection: x-inner\r\nX-Inner: 1\r\n\r\n${ok}`,
      )
    case '/interim-flood': {
      const flood = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(10)), 5)
      return void socket.on('close', () => clearInterval(flood))
    }
    case '/204':
      return void socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')
    case '/304':
      return void socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n')
    case '/head':
      return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n')
    case '/broken':
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this')
      return void setTimeout(() => socket.destroy(), 20)
    case '/broken-chunks':
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n')
      return
    case '/trailers':
      return void socket.write(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-User-Id: evil\r\nX-Checksum: 42\r\nset_cookie: evil=1\r\n\r\n',
      )
    case '/two-answers':
      return void socket.write(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)
    case '/both-lengths':
      return void socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      )
    case '/bare-lf':
      return void socket.write('HTTP/1.1 200 OK\nContent-Length: 2\n\nok')
    case '/not-http':
      return void socket.write('SSH-2.0-OpenSSH\r\n\r\n')
    case '/unasked-101':
      return void socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nevil',
      )
    case '/dies-after-head':
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')
      return void setTimeout(() => socket.resetAndDestroy(), 20)
    case '/talks-first':
      return void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    case '/hold':
    case '/hang':
      return void held.push(socket)
    default:
      return void socket.write(ok)
  }
}
