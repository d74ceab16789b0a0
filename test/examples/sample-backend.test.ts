import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { type SampleBackend, startSampleBackend } from '../../examples/sample-backend/server.ts'

let backend: SampleBackend
let url: string
before(async () => {
  backend = await startSampleBackend({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${backend.port}`
})
after(() => backend.close())

const json = async (response: Response) => (await response.json()) as Record<string, unknown>

function call(method: string, path: string, tenant: string | null, body?: unknown): Promise<Response> {
  return fetch(url + path, {
    method,
    headers: tenant === null ? {} : { 'x-tenant-id': tenant, 'x-user-id': 'u1' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

test('items are made, read and deleted, each tenant seeing only its own', async () => {
  const made = await call('POST', '/items', 'acme', { name: 'hammer' })
  assert.equal(made.status, 201)
  const item = await json(made)
  assert.equal(made.headers.get('location'), `/items/${item.id}`)
  assert.equal(item.created_by, 'u1')
  assert.deepEqual(await json(await call('GET', '/items', 'acme')), {
    tenant: 'acme',
    user: 'u1',
    items: [item],
  })
  assert.deepEqual((await json(await call('GET', '/items', 'globex'))).items, [])
  for (const method of ['GET', 'DELETE']) {
    assert.equal((await call(method, `/items/${item.id}`, 'globex')).status, 404)
  }
  assert.deepEqual(await json(await call('GET', `/items/${item.id}`, 'acme')), item)
  assert.equal((await call('DELETE', `/items/${item.id}`, 'acme')).status, 200)
  assert.equal((await call('GET', `/items/${item.id}`, 'acme')).status, 404)
})

test('a request without a tenant, a wrong body and a wrong method are refused', async () => {
  assert.equal((await call('GET', '/items', null)).status, 400)
  assert.equal((await call('POST', '/items', 'acme', { name: 7 })).status, 400)
  assert.equal((await call('POST', '/items', 'acme', [])).status, 400)
  assert.equal((await call('POST', '/items', 'acme', { name: 'x'.repeat(70_000) })).status, 413)
  const wrong = await call('PUT', '/items', 'acme', {})
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.get('allow'), 'GET, HEAD, POST')
})

test('a tenant can keep 10,000 items and no more', async () => {
  const { createItemStore } = await import('../../examples/sample-backend/items.ts')
  const items = createItemStore()
  for (let i = 0; i < 10_000; i++) assert.ok(items.add('acme', 'x', '') !== null)
  assert.equal(items.add('acme', 'x', ''), null)
  assert.ok(items.add('globex', 'x', '') !== null)
})

test('the authorize endpoint answers as the gateway expects', async () => {
  const question = { tenant_id: 'acme', user_id: 'u1', resource: 'reports', request: {} }
  const ask = async (roles: unknown, action: string) =>
    json(await call('POST', '/aegis/authorize', null, { ...question, roles, action }))
  const member = await ask(['member'], 'create')
  assert.equal(member.allowed, true)
  assert.equal(member.ttl, 60)
  assert.ok((member.permissions as string[]).includes('items:read'))
  assert.ok((member.permissions as string[]).includes('reports:create'))
  assert.ok(!(member.permissions as string[]).includes('items:delete'))
  assert.equal((await ask(['member'], 'delete')).allowed, false)
  assert.equal((await ask(['viewer', 'admin'], 'delete')).allowed, true)
  for (const roles of [[], ['stranger'], ['constructor'], 'admin', null]) {
    assert.deepEqual(await ask(roles, 'read'), { allowed: false, permissions: [], ttl: 60 })
  }
})

test('events arrive one by one and go on after the last one that a client saw', async () => {
  const response = await fetch(`${url}/events?every=10&count=3`, {
    headers: { 'x-tenant-id': 'acme', 'last-event-id': '41' },
  })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  const body = await response.text()
  assert.deepEqual(
    [...body.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]),
    ['42', '43', '44'],
  )
  assert.ok(body.includes('data: {"tick":42,"tenant":"acme"}\n\n'))
})

test('public paths tell what was received', async () => {
  const answer = await json(await call('PATCH', '/public/a%20b?x=1', 'acme', { a: 1 }))
  assert.equal(answer.method, 'PATCH')
  assert.equal(answer.path, '/public/a%20b?x=1')
  assert.equal((answer.headers as Record<string, string>)['x-tenant-id'], 'acme')
  assert.equal(answer.body, '{"a":1}')
})

test('health, chosen statuses and waits', async () => {
  assert.deepEqual(await json(await call('GET', '/health', null)), { status: 'ok' })
  for (const status of [200, 204, 404, 503]) {
    assert.equal((await call('GET', `/status/${status}`, null)).status, status)
  }
  for (const path of ['/status/99', '/status/x', '/slow?ms=-1', '/slow?ms=x', '/slow?ms=99999999']) {
    assert.equal((await call('GET', path, null)).status, 400)
  }
  assert.deepEqual(await json(await call('GET', '/slow?ms=1', null)), { waited_ms: 1 })
  assert.equal((await call('GET', '/nothing', null)).status, 404)
})

test('the WebSocket echoes text, binary, long and fragmented messages, answers pings and closes', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${backend.port}/echo`)
  await once(socket, 'open')
  for (const message of ['', 'hello ü', 'x'.repeat(200), 'y'.repeat(70_000)]) {
    socket.send(message)
    const [got, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
    assert.equal(got.toString(), message)
    assert.equal(isBinary, false)
  }
  const bytes = Buffer.from([0, 255, 1])
  socket.send(bytes)
  assert.deepEqual(await once(socket, 'message'), [bytes, true])
  socket.send('one ', { fin: false })
  socket.ping('still there?')
  const pong = once(socket, 'pong')
  socket.send('two', { fin: true })
  assert.equal(String((await once(socket, 'message'))[0]), 'one two')
  assert.equal(String((await pong)[0]), 'still there?')
  socket.close(4001, 'enough')
  assert.equal((await once(socket, 'close'))[0], 4001)
})

for (const [what, frame, code] of [
  ['is not masked', [0x81, 0x01, 0x61], 1002],
  ['has extension bits', [0xc1, 0x80, 0, 0, 0, 0], 1002],
  ['has an unknown opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
  ['goes on with a message that never began', [0x80, 0x80, 0, 0, 0, 0], 1002],
  ['is a ping in pieces', [0x09, 0x80, 0, 0, 0, 0], 1002],
  ['is a ping of 126 bytes', [0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002],
  ['is too long', [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1009],
] as const) {
  test(`a frame that ${what} ends the WebSocket with ${code}`, async () => {
    const socket = connect(backend.port, '127.0.0.1')
    socket.write(
      'GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    socket.write(Buffer.from(frame))
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    // The example of RFC 6455, section 1.3.
    assert.ok(bytes.includes('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'))
    assert.deepEqual([...bytes.subarray(-4)], [0x88, 2, code >> 8, code & 255])
  })
}

test('a handshake that is none is refused', async () => {
  for (const [path, headers, status] of [
    ['/echo', { 'sec-websocket-version': '12', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, 426],
    ['/echo', { 'sec-websocket-version': '13', 'sec-websocket-key': 'short' }, 400],
    ['/other', { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, 404],
  ] as const) {
    const outgoing = request(url + path, {
      headers: { connection: 'upgrade', upgrade: 'websocket', ...headers },
    })
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    assert.equal(response.statusCode, status)
    response.resume()
  }
})

test('close ends open streams and sockets', async () => {
  const short = await startSampleBackend({ port: 0, host: '127.0.0.1' })
  const socket = new WebSocket(`ws://127.0.0.1:${short.port}/echo`)
  await once(socket, 'open')
  const stream = await fetch(`http://127.0.0.1:${short.port}/events?every=1000`)
  const closed = once(socket, 'close')
  await short.close()
  await closed
  await assert.rejects(stream.text())
})
