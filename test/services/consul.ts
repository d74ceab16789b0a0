// A real Consul agent for tests: in memory, on free ports, with nothing of another run. It can be killed, stopped for a
// while, and started again on the same port.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { waitUntil } from '../support/gateway.ts'
import { findConsul } from './consul-program.ts'

export interface Registration {
  readonly name: string
  /** Default: the name. */
  readonly id?: string
  readonly address?: string
  readonly port: number
  readonly tags?: readonly string[]
  readonly weight?: number
  /** State of its one check; default passing. */
  readonly status?: 'passing' | 'warning' | 'critical'
}

export interface TestConsul {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  register(service: Registration): Promise<void>
  deregister(id: string): Promise<void>
  /** Of a service that was registered with a status. */
  setStatus(id: string, status: 'passing' | 'warning' | 'critical'): Promise<void>
  put(key: string, value: string): Promise<void>
  /** undefined: there is no such key. */
  get(key: string): Promise<string | undefined>
  remove(key: string): Promise<void>
  /** Any other call of its API. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  kill(): Promise<void>
  /** After kill: a new one on the same ports, which remembers nothing. */
  restart(): Promise<void>
}

export interface ConsulOptions {
  /** More of its configuration, as it stands in an agent's file. */
  readonly config?: object
  /** ACL token for the calls of the test itself. */
  readonly token?: string
}

export async function startConsul(options: ConsulOptions = {}): Promise<TestConsul> {
  const program = findConsul()
  if (program === null) throw new Error('Consul is not here: run node test/services/prepare.ts')
  const [http = 0, server = 0, serf = 0, serfWan = 0] = await freePorts(4)
  const url = `http://127.0.0.1:${http}`
  const call = createCall(url, options.token)
  const ports = { http, server, serf_lan: serf, serf_wan: serfWan, dns: -1, grpc: -1 }
  let child = await launch(program, { ports, ...options.config }, call)
  return {
    url,
    port: http,
    get process() {
      return child
    },
    async register({ name, id = name, address = '127.0.0.1', port, tags = [], weight = 1, status }) {
      const Check = { CheckID: `check:${id}`, TTL: '1h', Status: status ?? 'passing' }
      const Weights = { Passing: weight, Warning: 1 }
      const registration = { Name: name, ID: id, Address: address, Port: port, Tags: tags, Weights, Check }
      await call('PUT', '/v1/agent/service/register', registration)
    },
    deregister: async (id) => void (await call('PUT', `/v1/agent/service/deregister/${id}`)),
    async setStatus(id, status) {
      await call('PUT', `/v1/agent/check/update/check:${id}`, { Status: status })
    },
    put: async (key, value) => void (await call('PUT', `/v1/kv/${key}`, value)),
    async get(key) {
      const found = (await call('GET', `/v1/kv/${key}`)) as [{ Value: string | null }] | null
      return found === null ? undefined : Buffer.from(found[0].Value ?? '', 'base64').toString()
    },
    remove: async (key) => void (await call('DELETE', `/v1/kv/${key}`)),
    call,
    kill: () => kill(child),
    async restart() {
      child = await launch(program, { ports, ...options.config }, call)
    },
  }
}

type Call = TestConsul['call']

function createCall(url: string, token: string | undefined): Call {
  return async (method, path, body) => {
    const answer = await fetch(url + path, {
      method,
      ...(token === undefined ? {} : { headers: { 'x-consul-token': token } }),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (answer.status === 404) return null
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }
}

/** Resolves once it has a leader and takes writes. */
async function launch(program: string, config: object, call: Call): Promise<ChildProcess> {
  const args = ['agent', '-dev', '-bind', '127.0.0.1', '-log-level', 'err', '-hcl', JSON.stringify(config)]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000)
    })
    ;(stream as { unref?(): void }).unref?.()
  }
  const reap = (): void => void child.kill('SIGKILL')
  process.once('exit', reap)
  child.once('exit', () => process.off('exit', reap))
  child.unref()
  await waitUntil(async () => {
    if (child.exitCode !== null) throw new Error(`Consul ended with ${child.exitCode}:\n${output}`)
    const leader = await call('GET', '/v1/status/leader').catch(() => '')
    if (leader === '' || leader === null) return false
    // Known to itself as a node: from then on it takes registrations.
    const nodes = (await call('GET', '/v1/catalog/nodes').catch(() => [])) as unknown[]
    return nodes.length > 0
  }, 30_000)
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.ref()
  child.kill('SIGKILL')
  await exited
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as { port: number }).port
    }),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
