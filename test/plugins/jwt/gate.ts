// A started jwt plugin to send requests through, and tokens made by hand, also such as no signer would make.
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { Check, Default } from 'typebox/value'
import type { RequestView } from '../../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../../gateway/contract/plugin.ts'
import type { PluginPorts } from '../../../gateway/contract/ports.ts'
import { jwt } from '../../../plugins/jwt/index.ts'
import { type JwtConfig, jwtSchema } from '../../../plugins/jwt/schema.ts'
import { signToken } from '../../../plugins/jwt/sign.ts'
import { createTestPorts, type TestPorts } from '../../support/ports.ts'
import { createView, type TestView } from '../../support/view.ts'

export const issuer = 'https://issuer.test'
export const secret = 'a secret of forty-two bytes, that is enough'

export interface Gate {
  readonly plugin: Plugin
  readonly ports: TestPorts
  onRequest(view: RequestView): Verdict | Promise<Verdict>
  /** Sends a token as a bearer; the answer's result is `passed` or the status and the challenge. */
  send(token: string, over?: Partial<TestView>): Promise<Sent>
  count(result: string): number
}

export interface Sent {
  readonly status: number
  readonly code: string
  readonly challenge: string
  readonly view: TestView
}

/** Defaults filled in as config/load.ts does. */
export function toConfig(written: Record<string, unknown>): JwtConfig {
  const config = Default(jwtSchema, structuredClone(written)) as JwtConfig
  assert.ok(Check(jwtSchema, config), `the config does not fit the schema: ${JSON.stringify(written)}`)
  return config
}

export function hmacIssuer(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { issuer, algorithms: ['HS256'], secret, ...over }
}

export async function openGate(
  written: Record<string, unknown> = { issuers: [hmacIssuer()] },
  over: Partial<PluginPorts> = {},
): Promise<Gate> {
  const config = toConfig(written)
  assert.deepEqual(jwt.check?.(config), [])
  const ports = createTestPorts(over)
  const plugin = jwt.create(config, ports)
  await plugin.start?.()
  const onRequest = (view: RequestView) => plugin.onRequest?.(view)
  return {
    plugin,
    ports,
    onRequest,
    async send(token, over = {}) {
      const view = createView({ requestHeaders: { authorization: `Bearer ${token}` }, ...over })
      return toSent(await onRequest(view), view)
    },
    count: (result) => ports.recorded.get(`aegis_jwt_verifications_total{${result}}`) ?? 0,
  }
}

export function toSent(verdict: Verdict, view: TestView): Sent {
  const at = verdict?.headers.indexOf('www-authenticate') ?? -1
  const challenge = at < 0 ? '' : (verdict?.headers[at + 1] ?? '')
  return { status: verdict?.status ?? 200, code: verdict?.code ?? '', challenge, view }
}

/** Claims that every gate of these tests accepts at the start of its clock. */
export function goodClaims(ports: TestPorts, over: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(ports.clock.wallMs() / 1000)
  const claims = { iss: issuer, sub: 'u1', iat: now, exp: now + 600, ...over }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

export function sign(ports: TestPorts, over: Record<string, unknown> = {}): Promise<string> {
  return signToken({
    algorithm: 'HS256',
    secret,
    claims: goodClaims(ports, over),
    nowMs: ports.clock.wallMs(),
  })
}

export function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

/** Header and payload of any form, rightly signed with HS256 and the secret. */
export function signRaw(header: unknown, payload: unknown, key: string | Uint8Array = secret): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

export interface KeyPair {
  /** PEM texts. */
  readonly privateKey: string
  readonly publicKey: string
}

export function makeKeyPair(kind: 'rsa' | 'P-256' | 'P-384' | 'P-521' | 'ed25519', bits = 2048): KeyPair {
  const encoding = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  } as const
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: bits, ...encoding })
  if (kind === 'ed25519') return generateKeyPairSync('ed25519', encoding)
  return generateKeyPairSync('ec', { namedCurve: kind, ...encoding })
}
