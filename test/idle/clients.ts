// A process of clients (argument: the gateway's port): does with its connections what its parent says, and tells when it is done.
import { connect, type Socket } from 'node:net'

/** `open`: so many more, each asks once; `ask`: so many of those that are open ask once more; `close`: all of them. */
export interface Order {
  readonly what: 'open' | 'ask' | 'close'
  readonly count: number
}

export interface Done {
  readonly open: number
  /** Answers with status 200 to what this order asked. */
  readonly answered: number
}

const port = Number(process.argv[2])
const atATime = 100
/** Another one each time: ports of connections that were closed are not free at once. */
let localAddress = ''
let orders = 0
const sockets = new Set<Socket>()

function open(): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.once('connect', () => {
      sockets.add(socket)
      resolve(socket)
    })
    socket.on('error', () => resolve(null))
    socket.on('close', () => sockets.delete(socket))
  })
}

function ask(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(bytes.toString('latin1').startsWith('HTTP/1.1 200 ')))
    socket.once('close', () => resolve(false))
    if (socket.destroyed) return resolve(false)
    socket.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
  })
}

async function obey({ what, count }: Order): Promise<Done> {
  localAddress = `127.${1 + (process.pid % 250)}.${(process.pid >> 8) & 255}.${++orders}`
  if (what === 'close') for (const socket of sockets) socket.destroy()
  const known = [...sockets]
  let next = 0
  let answered = 0
  const one = async (): Promise<void> => {
    while (what !== 'close' && next < count) {
      const at = next++
      const socket = what === 'open' ? await open() : (known[at % known.length] ?? null)
      if (socket !== null && (await ask(socket))) answered += 1
    }
  }
  await Promise.all(Array.from({ length: atATime }, one))
  return { open: sockets.size, answered }
}

process.on('message', (order: Order) => {
  void obey(order).then((done) => process.send?.(done))
})
process.once('disconnect', () => process.exit())
