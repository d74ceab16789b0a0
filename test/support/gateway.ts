// The real gateway as a process of its own, on free ports, with a config directory of the test's.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url))

export interface GatewayOptions {
  readonly configDir: string
  readonly env?: Readonly<Record<string, string>>
  /** Files and sockets that it may have open. */
  readonly openFiles?: number
}

export interface TestGateway {
  /** Origin of the first listener on 127.0.0.1. */
  readonly url: string
  readonly port: number
  readonly adminUrl: string
  readonly adminToken: string
  readonly process: ChildProcess
  /** Everything written to standard output so far. */
  output(): string
  /** Access and system log lines so far, parsed. */
  logs(): Record<string, unknown>[]
  /** SIGTERM, then waits; resolves with the exit code. */
  stop(): Promise<number | null>
}

export const testAdminToken = 'test-admin-token-0123456789'

/** Ports are taken from the environment variables, so that any config can be started on free ones. */
export async function startGateway({ configDir, env = {}, openFiles }: GatewayOptions): Promise<TestGateway> {
  const program = [process.execPath, entry, '--config', configDir]
  const limited = ['/bin/sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh', ...program]
  const [command, ...args] = (openFiles === undefined ? program : limited) as [string, ...string[]]
  const child = spawn(command, args, {
    env: {
      PATH: process.env.PATH ?? '',
      // Where the suite keeps compiled code: every start is some CPU shorter.
      ...(process.env.NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
      AEGIS_PORT: '0',
      AEGIS_ADMIN_PORT: '0',
      AEGIS_ADMIN_TOKEN: testAdminToken,
      AEGIS_WORKERS: '2',
      AEGIS_STATE_DIR: join(configDir, '.aegis'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const exited = once(child, 'exit')
  // A test that fails before it stops its gateway must neither hang nor leave it behind.
  const reap = (): void => void child.kill('SIGKILL')
  process.once('exit', reap)
  child.once('exit', () => process.off('exit', reap))
  const logs = (): Record<string, unknown>[] =>
    output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const ready = await waitUntil(() => {
    if (child.exitCode !== null)
      throw new Error(`the gateway ended with ${child.exitCode}: ${errors}${output}`)
    return logs().find((line) => line.msg === 'ready')
  }, 120_000)
  for (const handle of [child, child.stdout, child.stderr]) (handle as { unref?(): void }).unref?.()
  const listeners = ready.listeners as { port: number }[]
  const port = listeners[0]?.port as number
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    adminUrl: `http://127.0.0.1:${(ready.admin as { port: number }).port}`,
    adminToken: testAdminToken,
    process: child,
    output: () => output,
    logs,
    async stop() {
      child.ref()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const [code] = await exited
      return code as number | null
    },
  }
}

/** Polls until `probe` gives something; a deadline, not a sleep, decides when it failed. */
export async function waitUntil<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${probe.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export interface ConfigParts {
  readonly gateway?: object
  readonly routes: object
  readonly plugins?: readonly object[]
}

/** A temporary config directory; `remove` deletes it. */
export async function createConfigDir(parts: ConfigParts): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'aegis-test-'))
  const gateway = {
    listeners: [{ name: 'public', host: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0 },
    log: { file: null },
    ...parts.gateway,
  }
  await writeFile(join(dir, 'gateway.json'), JSON.stringify(gateway))
  await writeFile(join(dir, 'routes.json'), JSON.stringify(parts.routes))
  await writeFile(join(dir, 'plugins.json'), JSON.stringify({ plugins: parts.plugins ?? [] }))
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
}
