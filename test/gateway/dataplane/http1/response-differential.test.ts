// The same mutated bytes to our parser and to node's: what node refuses we never take, and what both take is the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { mutate } from '../../../support/mutate.ts'
import { createRandom, readSeed } from '../../../support/random.ts'
import { type Parsed, parse, toBytes, toRandomPieces, toVerdict } from './parse.ts'
import { taken } from './response-cases.ts'

const mutations = 2_000
const atLeast = 15

interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

describe('mutated answers', () => {
  let port = 0
  let answer: Buffer = Buffer.alloc(0)
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })

  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  })
  after(() => server.close())

  /** What node:http makes of the bytes; null when it refuses them. */
  function askNode(bytes: Buffer, method: string): Promise<Answer | null> {
    answer = bytes
    return new Promise((resolve) => {
      const req = request({ port, host: '127.0.0.1', method, agent: false, maxHeaderSize: 65_536 })
      req.on('error', () => resolve(null))
      req.on('upgrade', (_res, socket) => {
        socket.destroy()
        resolve(null)
      })
      req.on('response', (res) => {
        const body: Buffer[] = []
        res.on('data', (chunk: Buffer) => body.push(chunk))
        res.on('error', () => resolve(null))
        res.on('end', () => {
          const { statusCode: status = 0, rawHeaders: headers, complete } = res
          resolve(complete ? { status, headers, body: Buffer.concat(body).toString('latin1') } : null)
        })
      })
      req.end()
    })
  }

  /** Behind the end of an answer node may see an error that is no longer one of that answer. */
  function cutBehind(bytes: Buffer, method: string): { parsed: Parsed; answer: Buffer } {
    const parsed = parse(toBytes(bytes), method)
    return { parsed, answer: parsed.complete ? bytes.subarray(0, parsed.pieces) : bytes }
  }

  const seed = readSeed()
  it(`are never taken when node refuses them, and read alike (AEGIS_TEST_SEED=${seed})`, async (t) => {
    const random = createRandom(seed)
    let both = 0
    let neither = 0
    let onlyNode = 0
    for (let i = 0; i < mutations; i++) {
      const { text, method = 'GET' } = random.pick(taken)
      const bytes = Buffer.from(mutate(text, random), 'latin1')
      const shown = `${method} ${JSON.stringify(bytes.toString('latin1'))}`
      const { parsed, answer } = cutBehind(bytes, method)
      assert.deepEqual(toVerdict(parse([bytes], method)), toVerdict(parsed), shown)
      assert.deepEqual(toVerdict(parse(toRandomPieces(bytes, random), method)), toVerdict(parsed), shown)
      const theirs = await askNode(answer, method)
      if (!parsed.complete) {
        if (theirs === null) neither += 1
        else onlyNode += 1
        continue
      }
      both += 1
      const { status, headers, body } = parsed
      assert.deepEqual({ status, headers, body: body.toString('latin1') }, theirs, shown)
    }
    // Else the mutations are too weak or too strong to tell anything.
    for (const count of [both, neither, onlyNode])
      assert.ok(count >= atLeast, `${both} ${neither} ${onlyNode}`)
    t.diagnostic(`both take ${both}, both refuse ${neither}, only we refuse ${onlyNode}`)
  })
})
