// The least that a proxy on Node.js can be: node:http in front, undici behind, headers copied, no policy, no checks.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, upstream] = process.argv.slice(2) as [string, string]
const pool = new Pool(upstream, { connections: 128, pipelining: 1 })

createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const { host: _, connection: __, ...headers } = req.headers
  const path = req.url ?? '/'
  const method = (req.method ?? 'GET') as 'GET'
  pool
    .stream({ path, method, headers: headers as Record<string, string> }, ({ statusCode, headers }) =>
      res.writeHead(statusCode, headers as Record<string, string>),
    )
    .catch(() => res.destroy())
}).listen(Number(port), '127.0.0.1')
