// A real DNS server over UDP for tests: its records, their TTL and its failures change while it runs.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export type DnsRecord =
  | { readonly type: 'A'; readonly address: string; readonly ttl?: number }
  /** Written out: eight groups of hex digits. */
  | { readonly type: 'AAAA'; readonly address: string; readonly ttl?: number }
  | {
      readonly type: 'SRV'
      readonly target: string
      readonly port: number
      readonly priority?: number
      readonly weight?: number
      readonly ttl?: number
    }

export interface TestDns {
  /** `127.0.0.1:port`. */
  readonly address: string
  /** Questions so far: `A api.test`. */
  readonly asked: string[]
  /** Records by lower-case name; a name that is not there does not exist. */
  readonly zone: Map<string, readonly DnsRecord[]>
  /** What it does instead of answering. */
  mode: 'answer' | 'silent' | 'servfail' | 'garbage'
  close(): Promise<void>
}

const types = { A: 1, AAAA: 28, SRV: 33 } as const

export async function startDns(): Promise<TestDns> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const dns: TestDns = {
    address: `127.0.0.1:${socket.address().port}`,
    asked: [],
    zone: new Map(),
    mode: 'answer',
    close: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
  socket.on('message', (query, peer) => {
    const { name, type, question } = parseQuestion(query)
    const word = Object.entries(types).find(([, number]) => number === type)?.[0] ?? String(type)
    dns.asked.push(`${word} ${name}`)
    if (dns.mode === 'silent') return
    const answer =
      dns.mode === 'garbage' ? Buffer.from('not DNS') : answerTo(query, question, dns, { name, type })
    socket.send(answer, peer.port, peer.address)
  })
  return dns
}

interface Question {
  readonly name: string
  readonly type: number
}

function parseQuestion(query: Buffer): Question & { readonly question: Buffer } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  const question = query.subarray(12, at + 5)
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), question }
}

function answerTo(query: Buffer, question: Buffer, dns: TestDns, { name, type }: Question): Buffer {
  const known = dns.zone.get(name)
  const answers = (known ?? []).filter((record) => types[record.type] === type).map(toAnswer)
  const code = dns.mode === 'servfail' ? 2 : known === undefined ? 3 : 0
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(code === 0 ? answers.length : 0, 6)
  return Buffer.concat([head, question, ...(code === 0 ? answers : [])])
}

function toAnswer(record: DnsRecord): Buffer {
  const rdata = toRdata(record)
  const head = Buffer.alloc(12)
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(types[record.type], 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(record.ttl ?? 60, 6)
  head.writeUInt16BE(rdata.length, 10)
  return Buffer.concat([head, rdata])
}

function toRdata(record: DnsRecord): Buffer {
  if (record.type === 'A') return Buffer.from(record.address.split('.').map(Number))
  if (record.type === 'AAAA') return Buffer.from(record.address.replaceAll(':', ''), 'hex')
  const numbers = Buffer.alloc(6)
  numbers.writeUInt16BE(record.priority ?? 0, 0)
  numbers.writeUInt16BE(record.weight ?? 1, 2)
  numbers.writeUInt16BE(record.port, 4)
  const labels = record.target
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([numbers, ...labels, Buffer.from([0])])
}
