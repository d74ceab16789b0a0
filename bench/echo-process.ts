// The upstream of the WebSocket scenario: sends every frame back. Plain requests get 200.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { readFrames, toFrame } from './load/websocket-frames.ts'

const decision = JSON.stringify({ allowed: true, permissions: [], ttl: 300 })
/** RFC 6455 section 1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

createServer((_, res) => res.writeHead(200, { 'content-type': 'application/json' }).end(decision))
  .on('upgrade', (req, socket) => {
    const accept = createHash('sha1')
      .update(`${req.headers['sec-websocket-key']}${acceptSuffix}`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.on(
      'data',
      readFrames((payload) => void socket.write(toFrame(payload))),
    )
    socket.on('error', () => socket.destroy())
  })
  .listen(Number(process.argv[2]), '127.0.0.1')
