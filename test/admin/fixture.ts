// An admin server on a free port over a control plane in memory, with one token of each role.
import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createAdminServer } from '../../admin/server.ts'
import type { Json, JsonObject } from '../../gateway/contract/control-api.ts'
import type { AdminRole } from '../../gateway/contract/snapshot.ts'
import { createTestClock, type TestClock } from '../support/clock.ts'
import { createTestControl, type TestControl } from './control.ts'

export interface Ask {
  readonly role?: AdminRole | 'none'
  readonly body?: Json | undefined
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any
}

export interface AdminFixture {
  readonly control: TestControl
  readonly clock: TestClock
  readonly logged: { level: string; fields: Record<string, unknown>; message: string }[]
  readonly port: number
  readonly origin: string
  /** Asks as admin unless told otherwise. */
  ask(method: string, path: string, ask?: Ask): Promise<Answer>
  close(): Promise<void>
}

export const tokenOf = (role: AdminRole) => `${role}-token`

const tokens = (['viewer', 'operator', 'admin'] as const).map((role) => ({
  name: role,
  role,
  sha256: createHash('sha256').update(tokenOf(role)).digest('hex'),
}))

export async function startAdmin(t: TestContext, control = createTestControl()): Promise<AdminFixture> {
  const logged: AdminFixture['logged'] = []
  const method = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void logged.push({ level, fields, message })
  const log = { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') }
  const clock = createTestClock()
  const server = await createAdminServer({ control, log, tokens, clock })
  const { port } = await server.listen('127.0.0.1', 0)
  let closed: Promise<void> | null = null
  const close = () => {
    closed ??= server.close()
    return closed
  }
  t.after(close)
  const origin = `http://127.0.0.1:${port}`
  return {
    control,
    clock,
    logged,
    port,
    origin,
    close,
    ask: (verb, path, ask) => send(verb, origin + path, ask),
  }
}

async function send(method: string, url: string, ask: Ask = {}): Promise<Answer> {
  const headers = new Headers(ask.headers)
  const role = ask.role ?? 'admin'
  if (role !== 'none') headers.set('authorization', `Bearer ${tokenOf(role)}`)
  const hasBody = ask.body !== undefined || ask.raw !== undefined
  if (hasBody && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(hasBody ? { body: ask.raw ?? JSON.stringify(ask.body) } : {}),
  })
  const text = await response.text()
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text || 'null') : null,
  }
}

/** Lists of entries shown by a GET, by id. */
export function idsOf(answer: Answer): string[] {
  return answer.body.data.map((one: JsonObject) => one.id ?? one.name)
}
