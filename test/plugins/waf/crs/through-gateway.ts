// CRS regression tests through the running gateway: by POST /admin/waf/test, and by its front door to a real upstream.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Admin, createAdmin } from '../../../support/admin.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../../../support/gateway.ts'
import { sendRaw, statusOf } from '../../../support/raw.ts'
import { type FtwTest, toRequest, type WireRequest } from './ftw-case.ts'
import { judge, respond, type Seen, testSetup, type Verdict } from './ftw-run.ts'
import { sharedCrs } from './rule-files.ts'

export interface CrsGateway {
  byAdmin(test: FtwTest): Promise<Verdict>
  byFrontDoor(test: FtwTest): Promise<Verdict>
  close(): Promise<void>
}

export async function startCrsGateway(): Promise<CrsGateway> {
  const upstream = await startReflector()
  const { port } = upstream.address() as AddressInfo
  const waf = {
    rules: ['@crs'],
    setup: [testSetup],
    responseBody: true,
    audit: 'all',
    auditParts: 'HZ',
    logData: true,
  }
  const config = await createConfigDir({
    gateway: { limits: { urlBytes: 100_000, headerBytes: 200_000, headerCount: 1_000 } },
    routes: {
      upstreams: { api: { targets: [{ url: `http://127.0.0.1:${port}` }] } },
      routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      { id: 'waf', plugin: 'waf', config: { ...waf, budgetMs: 5_000 } },
    ],
  })
  const gateway = await startGateway({
    configDir: config.dir,
    env: { AEGIS_CRS_DIR: sharedCrs, AEGIS_WORKERS: '1' },
  })
  const admin = createAdmin(gateway)
  return {
    byAdmin: (test) => runStages(test, (request) => askAdmin(admin, request)),
    byFrontDoor: (test) => runStages(test, (request) => askFrontDoor(gateway, request)),
    async close() {
      await gateway.stop()
      upstream.close()
      await config.remove()
    },
  }
}

async function runStages(
  test: FtwTest,
  ask: (request: WireRequest) => Promise<readonly Seen[]>,
): Promise<Verdict> {
  let verdict: Verdict | null = null
  for (const { input, output } of test.stages) {
    const request = toRequest(input)
    const next = judge(request, await ask(request), output)
    if (verdict === null || verdict.passed) verdict = next
  }
  return verdict as Verdict
}

async function askAdmin(admin: Admin, request: WireRequest): Promise<readonly Seen[]> {
  const text = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8')
  const headers = (list: WireRequest['headers']) => list.map(([name, value]) => [text(name), text(value)])
  const response = respond(request)
  const { status, body } = await admin('POST', '/admin/waf/test', {
    body: {
      request: {
        ...{ method: text(request.method), uri: text(request.uri), httpVersion: request.protocol },
        headers: headers(request.headers),
        body: Buffer.from(request.body, 'latin1').toString('base64'),
      },
      response: {
        status: response.status,
        headers: response.headers,
        body: Buffer.from(response.body).toString('base64'),
      },
    },
  })
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body.matched
}

/** Audit records tell what matched; a request that the gateway itself refuses has none. */
async function askFrontDoor(gateway: TestGateway, request: WireRequest): Promise<readonly Seen[]> {
  const lines = request.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const raw = `${request.method} ${request.uri} ${request.protocol}\r\n${lines}\r\n${request.body}`
  const received = await sendRaw(gateway.port, Buffer.from(raw, 'latin1'), 250)
  const id = /\r\nx-request-id: (\S+)/i.exec(received)?.[1]
  if (id === undefined || (statusOf(received) >= 400 && /"AEGIS_(?!WAF)/.test(received))) return []
  const record = await waitUntil(() =>
    gateway.logs().find((line) => line.event === 'waf-audit' && line.id === id),
  )
  return record.matches as Seen[]
}

async function startReflector(): Promise<Server> {
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method = '', url: uri = '' } = req
      const body = Buffer.concat(chunks).toString('latin1')
      const answer = respond({ method, uri, protocol: 'HTTP/1.1', headers: [], body })
      for (const [name, value] of answer.headers) res.setHeader(name, value)
      res.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
