// The upstream of a bench: answers every request with the same small JSON.
import { createServer } from 'node:http'

const body = JSON.stringify({ items: [{ id: 1, name: 'first' }] })
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }

createServer({ keepAliveTimeout: 60_000 }, (_, res) => res.writeHead(200, headers).end(body)).listen(
  Number(process.argv[2]),
  '127.0.0.1',
)
