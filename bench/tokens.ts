// Bearer tokens of the bench's issuer, for every gateway that verifies them.
import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gateway } from './scenario.ts'

export const secret = 'a-secret-for-benches-with-32-bytes-or-more'
export const issuer = 'aegis-bench'
export const tenantId = 'acme'
export const host = 'acme.example.com'

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export interface TokenOptions {
  readonly user?: string
  readonly tenant?: string
  /** Makes a token unlike all others. */
  readonly id?: string
}

/** A day long. Its role grants nothing by itself, so that the decision is the cached answer of the upstream. */
export function signToken({ user = 'user-1', tenant = tenantId, id }: TokenOptions = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    user_id: user,
    tenant_id: tenant,
    roles: ['member'],
    iat: now,
    exp: now + 86_400,
    jti: id,
  }
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** The same gateway under requests that take these tokens in turn. */
export function withTokens(gateway: Gateway, name: string, tokens: () => readonly string[]): Gateway {
  return {
    name,
    async start(upstream, directory) {
      const tokenFile = join(directory, 'tokens.txt')
      await writeFile(tokenFile, `${tokens().join('\n')}\n`)
      const running = await gateway.start(upstream, directory)
      const { authorization: _, ...headers } = running.headers
      return { ...running, headers, tokenFile }
    },
  }
}

/** What a browser on another site sends, with a verified user. */
export function chainHeaders(): Record<string, string> {
  // wrk adds a Host of its own unless there is one in this spelling.
  return { Host: host, authorization: `Bearer ${signToken()}`, origin: 'https://app.example.org' }
}
