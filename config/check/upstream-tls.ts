// Reads what the `tls` of upstreams names, so that a snapshot holds it and a changed file makes a new one. Main thread.
import { resolve } from 'node:path'
import type { UpstreamTls } from '../../gateway/contract/snapshot.ts'
import { readCertificates, readPair } from '../pem.ts'
import { escapeStep } from '../pointer.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { quote } from '../wording.ts'
import { hostProblem } from './host-pattern.ts'
import type { RoutesCheck } from './tenants.ts'

type Tls = NonNullable<RoutesFile['upstreams'][string]['tls']>
type Say = (key: string, message: string) => void

export interface UpstreamTlsFiles {
  /** By name of the upstream. */
  readonly read: ReadonlyMap<string, UpstreamTls>
  /** Absolute paths. */
  readonly looked: readonly string[]
}

export function readUpstreamTls(
  { file, places, report, warn }: RoutesCheck,
  configDir: string,
): UpstreamTlsFiles {
  const read = new Map<string, UpstreamTls>()
  const looked: string[] = []
  if (!places.isSound('/upstreams')) return { read, looked }
  for (const [name, upstream] of Object.entries(file.upstreams)) {
    const pointer = `/upstreams/${escapeStep(name)}`
    // What is not sound has been reported, and may be anything, null too.
    if (!places.isSound(pointer)) continue
    const { tls, targets = [] } = upstream
    if (tls === undefined) continue
    const say: Say = (key, message) => report(`${pointer}/tls/${key}`, `Upstream ${quote(name)}: ${message}`)
    const absolute = withPaths(tls, configDir)
    looked.push(
      ...[absolute.caFile, absolute.certFile, absolute.keyFile].filter((path) => path !== undefined),
    )
    read.set(name, readOne(absolute, say))
    if (targets.some(({ url }) => /^http:/i.test(url))) {
      report(`${pointer}/tls`, `Upstream ${quote(name)}: tls is for targets with https, and one has http.`)
    }
    if (!tls.verify) warn(`Upstream ${quote(name)} is not verified: whoever answers there is believed.`)
  }
  return { read, looked }
}

function withPaths(tls: Tls, configDir: string): Tls {
  const paths: Partial<Record<'caFile' | 'certFile' | 'keyFile', string>> = {}
  for (const key of ['caFile', 'certFile', 'keyFile'] as const) {
    if (tls[key] !== undefined) paths[key] = resolve(configDir, tls[key])
  }
  return { ...tls, ...paths }
}

function readOne({ caFile, certFile, keyFile, verify, ...tls }: Tls, say: Say): UpstreamTls {
  const serverName = tls.serverName ?? null
  checkName(serverName, say)
  const trusted = caFile === undefined ? null : readCertificates(caFile)
  if (trusted !== null && 'problem' in trusted) say('caFile', trusted.problem)
  const ca = trusted !== null && 'value' in trusted ? trusted.value.text : null
  const none = { ca, cert: null, key: null, serverName, verify }
  if (certFile === undefined && keyFile === undefined) return none
  if (certFile === undefined || keyFile === undefined) {
    say(
      certFile === undefined ? 'certFile' : 'keyFile',
      'give certFile and keyFile together, or none of both.',
    )
    return none
  }
  const pair = readPair(certFile, keyFile)
  if ('pair' in pair) return { ...none, cert: pair.pair.cert, key: pair.pair.key }
  for (const { file, message } of pair.problems) say(file, message)
  return none
}

function checkName(serverName: string | null, say: Say): void {
  const problem = serverName === null ? null : hostProblem(serverName)
  if (problem !== null) say('serverName', `this is no host name: ${problem}.`)
}
