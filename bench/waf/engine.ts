// What the WAF engine costs: CPU per benign request by shape, phases 1 and 2 and logging, CRS 4 from ../shared/crs beside the
// checkout. node bench/waf/engine.ts [paranoia level] [milliseconds per shape]

import type { Waf } from '../../plugins/waf/seclang/waf.ts'
import { type BenignRequest, benignRequests } from './requests.ts'
import { loadWaf } from './rules.ts'

function inspect(waf: Waf, request: BenignRequest): number {
  const transaction = waf.createTransaction({ budgetMs: 1000 })
  transaction.processConnection({
    clientAddress: '192.0.2.7',
    clientPort: 4711,
    serverAddress: '192.0.2.1',
    serverPort: 80,
  })
  transaction.processUri(request.method, request.uri, 'HTTP/1.1')
  transaction.processRequestHeaders(request.headers)
  transaction.processRequestBody(request.body)
  transaction.processLogging()
  return transaction.inboundScore
}

function measure(waf: Waf, request: BenignRequest, forMs: number): { us: number; score: number } {
  const warm = performance.now() + forMs / 2
  let score = 0
  while (performance.now() < warm) score = inspect(waf, request)
  const before = process.cpuUsage()
  const end = performance.now() + forMs
  let count = 0
  while (performance.now() < end) {
    for (let i = 0; i < 8; i++) inspect(waf, request)
    count += 8
  }
  const { user, system } = process.cpuUsage(before)
  return { us: (user + system) / count, score }
}

const level = process.argv[2] ?? '1'
const forMs = Number(process.argv[3] ?? 1500)
const loading = performance.now()
const waf = await loadWaf(level)
console.log(
  `CRS 4, paranoia level ${level}, ${waf.rules.length} rules, loaded in ${Math.round(performance.now() - loading)} ms`,
)
for (const request of benignRequests) {
  const { us, score } = measure(waf, request, forMs)
  console.log(`${request.name.padEnd(14)} ${us.toFixed(1).padStart(9)} us  score ${score}`)
}
console.log(`${Math.round(process.memoryUsage().heapUsed / 1_048_576)} MB of heap`)
