// Load of bench/memory.ts, a process of its own: every request with a path, a token and a user of its own.
// node distinct-process.ts PORT PATH REQUESTS CONNECTIONS; prints the requests done so far, a line for each hundredth.
import { connect } from 'node:net'
import { host, signToken } from '../tokens.ts'

const [port, path, total, connections] = process.argv
  .slice(2)
  .map((text, i) => (i === 1 ? text : Number(text))) as [number, string, number, number]
const ok = Buffer.from('HTTP/1.1 200')
let sent = 0
let done = 0
let failed = 0

for (let i = 0; i < connections; i++) open()

function open(): void {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const next = (): void => {
    if (sent === total) return void socket.end()
    sent += 1
    const token = signToken({ user: `user-${sent}`, id: `token-${sent}` })
    socket.write(
      `GET ${path}/${sent}?page=${sent} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nUser-Agent: memory/${sent}\r\n\r\n`,
    )
  }
  // The upstream's answers are small: each one comes in one piece.
  socket.on('data', (chunk: Buffer) => {
    if (!chunk.subarray(0, 12).equals(ok)) failed += 1
    done += 1
    if (done % Math.ceil(total / 100) === 0) console.log(JSON.stringify({ done, failed }))
    next()
  })
  socket.on('error', (error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  socket.on('connect', next)
}
