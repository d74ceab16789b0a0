// The same mutated bytes to our parser and to a server of node's: what node refuses we never take, and what both take is the
// same, on every request of a connection.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { canonicalTarget } from '../../../../gateway/dataplane/path.ts'
import { mutate } from '../../../support/mutate.ts'
import { createRandom, readSeed } from '../../../support/random.ts'
import { toBytes, toRandomPieces } from './parse.ts'
import { parseRequests } from './parse-requests.ts'
import { chunked, get, host, taken } from './request-cases.ts'

const mutations = 3_000
const atOnce = 25
const atLeast = 20

interface Read {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  body: string
  complete: boolean
}

const seeds = [
  ...taken.filter(({ method }) => method !== 'CONNECT').map(({ text }) => text),
  `${get}POST /b HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc${get}`,
  `${chunked}5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n${get}`,
  `POST /a HTTP/1.1\r\n${host}Content-Length: ${get.length}\r\n\r\n${get}${get}`,
]

/** What admission.ts refuses, and with it all that is behind it. CONNECT: node hands the socket over. */
function isAdmitted(method: string, target: string): boolean {
  if (method === 'CONNECT') return false
  return target.startsWith('/')
    ? typeof canonicalTarget(target, 'merge') !== 'string'
    : /^(?:\*|https?:\/\/a\/b)$/.test(target)
}

describe('mutated requests', () => {
  /** By the port that the bytes come from. */
  const reads = new Map<number, Read[]>()
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const { method = '', url: target = '', rawHeaders: headers } = req
    const read: Read = { method, target, headers, body: '', complete: false }
    reads.get(req.socket.remotePort as number)?.push(read)
    req.on('data', (chunk: Buffer) => {
      read.body += chunk.toString('latin1')
    })
    req.on('error', () => {})
    req.on('end', () => {
      read.complete = req.complete
      res.end()
    })
  }
  const server = createServer({ maxHeaderSize: 65_536, requireHostHeader: false }, serve)
  server.on('checkExpectation', serve)
  server.on('clientError', (_, socket) => socket.destroy())

  before(async () => void (await once(server.listen(0, '127.0.0.1'), 'listening')))
  after(() => server.close())

  function askNode(bytes: Buffer): Promise<Read[]> {
    const { port } = server.address() as AddressInfo
    const list: Read[] = []
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
        reads.set(socket.localPort as number, list)
        const mine = socket.localPort as number
        socket.end(bytes)
        socket.once('close', () => {
          reads.delete(mine)
          resolve(list)
        })
      })
      socket.on('error', () => {})
      socket.on('end', () => socket.destroy())
      socket.resume()
    })
  }

  const seed = readSeed()
  it(`are never taken when node refuses them, and read alike (AEGIS_TEST_SEED=${seed})`, async (t) => {
    const random = createRandom(seed)
    const counts = { both: 0, onlyNode: 0, neither: 0 }
    const compare = async (bytes: Buffer): Promise<void> => {
      const shown = JSON.stringify(bytes.toString('latin1'))
      const { requests, fault } = parseRequests([bytes])
      for (const pieces of [toBytes(bytes), toRandomPieces(bytes, random)]) {
        const again = parseRequests(pieces, { pausing: random.chance(0.5) })
        // Of two faults the cuts may decide which one is seen first.
        assert.deepEqual([again.requests, again.fault === null], [requests, fault === null], shown)
      }
      const theirs = await askNode(bytes)
      const ours = requests.filter(({ complete }) => complete)
      for (const [at, { method, target, headers, body, complete }] of ours.entries()) {
        if (!isAdmitted(method, target)) break
        assert.deepEqual({ method, target, headers, body, complete }, theirs[at], shown)
        counts.both += 1
      }
      const taken = theirs.filter(({ complete }) => complete).length
      if (taken > ours.length) counts.onlyNode += 1
      else if (fault !== null) counts.neither += 1
    }
    for (let i = 0; i < mutations; i += atOnce) {
      const batch = Array.from({ length: atOnce }, () => mutate(random.pick(seeds) + get, random))
      await Promise.all(batch.map((text) => compare(Buffer.from(text, 'latin1'))))
    }
    // Else the mutations are too weak or too strong to tell anything.
    for (const count of Object.values(counts)) assert.ok(count >= atLeast, JSON.stringify(counts))
    t.diagnostic(JSON.stringify(counts))
  })
})
