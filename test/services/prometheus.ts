// A real Prometheus for tests: its own folder, a free port, one target. Stopped by its process.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

export interface PrometheusOptions {
  /** `host:port` that is scraped at /metrics. */
  readonly target: string
  /** Sent as `Authorization: Bearer ...`. */
  readonly bearerToken?: string
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  readonly url: string
  /** Instant query in PromQL. */
  query(expression: string): Promise<readonly Sample[]>
  /** Asks until the answer pleases; rejects after ten seconds with the last one. */
  queryUntil(expression: string, pleases: (samples: readonly Sample[]) => boolean): Promise<readonly Sample[]>
  stop(): Promise<void>
}

const deadlineMs = 10_000

/** Resolves once the target was scraped without an error. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-prometheus-'))
  await writeFile(join(dir, 'prometheus.yml'), toConfig(options, dir))
  if (options.bearerToken !== undefined) await writeFile(join(dir, 'token'), options.bearerToken)
  const args = [
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'tsdb')}`,
    '--web.listen-address=127.0.0.1:0',
  ]
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const url = `http://${await readAddress(child)}`
    const prometheus: Prometheus = {
      url,
      stop,
      query: (expression) => query(url, expression),
      queryUntil: (expression, pleases) => queryUntil(url, expression, pleases),
    }
    await untilReady(url)
    await prometheus.queryUntil('up{job="aegis"}', (samples) => samples[0]?.value === 1)
    return prometheus
  } catch (error) {
    await stop()
    throw error
  }
}

function toConfig({ target, bearerToken }: PrometheusOptions, dir: string): string {
  const authorization =
    bearerToken === undefined
      ? ''
      : `    authorization: { credentials_file: ${JSON.stringify(join(dir, 'token'))} }\n`
  return `global: { scrape_interval: 200ms, scrape_timeout: 200ms }
scrape_configs:
  - job_name: aegis
${authorization}    static_configs: [{ targets: [${JSON.stringify(target)}] }]
`
}

/** The port is free for sure because Prometheus takes it itself (port 0) and logs which one it got. */
async function readAddress(child: ChildProcess): Promise<string> {
  const lines: string[] = []
  const stderr = createInterface({ input: child.stderr as NodeJS.ReadableStream })
  child.on('error', (error) => {
    lines.push(`${error.message}: run node test/services/prepare.ts`)
    stderr.close()
  })
  for await (const line of stderr) {
    const address = /"Listening on"[^\n]* address=(\S+)/.exec(line)?.[1]
    if (address !== undefined) {
      // What follows is of no interest, but a full pipe would stop the process.
      child.stderr?.resume()
      return address
    }
    lines.push(line)
  }
  throw new Error(`Prometheus ended before it listened:\n${lines.join('\n')}`)
}

/** It listens before it answers queries, with 503 until then. */
async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const { ok, status } = await fetch(`${url}/-/ready`)
    if (ok) return
    if (performance.now() > deadline) throw new Error(`Prometheus is still not ready: ${status}`)
    await wait(50)
  }
}

async function query(url: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const body = (await response.json()) as {
    status: string
    error?: string
    data?: { result: { metric: Record<string, string>; value: [number, string] }[] }
  }
  if (body.data === undefined) throw new Error(`${expression}: ${body.error ?? body.status}`)
  return body.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

async function queryUntil(
  url: string,
  expression: string,
  pleases: (samples: readonly Sample[]) => boolean,
): Promise<readonly Sample[]> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const samples = await query(url, expression)
    if (pleases(samples)) return samples
    if (performance.now() > deadline) {
      throw new Error(`Prometheus still answers ${expression} with ${JSON.stringify(samples)}`)
    }
    await wait(50)
  }
}
