// The WAF through the running gateway: attacks in every dress, rules that change while requests go on, what operators see.
import assert from 'node:assert/strict'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Admin, createAdmin } from '../support/admin.ts'
import { type AskOptions, ask } from '../support/ask.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { sendRaw, statusOf } from '../support/raw.ts'
import { createUpstream, type TestUpstream } from '../support/upstream.ts'
import { form, json, script, sql, tricksOf } from './waf-tricks.ts'

const ownRules = (word: string) =>
  `SecRule ARGS "@streq ${word}" "id:100,phase:2,deny,status:403,log,msg:'a word of ours'"\n`

let gateway: TestGateway
let upstream: TestUpstream
let admin: Admin
let dir: string
let remove: () => Promise<void>

before(async () => {
  upstream = await createUpstream((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      res.setHeader('content-type', 'text/html')
      res.end(req.url === '/leak' ? 'root:x:0:0:root' : Buffer.concat(chunks))
    })
  })
  const leaks = `SecRule RESPONSE_BODY "@contains root:x:0" "id:101,phase:4,deny,status:502,log,msg:'leak'"`
  const config = await createConfigDir({
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [{ id: 'acme' }, { id: 'calm' }, { id: 'trusting' }],
      upstreams: { api: { targets: [{ url: upstream.url }] } },
      routes: [
        { id: 'api', paths: ['/*'], upstream: 'api', auth: 'none' },
        { id: 'code', paths: ['/code/*'], upstream: 'api', auth: 'none' },
      ],
    },
    plugins: [
      { id: 'request-id', plugin: 'request-id' },
      { id: 'tenant', plugin: 'tenant' },
      {
        id: 'waf',
        plugin: 'waf',
        config: {
          rules: ['@baseline', 'rules/*.conf'],
          setup: [leaks],
          responseBody: true,
          tenants: { calm: { mode: 'detect' } },
          exclusions: [
            { ruleIds: [9500050], targets: ['ARGS:json.sql'], routes: ['code'], tenants: ['trusting'] },
          ],
        },
      },
      { id: 'observability', plugin: 'observability' },
    ],
  })
  ;({ dir, remove } = config)
  await mkdir(join(dir, 'rules'))
  await writeFile(join(dir, 'rules/own.conf'), ownRules('shibboleth'))
  gateway = await startGateway({ configDir: dir })
  admin = createAdmin(gateway)
})

after(async () => {
  await gateway.stop()
  await upstream.close()
  await remove()
})

const send = (path: string, options: AskOptions = {}) => ask(gateway.port, path, options)
const post = (type: string, body: string | Buffer, more: Record<string, string> = {}, path = '/items') =>
  send(path, { method: 'POST', body, headers: { 'content-type': type, ...more } })

describe('an attack', () => {
  it('is refused without a word about the rule, and never goes up', async () => {
    const before = upstream.seen.length
    const answer = await send(`/items?q=${encodeURIComponent(sql)}`)
    assert.equal(answer.status, 403)
    const { request_id: id, ...problem } = answer.json()
    assert.deepEqual(problem, {
      ...{ type: 'about:blank', title: 'Forbidden', status: 403 },
      ...{ detail: 'The request was refused.', code: 'AEGIS_WAF_BLOCKED' },
    })
    assert.equal(upstream.seen.length, before)
    const event = await waitUntil(() =>
      gateway.logs().find((line) => line.event === 'waf' && line.request_id === id),
    )
    assert.deepEqual(
      [event.decision, event.tenant, event.route, event.plugin, (event.rules as { id: number }[])[0]?.id],
      ['block', 'acme', 'api', 'waf', 9500050],
    )
    assert.doesNotMatch(JSON.stringify(event), /OR '1'/)
  })

  for (const [title, request] of tricksOf({ send, post })) {
    it(`${title} does not get up`, async () => {
      const before = upstream.seen.length
      const { status } = await request()
      assert.ok([400, 403, 413, 415].includes(status), String(status))
      assert.equal(upstream.seen.length, before)
    })
  }

  it('in a second request on a connection is refused like the first', async () => {
    const attack = `GET /items?q=${encodeURIComponent(sql)} HTTP/1.1\r\nHost: acme.example.com\r\n`
    const received = await sendRaw(
      gateway.port,
      `GET / HTTP/1.1\r\nHost: acme.example.com\r\n\r\n${attack}\r\n${attack}Connection: close\r\n\r\n`,
      2_000,
    )
    assert.deepEqual(
      received.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9)),
      ['200', '403', '403'],
    )
  })

  it('in a WebSocket handshake is refused', async () => {
    const handshake =
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    const received = await sendRaw(
      gateway.port,
      `GET /ws?q=${encodeURIComponent(sql)} HTTP/1.1\r\nHost: acme.example.com\r\n${handshake}\r\n`,
      2_000,
    )
    assert.equal(statusOf(received), 403)
  })
})

describe('what is no attack', () => {
  it('goes up byte for byte', async () => {
    const bodies: readonly [string, string | Buffer][] = [
      [
        json,
        JSON.stringify(
          { text: "It's 5 o'clock; select one & go -- \u00fc", n: [1, 2.5, null, true] },
          null,
          2,
        ),
      ],
      [form, 'a=1&&b=%C3%BC+x&c'],
      [
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="f"; filename="a b.pdf"\r\n\r\n%PDF\r\n\n--\r\n--b--\r\n',
      ],
      ['image/png', Buffer.alloc(300_000, 7)],
    ]
    for (const [type, body] of bodies) {
      const answer = await post(type, body)
      assert.equal(answer.status, 200, type)
      assert.ok(answer.text === body.toString(), type)
    }
    const zipped = gzipSync('{"a":1}')
    const answer = await post(json, zipped, { 'content-encoding': 'gzip' })
    assert.equal(answer.status, 200)
  })

  it('comes down; what the rules call a leak does not', async () => {
    assert.equal((await send('/items')).status, 200)
    const leak = await send('/leak')
    assert.equal(leak.status, 502)
    assert.doesNotMatch(leak.text, /root/)
  })
})

describe('tenants and routes', () => {
  it('may only be watched', async () => {
    const answer = await send(`/items?q=${encodeURIComponent(sql)}`, { host: 'calm.example.com' })
    assert.equal(answer.status, 200)
    await waitUntil(() =>
      gateway
        .logs()
        .some((line) => line.event === 'waf' && line.tenant === 'calm' && line.decision === 'detect'),
    )
  })

  it('may have parts left out, and nobody else with them', async () => {
    const status = async (host: string, path: string, member: string) => {
      const headers = { 'content-type': json }
      return (await send(path, { method: 'POST', host, headers, body: JSON.stringify({ [member]: sql }) }))
        .status
    }
    assert.equal(await status('trusting.example.com', '/code/run', 'sql'), 200)
    assert.equal(await status('trusting.example.com', '/code/run', 'other'), 403)
    assert.equal(await status('trusting.example.com', '/items', 'sql'), 403)
    assert.equal(await status('acme.example.com', '/code/run', 'sql'), 403)
  })
})

describe('rule files', () => {
  const everywhere = async (word: string) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(`/items?q=${word}`)))
    return new Set(answers.map(({ status }) => status))
  }
  const only = (statuses: Set<number>, status: number) => statuses.size === 1 && statuses.has(status)
  const problems = async () =>
    (await admin('GET', '/admin/status')).body.config.problems as { message: string; pointer: string }[]

  it('are live in all workers soon after they change', async () => {
    assert.ok(only(await everywhere('shibboleth'), 403))
    assert.ok(only(await everywhere('sibboleth'), 200))
    const started = performance.now()
    await writeFile(join(dir, 'rules/own.conf'), ownRules('sibboleth'))
    await waitUntil(async () => only(await everywhere('sibboleth'), 403))
    assert.ok(performance.now() - started < 5_000)
    assert.ok(only(await everywhere('shibboleth'), 200))
  })

  it('that are broken are refused with file and line, and the old ones go on', async () => {
    await writeFile(
      join(dir, 'rules/own.conf'),
      `# a comment\nSecRule ARGS "@nosuch x" "id:100,phase:2,deny"\n`,
    )
    const [problem] = await waitUntil(async () => {
      const found = await problems()
      return found.length > 0 && found
    })
    assert.match(problem?.message ?? '', /Plugin "waf": .*rules\/own\.conf:2: /)
    assert.ok(only(await everywhere('sibboleth'), 403))
    assert.equal((await send(`/items?q=${encodeURIComponent(sql)}`)).status, 403)
  })

  it('are taken again once they are mended, and new ones when they appear', async () => {
    await writeFile(join(dir, 'rules/own.conf'), ownRules('mended'))
    await waitUntil(async () => only(await everywhere('mended'), 403))
    await waitUntil(async () => (await problems()).length === 0)
    await writeFile(join(dir, 'rules/more.tmp'), ownRules('another').replace('100', '102'))
    await rename(join(dir, 'rules/more.tmp'), join(dir, 'rules/more.conf'))
    await waitUntil(async () => only(await everywhere('another'), 403))
    assert.ok(only(await everywhere('mended'), 403))
  })
})

describe('operators', () => {
  it('see the rules with the hits of all workers', async () => {
    const before = await hitsOf(9500051)
    await Promise.all(Array.from({ length: 20 }, () => send(`/items?q=${encodeURIComponent(script)}`)))
    assert.equal((await hitsOf(9500051)) - before, 20)
    const { body } = await admin('GET', '/admin/waf/rules?size=3')
    assert.equal(body.data.length, 3)
    assert.equal(typeof body.next, 'string')
  })

  const hitsOf = async (id: number): Promise<number> =>
    (await admin('GET', `/admin/waf/rules?id=${id}`)).body.data[0].hits

  it('find matches in the metrics', async () => {
    const { body: text } = await admin('GET', '/metrics')
    assert.match(text, /aegis_waf_matches_total\{rule="9500050",action="block"\} [1-9]/)
    assert.match(text, /aegis_waf_matches_total\{rule="9500050",action="detect"\} 1/)
    assert.match(text, /aegis_waf_requests_total\{decision="block",kind="live"\} [1-9]/)
    assert.match(text, /aegis_waf_body_limit_total\{outcome="reject"\} [1-9]/)
  })

  it('can try a request, with the live rules and with others', async () => {
    const request = {
      method: 'GET',
      uri: `/?q=${encodeURIComponent(sql)}`,
      httpVersion: '1.1',
      headers: [['Host', 'a']],
      body: '',
    }
    const test = async (more: object) =>
      (await admin('POST', '/admin/waf/test', { body: { request, ...more } })).body
    const live = await test({})
    assert.deepEqual(
      [live.verdict, live.inboundScore, live.matched[0].id, live.matched[0].variable],
      ['block', 5, 9500050, 'ARGS:q'],
    )
    assert.equal((await test({ tenant: 'calm' })).verdict, 'detect')
    const rule = `SecRule ARGS "@rx or" "id:7,phase:2,deny,status:403,log,msg:'or'"`
    const config = {
      rules: ['rules/own.conf'],
      setup: [`SecRule ARGS "@rx (?i)or" "id:7,phase:2,deny,status:403,log,msg:'or'"`],
    }
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(
        (await test({ config })).matched.map(({ id, phase, message, variable }: never) => ({
          id,
          phase,
          message,
          variable,
        })),
        [{ id: 7, phase: 2, message: 'or', variable: 'ARGS:q' }],
      )
    }
    assert.deepEqual((await test({ config: { ...config, setup: [rule] } })).verdict, 'allow')
    const response = {
      status: 200,
      headers: [['Content-Type', 'text/html']],
      body: Buffer.from('root:x:0').toString('base64'),
    }
    const harmless = { ...request, uri: '/' }
    const leak = await admin('POST', '/admin/waf/test', { body: { request: harmless, response } })
    assert.deepEqual([leak.body.verdict, leak.body.matched[0].id], ['block', 101])
  })

  it('are told what is wrong with a config that they try', async () => {
    const body = {
      request: { method: 'GET', uri: '/' },
      config: { setup: ['SecRule ARGS'], rules: ['nowhere/*.conf'] },
    }
    const refused = await admin('POST', '/admin/waf/test', { body })
    assert.equal(refused.status, 422)
    assert.match(JSON.stringify(refused.body.errors), /nowhere/)
    const broken = await admin('POST', '/admin/waf/test', {
      body: { ...body, config: { setup: ['SecRule ARGS'], rules: ['@baseline'] } },
    })
    assert.equal(broken.status, 422)
    assert.equal(broken.body.errors[0].pointer, '/config/setup/0')
  })
})
