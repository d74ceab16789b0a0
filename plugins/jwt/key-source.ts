// Where an issuer's keys come from, and the newest good ones. Worker thread; one per issuer of an instance.
import type { DocumentHandle, PluginPorts } from '../../gateway/contract/ports.ts'
import { traitsOf } from './algorithms.ts'
import { type KeySet, parseJwks } from './jwks.ts'
import { decodeSecret, importJwk, importSecret, readPem, type VerificationKey } from './keys.ts'
import type { IssuerConfig, JwtConfig } from './schema.ts'

export interface KeySource {
  /** null: none was ever had. */
  keys(): readonly VerificationKey[] | null
  /** Counts up with every change of the keys: what an older generation verified must be verified again. */
  generation(): number
  /** Keys are picked by `kid`; a single configured key answers to any. */
  readonly byKid: boolean
  /** Rejects when keys that the operator's own files or config should hold cannot be used. */
  start(): Promise<void>
  /** Asks for newer keys; resolves when they were read, or after a bounded wait. null: the source has no newer ones. */
  readonly refresh: (() => Promise<void>) | null
  close(): void
}

type Ports = Pick<PluginPorts, 'documents' | 'clock' | 'log'>

export function createKeySource(issuer: IssuerConfig, jwks: JwtConfig['jwks'], ports: Ports): KeySource {
  if (issuer.secret !== undefined) return createFixed(() => importSecrets(issuer, ports))
  const { publicKey } = issuer
  if (publicKey !== undefined) {
    return createFixed(async () => [await importJwk(readPem(publicKey), issuer.algorithms)])
  }
  return createDocumentSource(issuer, jwks, ports)
}

async function importSecrets(issuer: IssuerConfig, ports: Ports): Promise<VerificationKey[]> {
  const secrets = [issuer.secret ?? []].flat().map((text) => decodeSecret(text, issuer.secretEncoding))
  const needed = Math.max(...issuer.algorithms.map((one) => traitsOf(one).hashBytes))
  const shortest = Math.min(...secrets.map((bytes) => bytes.length))
  if (shortest < needed) {
    ports.log.warn(
      { issuer: issuer.issuer, bytes: shortest, neededBytes: needed },
      'a JWT secret is shorter than the hash it is used with (RFC 7518 section 3.2): make it longer',
    )
  }
  return Promise.all(secrets.map((bytes) => importSecret(bytes, issuer.algorithms)))
}

function createFixed(importKeys: () => Promise<VerificationKey[]>): KeySource {
  let keys: readonly VerificationKey[] | null = null
  return {
    keys: () => keys,
    generation: () => 0,
    byKid: false,
    start: async () => {
      keys = await importKeys()
    },
    refresh: null,
    close: () => {},
  }
}

function createDocumentSource(issuer: IssuerConfig, jwks: JwtConfig['jwks'], ports: Ports): KeySource {
  const document = openDocument(issuer, jwks, ports)
  const isPem = issuer.publicKeyFile !== undefined
  const place = issuer.jwksUrl ?? issuer.jwksFile ?? issuer.publicKeyFile ?? ''
  let keys: readonly VerificationKey[] | null = null
  let generation = 0
  let problem = ''

  const read = async (): Promise<void> => {
    const { text, version } = document
    if (text === null) return
    try {
      const set = isPem ? await readPemDocument(text, issuer) : await parseJwks(text, issuer.algorithms)
      // A newer text arrived while this one was read: its own reading decides.
      if (version !== document.version) return
      keys = set.keys
      generation += 1
      problem = ''
      if (set.skipped.length > 0)
        ports.log.warn({ issuer: issuer.issuer, skipped: set.skipped }, 'keys were left out')
    } catch (error) {
      if (version !== document.version) return
      problem = `${place}: ${error instanceof Error ? error.message : String(error)}`
      ports.log.warn({ issuer: issuer.issuer, problem }, 'new keys cannot be used; the last good ones stay')
    }
  }
  let reading = read()
  document.onChange(() => {
    reading = read()
  })

  return {
    keys: () => keys,
    generation: () => generation,
    byKid: !isPem,
    async start() {
      // The fetcher gives up after timeoutMs; a second more for its word to get here.
      await bounded(document.ready, jwks.timeoutMs + 1000, ports)
      await reading
      if (keys !== null) return
      problem ||= `${place}: no key could be read from it yet`
      // An issuer may be away when the gateway starts; a file is the operator's own.
      if (issuer.jwksUrl === undefined) throw new Error(`${problem} (issuer ${issuer.issuer})`)
      ports.log.warn(
        { issuer: issuer.issuer, problem },
        'tokens of this issuer are answered with 503 until it has keys',
      )
    },
    refresh: async () => {
      await bounded(document.refresh(), jwks.waitMs, ports)
      await reading
    },
    close: () => document.close(),
  }
}

async function readPemDocument(text: string, issuer: IssuerConfig): Promise<KeySet> {
  return { keys: [await importJwk(readPem(text), issuer.algorithms)], skipped: [] }
}

function openDocument(issuer: IssuerConfig, jwks: JwtConfig['jwks'], ports: Ports): DocumentHandle {
  const file = issuer.publicKeyFile ?? issuer.jwksFile
  return ports.documents.open({
    ...(file === undefined ? { url: issuer.jwksUrl ?? '' } : { file }),
    refreshMs: jwks.refreshSeconds * 1000,
    cooldownMs: jwks.cooldownSeconds * 1000,
    timeoutMs: jwks.timeoutMs,
    maxBytes: jwks.maxBytes,
    format: issuer.publicKeyFile === undefined ? 'jwks' : 'text',
  })
}

/** `pending` never rejects. */
function bounded(pending: Promise<void>, limitMs: number, ports: Ports): Promise<void> {
  return new Promise((resolve) => {
    const cancel = ports.clock.after(limitMs, resolve)
    void pending.then(() => {
      cancel()
      resolve()
    })
  })
}
