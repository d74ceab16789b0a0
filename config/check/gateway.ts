// Checks of gateway.json beyond its schema: names, ports and addresses.
import { isIP } from 'node:net'
import type { Report } from '../problems.ts'
import type { GatewayFile } from '../schema/gateway.ts'
import { quote } from '../wording.ts'
import { hostProblem } from './host-pattern.ts'
import { checkListenerTls } from './listener-tls.ts'
import { type Places, soundItems } from './places.ts'
import { parseOrigin } from './upstreams.ts'

export interface GatewayCheck {
  readonly file: GatewayFile
  readonly places: Places
  readonly report: Report
  readonly warn: (message: string) => void
}

export function checkGateway(check: GatewayCheck): void {
  checkListeners(check)
  checkTokens(check)
  checkProxies(check)
  checkConsul(check)
  checkRedis(check)
}

/** Whether there is a Consul to ask; a broken file is not taken for one without. */
export function namesConsul({ file, places }: Pick<GatewayCheck, 'file' | 'places'>): boolean {
  return !places.isSound('/consul/url') || (file.consul !== undefined && file.consul.url !== '')
}

function checkConsul({ file, places, report }: GatewayCheck): void {
  if (file.consul !== undefined && file.consul.url !== '' && places.isSound('/consul/url')) {
    const origin = parseOrigin(file.consul.url)
    if ('problem' in origin) report('/consul/url', `Consul: ${origin.problem.replace('target', 'url')}`)
    if (places.isSound('/consul/token') && /[^!-~]/.test(file.consul.token)) {
      report('/consul/token', 'Consul: the token must be printable ASCII without spaces.')
    }
  }
  if (file.configSource !== undefined && !namesConsul({ file, places })) {
    report('/configSource', '"configSource" needs "consul": { "url": ... } beside it, or CONSUL_URL.')
  }
}

interface Binding {
  readonly host: string
  readonly port: number
  readonly pointer: string
  readonly what: string
}

function checkListeners({ file, places, report }: GatewayCheck): void {
  const names = new Map<string, string>()
  const bindings: Binding[] = []
  for (const { value, pointer } of soundItems(file.listeners, '/listeners', places)) {
    const other = names.get(value.name)
    if (other !== undefined) {
      report(`${pointer}/name`, `Two listeners are called ${quote(value.name)}; the other one is ${other}.`)
    }
    names.set(value.name, pointer)
    if (value.tls !== undefined && value.http2) {
      report(`${pointer}/http2`, 'This is for listeners without TLS; here it is "http2" of "tls".')
    }
    if (value.tls !== undefined) checkListenerTls(value.tls, `${pointer}/tls`, report)
    bindings.push({ ...value, pointer, what: `listener ${quote(value.name)}` })
  }
  if (places.isSound('/admin/port') && places.isSound('/admin/host')) {
    bindings.push({ ...file.admin, pointer: '/admin', what: 'admin API' })
  }
  if (file.demo !== undefined && places.isSound('/demo/backendPort')) {
    bindings.push({
      host: '127.0.0.1',
      port: file.demo.backendPort,
      pointer: '/demo/backendPort',
      what: 'demo backend',
    })
  }
  checkBindings(bindings, report)
}

function checkBindings(bindings: readonly Binding[], report: Report): void {
  for (const [index, one] of bindings.entries()) {
    if (one.what !== 'demo backend' && isIP(one.host) === 0 && hostProblem(one.host) !== null) {
      report(
        `${one.pointer}/host`,
        `The ${one.what}: ${quote(one.host)} is neither an address nor a host name.`,
      )
    }
    const clash = bindings.slice(0, index).find((other) => overlaps(one, other))
    if (clash !== undefined) {
      const pointer = one.what === 'demo backend' ? one.pointer : `${one.pointer}/port`
      report(
        pointer,
        `The ${one.what} and the ${clash.what} both want port ${one.port}. Give one of them another port.`,
      )
    }
  }
}

function overlaps(a: Binding, b: Binding): boolean {
  if (a.port === 0 || a.port !== b.port) return false
  return a.host === b.host || isWildcard(a.host) || isWildcard(b.host)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function checkTokens({ file, places, report }: GatewayCheck): void {
  if (!places.isSound('/admin/tokens')) return
  const names = new Set<string>()
  const hashes = new Set<string>()
  for (const [index, token] of file.admin.tokens.entries()) {
    const pointer = `/admin/tokens/${index}`
    if (names.has(token.name)) report(`${pointer}/name`, `Two admin tokens are called ${quote(token.name)}.`)
    if (hashes.has(token.sha256)) report(`${pointer}/sha256`, 'Two admin tokens are the same token.')
    names.add(token.name)
    hashes.add(token.sha256)
  }
}

function checkProxies({ file, places, report, warn }: GatewayCheck): void {
  for (const { value, pointer } of soundItems(file.trustedProxies, '/trustedProxies', places)) {
    if (!isAddressOrRange(value)) {
      report(
        pointer,
        `${quote(value)} is neither an IP address nor a CIDR range such as "10.0.0.0/8" or "fd00::/8".`,
      )
    } else if (value.endsWith('/0')) {
      warn(`trustedProxies holds ${value}: every client may then claim any address and identity.`)
    }
  }
}

function checkRedis({ file, places, report }: GatewayCheck): void {
  const { redis } = file
  if (redis === undefined || !places.isSound('/redis')) return
  const named = [redis.url || undefined, redis.sentinel, redis.cluster].filter((one) => one !== undefined)
  if (named.length > 1)
    report('/redis', 'Redis is named more than once: keep one of url, sentinel and cluster.')
  if (redis.url && !URL.canParse(redis.url)) report('/redis/url', 'The URL of Redis cannot be read.')
  if (redis.cluster !== undefined && redis.database !== 0) {
    report('/redis/database', 'A Redis Cluster has only database 0.')
  }
  if ((redis.tls?.certFile === undefined) !== (redis.tls?.keyFile === undefined)) {
    report('/redis/tls', 'Give certFile and keyFile together, or none of both.')
  }
}

/** IPv4 or IPv6, with or without a prefix length. Zones (`%eth0`) are not accepted. */
export function isAddressOrRange(text: string): boolean {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return false
  if (slash < 0) return true
  const prefix = text.slice(slash + 1)
  return /^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}
