// What a Node team writes that wants no library for it: node:http in front, an undici Pool behind, headers copied.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, target] = process.argv.slice(2) as [string, string]
const pool = new Pool(target, { connections: 256, pipelining: 1 })
const ownHeaders = new Set(['host', 'connection', 'transfer-encoding', 'expect'])

createServer({ keepAliveTimeout: 75_000 }, (req, res) => {
  const headers: string[] = []
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] as string
    if (!ownHeaders.has(name.toLowerCase())) headers.push(name, req.rawHeaders[i + 1] as string)
  }
  const hasBody =
    req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined
  const path = req.url ?? '/'
  const method = (req.method ?? 'GET') as 'GET'
  pool
    .stream({ path, method, headers, body: hasBody ? req : null }, ({ statusCode, headers }) =>
      res.writeHead(statusCode, headers as Record<string, string>),
    )
    .catch(() => res.destroy())
}).listen(Number(port), '127.0.0.1')
