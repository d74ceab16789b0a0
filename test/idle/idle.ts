// Thousands of connections on which nobody asks anything: what they cost, that others are served beside them, and that all of it
// comes back. Used by idle.test.ts (few) and run.ts (many).
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createAdmin, workersOf } from '../support/admin.ts'
import { createConfigDir, startGateway, type TestGateway, waitUntil } from '../support/gateway.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Done, Order } from './clients.ts'

/** More would not fit the open files that a process is usually allowed. */
const perProcess = 5_000
const ticksPerSecond = 100
const workers = 2

const megabyte = 1024 * 1024
/** What a connection may cost the gateway while it is open. */
const mostBytesEach = 32 * 1024
/** That much more may be left behind the last round than behind the others: a heap comes to its size in any of them. */
const mostBytesLeft = 20 * megabyte

export interface Round {
  /** Connections that were open together. */
  readonly open: number
  /** Of `asked` requests beside them and on them. */
  readonly served: number
  readonly asked: number
  /** Memory of the gateway before, with them, and once they had left. */
  readonly rssBytes: readonly [before: number, open: number, after: number]
  /** Seconds of processor time per second while nothing happened. */
  readonly idleLoad: number
  /** Open in the gateway once all clients had left. */
  readonly left: number
}

export interface IdleOptions {
  readonly connections: number
  readonly rounds: number
  readonly idleSeconds: number
}

export async function holdIdle({ connections, rounds, idleSeconds }: IdleOptions): Promise<Round[]> {
  const upstream = await createUpstream((_, res) => res.end('ok'))
  const config = await createConfigDir({
    // What else the machine does is no overload of the gateway.
    gateway: { timeouts: { idleMs: 600_000 }, limits: { eventLoopLagMs: 0 } },
    routes: {
      upstreams: { api: { targets: [{ url: upstream.url }] } },
      routes: [{ id: 'all', paths: ['/*'], upstream: 'api', auth: 'none' }],
    },
  })
  const gateway = await startGateway({ configDir: config.dir, env: { AEGIS_WORKERS: String(workers) } })
  const file = fileURLToPath(new URL('clients.ts', import.meta.url))
  const children = Array.from({ length: Math.ceil(connections / perProcess) }, () =>
    fork(file, [String(gateway.port)]),
  )
  try {
    // Code is compiled and the heap has its size before the first one counts.
    await order(children, { what: 'open', count: 200 })
    await order(children, { what: 'close', count: 0 })
    const results: Round[] = []
    while (results.length < rounds) results.push(await holdOnce(gateway, children, connections, idleSeconds))
    return results
  } finally {
    for (const child of children) child.disconnect()
    await gateway.stop()
    await Promise.all([upstream.close(), config.remove()])
  }
}

/** What of the promise was not kept, in plain sentences. Leaks show from the second round on. */
export function findFaults(rounds: readonly Round[], connections: number): string[] {
  const faults: string[] = []
  for (const { open, served, asked, left, rssBytes } of rounds) {
    const each = Math.round((rssBytes[1] - rssBytes[0]) / connections)
    if (open < connections) faults.push(`${open} of ${connections} were open`)
    if (served !== asked) faults.push(`${served} of ${asked} were served`)
    if (left > 0) faults.push(`${left} were left open`)
    if (each >= mostBytesEach) faults.push(`each cost ${each} bytes, and ${mostBytesEach} is the bound`)
  }
  const behind = rounds.map(({ rssBytes }) => rssBytes[2])
  const last = behind.pop() ?? 0
  const grown = last - Math.max(...(behind.length === 0 ? [last] : behind))
  if (grown >= mostBytesLeft) faults.push(`${grown} bytes more were left behind the last round than before`)
  return faults
}

async function holdOnce(
  gateway: TestGateway,
  children: readonly ChildProcess[],
  connections: number,
  idleSeconds: number,
): Promise<Round> {
  const admin = createAdmin(gateway)
  const countOpen = async (): Promise<number> => {
    const open = (await workersOf(admin)).map((worker) => worker.connections)
    // One that is too busy to answer is left out of the status.
    return open.length === workers ? open.reduce((sum, count) => sum + count, 0) : Number.POSITIVE_INFINITY
  }
  await waitUntil(async () => (await countOpen()) === 0)
  const before = await readRssBytes(gateway)
  const opened = await order(children, { what: 'open', count: Math.ceil(connections / children.length) })
  const open = await countOpen()
  const ticks = await readTicks(gateway)
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000))
  const idleLoad = ((await readTicks(gateway)) - ticks) / ticksPerSecond / idleSeconds
  const during = await readRssBytes(gateway)
  const again = await order(children, { what: 'ask', count: 200 })
  const beside = await Promise.all(Array.from({ length: 50 }, () => fetch(`${gateway.url}/x`)))
  const fresh = beside.filter(({ status }) => status === 200).length
  await order(children, { what: 'close', count: 0 })
  // Those that were kept by fetch stay.
  await waitUntil(async () => (await countOpen()) <= beside.length, 30_000)
  return {
    open,
    served: opened.answered + again.answered + fresh,
    asked: connections + 200 * children.length + beside.length,
    idleLoad,
    left: (await countOpen()) - beside.length,
    rssBytes: [before, during, await readRssBytes(gateway)],
  }
}

async function order(children: readonly ChildProcess[], one: Order): Promise<Done> {
  const all = await Promise.all(
    children.map(async (child) => {
      const done = once(child, 'message')
      child.send(one)
      return (await done)[0] as Done
    }),
  )
  return {
    open: all.reduce((sum, done) => sum + done.open, 0),
    answered: all.reduce((sum, done) => sum + done.answered, 0),
  }
}

async function readRssBytes({ process: { pid } }: TestGateway): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Time on a processor so far. */
async function readTicks({ process: { pid } }: TestGateway): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
