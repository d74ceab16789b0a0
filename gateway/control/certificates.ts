// The certificates of listeners: read and checked once for all workers, read again when the files change. A pair that
// cannot be used never replaces one that can. Main thread; made by gateway/start.ts.
import { randomBytes, type X509Certificate } from 'node:crypto'
import { findCertificateWarnings, readCertificates, readPair } from '../../config/pem.ts'
import { ConfigError, type ConfigProblem } from '../contract/errors.ts'
import type { Clock, Logger } from '../contract/ports.ts'
import type { CertificatePair, Feed, ListenerCertificates } from '../contract/protocol.ts'
import type { GatewayConfig, ListenerConfig, ListenerTlsConfig } from '../contract/snapshot.ts'
import type { MetricsMerge } from './metrics.ts'

export interface Certificates {
  /** Absolute paths; whoever watches them calls `refresh`. */
  readonly files: readonly string[]
  /** Reads all files; publishes what changed and can be used. */
  refresh(): void
  /** What a new worker must hear before it listens. */
  replay(): Feed[]
  stop(): void
}

export interface CertificatesPorts {
  readonly publish: (feed: Feed) => void
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: MetricsMerge['own']
}

interface TlsListener {
  readonly name: string
  readonly tls: ListenerTlsConfig
  /** JSON pointer of its `tls`. */
  readonly pointer: string
}

/** With a key that is never changed, whoever learns it reads all that was said under it (TLS 1.2). */
const ticketKeysLastMs = 12 * 3_600_000

/** Throws a ConfigError that names every file that cannot be used. */
export function openCertificates(gateway: GatewayConfig, ports: CertificatesPorts): Certificates {
  const { problems } = checkCertificates(gateway, ports.clock.wallMs())
  if (problems.length > 0) throw new ConfigError(problems)
  return new LiveCertificates(findListeners(gateway), ports)
}

/** What is wrong with the files of a config that is otherwise good. */
export function checkCertificates(
  gateway: GatewayConfig,
  nowMs: number,
): { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly string[] } {
  const read = findListeners(gateway).map((listener) => ({ listener, ...readAll(listener) }))
  return {
    problems: read.flatMap(({ problems }) => problems),
    warnings: read.flatMap(({ listener, leaves }) => findWarnings(listener, leaves, nowMs)),
  }
}

function findWarnings(
  { name, tls }: TlsListener,
  leaves: readonly (X509Certificate | null)[],
  nowMs: number,
): string[] {
  return leaves.flatMap((leaf, index) => {
    if (leaf === null) return []
    const { hosts, certFile } = pairAt(tls, index)
    const found = findCertificateWarnings(leaf, hosts, nowMs)
    return found.map((warning) => `Listener "${name}": the certificate ${certFile}: ${warning}.`)
  })
}

function pairAt(tls: ListenerTlsConfig, index: number) {
  return tls.certificates[index] as ListenerTlsConfig['certificates'][number]
}

function findListeners({ listeners }: GatewayConfig): TlsListener[] {
  return listeners.flatMap(({ name, tls }: ListenerConfig, index) =>
    tls === null ? [] : [{ name, tls, pointer: `/listeners/${index}/tls` }],
  )
}

class LiveCertificates implements Certificates {
  readonly files: readonly string[]
  readonly #listeners: readonly TlsListener[]
  readonly #ports: CertificatesPorts
  readonly #live = new Map<string, ListenerCertificates>()
  readonly #reloads: ReturnType<CertificatesPorts['metrics']['counter']>
  readonly #expiry: ReturnType<CertificatesPorts['metrics']['gauge']>
  #lastProblems = ''
  #cancelRotation: () => void = () => {}

  constructor(listeners: readonly TlsListener[], ports: CertificatesPorts) {
    this.#listeners = listeners
    this.#ports = ports
    this.files = listeners.flatMap(({ tls }) => filesOf(tls))
    this.#reloads = ports.metrics.counter(
      'aegis_tls_certificate_reloads_total',
      'Times that changed certificate files were read.',
      ['result'],
    )
    this.#expiry = ports.metrics.gauge(
      'aegis_tls_certificate_expiry_timestamp_seconds',
      'When a certificate of a listener expires, in seconds since the epoch.',
      ['listener', 'host'],
    )
    for (const listener of listeners) this.#take(listener)
    this.#rotateLater()
  }

  refresh(): void {
    const changed = this.#listeners.map((listener) => this.#take(listener)).includes(true)
    if (!changed) return
    this.#reloads.labels('ok').inc()
    this.#ports.log.info({}, 'changed certificates are live')
    this.#publish()
  }

  replay(): Feed[] {
    return [{ topic: 'certificates', listeners: [...this.#live.values()] }]
  }

  stop(): void {
    this.#cancelRotation()
  }

  /** True: something that can be used is new. */
  #take(listener: TlsListener): boolean {
    const { name, tls } = listener
    const known = this.#live.get(name)
    const found = readAll(listener)
    this.#complain(found.problems)
    const pairs = found.pairs.map((pair, index) => pair ?? (known?.pairs[index] as CertificatePair))
    const clientCa = found.clientCa ?? known?.clientCa ?? null
    if (known !== undefined && clientCa === known.clientCa && samePairs(pairs, known.pairs)) return false
    this.#describe(listener, found.leaves)
    // A session that is resumed is not checked again: those of clients whose issuer was taken out must not be.
    const kept = known !== undefined && known.clientCa === clientCa
    const ticketKeys = kept ? known.ticketKeys : randomBytes(48)
    this.#live.set(name, {
      listener: name,
      pairs,
      clientCa: tls.clientCa === null ? null : clientCa,
      ticketKeys,
    })
    return true
  }

  #describe(listener: TlsListener, leaves: readonly (X509Certificate | null)[]): void {
    const { log, clock } = this.#ports
    for (const [index, leaf] of leaves.entries()) {
      if (leaf === null) continue
      const host = pairAt(listener.tls, index).hosts[0] as string
      this.#expiry.labels(listener.name, host).set(Math.floor(Date.parse(leaf.validTo) / 1000))
    }
    for (const warning of findWarnings(listener, leaves, clock.wallMs())) log.warn({}, warning)
  }

  /** Once, until something else is wrong: files are read again for every change of any of them. */
  #complain(problems: readonly ConfigProblem[]): void {
    const text = JSON.stringify(problems)
    if (problems.length === 0 || text === this.#lastProblems) {
      if (problems.length === 0) this.#lastProblems = ''
      return
    }
    this.#lastProblems = text
    this.#reloads.labels('refused').inc()
    this.#ports.log.error({ problems }, 'changed certificates were refused; the last good ones stay live')
  }

  #publish(): void {
    for (const feed of this.replay()) this.#ports.publish(feed)
  }

  #rotateLater(): void {
    if (this.#listeners.length === 0) return
    this.#cancelRotation = this.#ports.clock.after(ticketKeysLastMs, () => {
      for (const [name, one] of this.#live) this.#live.set(name, { ...one, ticketKeys: randomBytes(48) })
      this.#publish()
      this.#rotateLater()
    })
  }
}

interface ReadFiles {
  /** null: cannot be used. */
  readonly pairs: (CertificatePair | null)[]
  readonly leaves: (X509Certificate | null)[]
  readonly clientCa: string | null
  readonly problems: ConfigProblem[]
}

function readAll({ name, tls, pointer }: TlsListener): ReadFiles {
  const found: ReadFiles = { pairs: [], leaves: [], clientCa: null, problems: [] }
  const report = (at: string, message: string): void => {
    found.problems.push({
      file: 'gateway.json',
      pointer: `${pointer}/${at}`,
      message: `Listener "${name}": ${message}`,
    })
  }
  for (const [index, { certFile, keyFile }] of tls.certificates.entries()) {
    const read = readPair(certFile, keyFile)
    if ('problems' in read) {
      for (const { file, message } of read.problems) report(`certificates/${index}/${file}`, message)
    }
    const { leaf, ...pair } = 'pair' in read ? read.pair : { leaf: null }
    found.leaves.push(leaf)
    found.pairs.push(leaf === null ? null : (pair as CertificatePair))
  }
  if (tls.clientCa === null) return found
  const ca = readCertificates(tls.clientCa)
  if ('problem' in ca) report('clientCa', ca.problem)
  return { ...found, clientCa: 'value' in ca ? ca.value.text : null }
}

function filesOf({ certificates, clientCa }: ListenerTlsConfig): string[] {
  const pairs = certificates.flatMap(({ certFile, keyFile }) => [certFile, keyFile])
  return clientCa === null ? pairs : [...pairs, clientCa]
}

function samePairs(a: readonly CertificatePair[], b: readonly CertificatePair[]): boolean {
  return a.every((pair, index) => pair.cert === b[index]?.cert && pair.key === b[index]?.key)
}
