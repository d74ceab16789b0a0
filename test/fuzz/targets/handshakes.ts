// WebSocket handshakes: what is treated as one is one by RFC 6455 section 4.2.1, read by a second reader.
import assert from 'node:assert/strict'
import type { RequestHead } from '../../../gateway/dataplane/downstream.ts'
import { RequestParser } from '../../../gateway/dataplane/http1/request-parser.ts'
import { isWebSocketHandshake } from '../../../gateway/dataplane/upstream/handshake.ts'
import { mutate } from '../../support/mutate.ts'
import type { Random } from '../../support/random.ts'
import { valuesOf } from '../strict/field-reader.ts'
import { readRequestsStrictly, type StrictRequest } from '../strict/request-reader.ts'
import type { Target } from '../target.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='

function mostly(right: string, odd: readonly string[], random: Random): string {
  return random.chance(0.85) ? right : random.pick(odd)
}

function createHandshake(random: Random): string {
  const lines = [
    'Host: a',
    `Upgrade: ${mostly('websocket', ['WebSocket', 'h2c', 'websocket, h2c', 'h2c, websocket', 'websockets', '"websocket"', ''], random)}`,
    `Connection: ${mostly('Upgrade', ['upgrade', 'keep-alive, Upgrade', 'close', 'upgraded', 'Upgrade;x', 'close, upgrade', ''], random)}`,
    `Sec-WebSocket-Key: ${mostly(key, ['', 'a', `${key}=`, key.slice(1), `${key}, ${key}`, 'dGhlIHNhbXBsZSBub25jZR==', '!'.repeat(24)], random)}`,
    `Sec-WebSocket-Version: ${mostly('13', ['8', '13, 8', '013', '', '13.0', '+13'], random)}`,
  ]
  if (random.chance(0.1)) lines.push(random.pick(lines))
  if (random.chance(0.1)) lines.splice(random.int(lines.length), 1)
  if (random.chance(0.1))
    lines.push(
      random.pick([
        'Content-Length: 5',
        'Content-Length: 0',
        'Transfer-Encoding: chunked',
        'Expect: 100-continue',
      ]),
    )
  const line = `${mostly('GET', ['POST', 'HEAD', 'get', 'CONNECT'], random)} / ${mostly('HTTP/1.1', ['HTTP/1.0', 'HTTP/2.0'], random)}`
  const text = `${line}\r\n${lines.join('\r\n')}\r\n\r\n`
  return random.chance(0.3) ? mutate(text, random) : text
}

function readHead(text: string): RequestHead | null {
  let head: RequestHead | null = null
  const sink = {
    onHead: (one: RequestHead) => {
      head ??= one
      parser.stop()
    },
    onBody() {},
    onComplete() {},
    onBroken() {},
  }
  const parser = new RequestParser(sink, 16_384, 100)
  parser.read(Buffer.from(text, 'latin1'))
  return head
}

function isHandshake({ method, version, fields, body, complete }: StrictRequest): boolean {
  const only = (name: string): string => {
    const values = valuesOf(fields, name)
    return values.length === 1 ? (values[0] as string) : ''
  }
  const options = valuesOf(fields, 'connection').flatMap((value) =>
    value.split(',').map((one) => one.trim().toLowerCase()),
  )
  return (
    method === 'GET' &&
    version === '1.1' &&
    body === '' &&
    complete &&
    valuesOf(fields, 'transfer-encoding').length === 0 &&
    /^websocket$/i.test(only('upgrade')) &&
    options.includes('upgrade') &&
    only('sec-websocket-version') === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(only('sec-websocket-key'))
  )
}

const handshakes: Target = {
  name: 'WebSocket handshakes',
  share: 50,
  create: createHandshake,
  check(input) {
    const head = readHead(input)
    if (head === null) return
    const [strict] = readRequestsStrictly(input).requests
    if (isWebSocketHandshake(head))
      assert.ok(strict !== undefined && isHandshake(strict), 'this is no handshake')
    else assert.ok(strict === undefined || !isHandshake(strict), 'this is a handshake')
  },
}

export const handshakeTargets: readonly Target[] = [handshakes]
