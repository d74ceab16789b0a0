// The admin API of a running gateway, as an operator's script uses it.
import type { WorkerStatus } from '../../gateway/contract/protocol.ts'
import type { TestGateway } from './gateway.ts'

export interface AdminAnswer {
  readonly status: number
  readonly headers: Headers
  /** Parsed JSON; text where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say by their assertions what they expect in it.
  readonly body: any
}

export type Admin = (
  method: string,
  path: string,
  options?: { body?: unknown; headers?: Record<string, string>; token?: string },
) => Promise<AdminAnswer>

export function createAdmin(gateway: Pick<TestGateway, 'adminUrl' | 'adminToken'>): Admin {
  return async (method, path, { body, headers = {}, token = gateway.adminToken } = {}) => {
    const answer = await fetch(`${gateway.adminUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.includes('json') === true
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text }
  }
}

export async function workersOf(admin: Admin): Promise<WorkerStatus[]> {
  return (await admin('GET', '/admin/status')).body.workers
}
