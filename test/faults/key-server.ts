// An issuer's server of keys, and tokens signed by them. It can be away, late or out of its mind.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signToken } from '../../plugins/jwt/sign.ts'
import { listenAgain } from './listen-again.ts'

export type KeyServerMode = 'well' | 'refuses' | 'hangs' | '503' | 'late' | 'garbage'

export interface SigningKey {
  readonly kid: string
  readonly privateKey: string
  readonly jwk: Readonly<Record<string, unknown>>
}

export interface KeyServer {
  readonly url: string
  /** Requests so far. */
  asked: number
  /** What it gives from the next request on. */
  published: readonly SigningKey[]
  become(how: KeyServerMode): Promise<void>
  close(): Promise<void>
}

export const idp = 'https://idp.test'
/** Of `late` answers; what they hold is decided when they are asked for. */
export const latenessMs = 700

export function createSigningKey(kid: string): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const jwk = { ...createPublicKey(publicKey).export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }
  return { kid, privateKey, jwk }
}

export function signBy(
  { kid, privateKey }: Pick<SigningKey, 'kid' | 'privateKey'>,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  return signToken({ algorithm: 'ES256', privateKey, keyId: kid, claims: { iss: idp, ...claims } })
}

/** What it says instead of keys. `intruder`: a key that nobody may be let in with, in sets that must be refused whole. */
function createGarbage(intruder: SigningKey): readonly ((res: ServerResponse) => void)[] {
  const keys = (...list: unknown[]) => JSON.stringify({ keys: list })
  const { jwk } = intruder
  const texts: (string | Buffer)[] = [
    '',
    'keys',
    '{"keys":',
    '[]',
    'null',
    JSON.stringify([jwk]),
    '{"keys":{}}',
    keys(),
    keys(null, 'key', 7),
    keys({ kty: 'EC' }),
    keys({ ...jwk, x: 'AAAA' }),
    keys({ ...jwk, use: 'enc' }),
    keys({ ...jwk, crv: 'P-384' }),
    keys({ kty: 'oct', k: 'c2VjcmV0', kid: jwk.kid }),
    // Two keys of one name; a private key; secrets beside public keys.
    keys(jwk, jwk),
    keys({ ...jwk, d: 'AAAA' }),
    keys(jwk, { kty: 'oct', k: 'c2VjcmV0' }),
    keys(...Array.from({ length: 101 }, () => jwk)),
    Buffer.from([0xff, 0xfe, 0x7b]),
    `${keys(jwk)}${' '.repeat(300_000)}`,
  ]
  const told = texts.map((text) => (res: ServerResponse) => void res.end(text))
  return [
    ...told,
    (res) => void res.writeHead(500).end(keys(jwk)),
    (res) => void res.writeHead(404).end(keys(jwk)),
    (res) => void res.writeHead(204).end(),
    (res) => void res.writeHead(302, { location: '/again' }).end(),
    // Without end.
    (res) => {
      const more = setInterval(() => res.write(' '.repeat(65_536)), 5)
      res.once('close', () => clearInterval(more))
    },
    // Cut off behind what would be whole.
    (res) => {
      res.writeHead(200, { 'content-length': '5000' }).write(keys(jwk))
      setImmediate(() => res.destroy())
    },
  ]
}

export async function startKeyServer(intruder: SigningKey): Promise<KeyServer & { readonly kinds: number }> {
  const garbage = createGarbage(intruder)
  let how: KeyServerMode = 'well'
  let said = 0
  const http = createServer((_, res) => {
    server.asked += 1
    const text = JSON.stringify({ keys: server.published.map(({ jwk }) => jwk) })
    if (how === '503') res.writeHead(503).end()
    else if (how === 'garbage') garbage[said++ % garbage.length]?.(res)
    else if (how !== 'hangs') setTimeout(() => res.end(text), how === 'late' ? latenessMs : 0)
  })
  await listenAgain(http, 0)
  const { port } = http.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeAllConnections()
    })
  const server = {
    ...{ url: `http://127.0.0.1:${port}/keys`, asked: 0, published: [] as readonly SigningKey[], close },
    kinds: garbage.length,
    async become(next: KeyServerMode) {
      how = next
      if (next === 'refuses') await close()
      else if (!http.listening) await listenAgain(http, port)
      else http.closeAllConnections()
    },
  }
  return server
}
