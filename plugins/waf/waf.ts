// Runs the rules over requests and answers. Worker thread; stands after the plugins that find out whose request it is.
import type {
  BodyView,
  LogView,
  RequestView,
  ResponseBodyView,
  ResponseView,
} from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import { answer, deny, type Reply } from '../../gateway/contract/reply.ts'
import { createControl } from './control.ts'
import { buildEngine, type Engine } from './engine.ts'
import { type InspectedHead, Inspection } from './inspection.ts'
import { createPolicies, type Policies, toVariables } from './policy.ts'
import { createReporter, type Reporter } from './report.ts'
import type { WafConfig } from './schema.ts'
import type { Interruption } from './seclang/match.ts'
import type { Pair } from './seclang/types.ts'

/** What the plugin keeps of a request. */
interface Kept {
  readonly live: Inspection
  readonly dryRun: Inspection | null
  requestSeen: boolean
  responseSeen: boolean
}

const noBytes = new Uint8Array(0)

export function createWafPlugin(config: WafConfig, ports: PluginPorts): Plugin {
  return new WafPlugin(config, ports).hooks()
}

class WafPlugin {
  readonly #config: WafConfig
  readonly #ports: PluginPorts
  readonly #policies: Policies
  readonly #reporter: Reporter
  #engine: Engine | null = null
  #dryRun: Engine | null = null

  constructor(config: WafConfig, ports: PluginPorts) {
    this.#config = config
    this.#ports = ports
    this.#policies = createPolicies(config)
    this.#reporter = createReporter(config, ports)
  }

  /** The gateway asks for what is there: an object of hooks, not an instance of a class. */
  hooks(): Plugin {
    return {
      start: () => this.#start(),
      onRequest: (ex) => this.#onRequest(ex),
      onRequestBody: (ex) => this.#onRequestBody(ex),
      onResponse: (ex) => this.#onResponse(ex),
      onResponseBody: (ex) => this.#onResponseBody(ex),
      onLog: (ex) => this.#onLog(ex),
      onControl: createControl(this.#config, this.#ports, () => this.#engine),
      close: () => {
        this.#engine = null
        this.#dryRun = null
      },
    }
  }

  async #start(): Promise<void> {
    const { files, clock } = this.#ports
    this.#engine = await buildEngine(this.#config, this.#config, files, clock)
    const { dryRun } = this.#config
    if (dryRun !== undefined) this.#dryRun = await buildEngine(dryRun, this.#config, files, clock)
  }

  #onRequest(ex: RequestView): Verdict {
    const kept = this.#begin(ex)
    if (kept === null) return undefined
    ex.setSlot(this.#ports.slot, kept)
    const head = toHead(ex)
    kept.dryRun?.readHead(head)
    const interruption = kept.live.readHead(head)
    if (interruption !== null) return toReply(interruption)
    if (this.#config.responseBody) ex.setUpstreamHeader('accept-encoding', 'identity')
    if (!ex.hasBody) return this.#readBody(kept, noBytes, true)
    const limit = Math.max(kept.live.requestBodyLimit, kept.dryRun?.requestBodyLimit ?? 0)
    // One more than the limit tells a body that is too long from one that fits. Phase 2 runs in any case.
    ex.inspectRequestBody(limit + 1)
    return undefined
  }

  /** null: this tenant's requests are not looked at. */
  #begin(ex: RequestView): Kept | null {
    const tenant = (ex.tenant ?? ex.hostTenant)?.id ?? null
    const policy = this.#policies.of(tenant)
    if (policy.mode === 'off' || this.#engine === null) return null
    const config = this.#config
    const shared = {
      ...{ config, route: ex.route.id, tenant, requestId: ex.requestId },
      ...{ responseBody: config.responseBody, budgetMs: config.budgetMs },
    }
    const live = new Inspection(this.#engine, { ...shared, policy, silent: false })
    const trial = config.dryRun
    if (this.#dryRun === null || trial === undefined) {
      return { live, dryRun: null, requestSeen: false, responseSeen: false }
    }
    const silent = { ...shared, policy: { ...policy, variables: toVariables(trial) }, silent: true }
    return { live, dryRun: new Inspection(this.#dryRun, silent), requestSeen: false, responseSeen: false }
  }

  #onRequestBody(ex: BodyView): Verdict {
    const kept = this.#kept(ex)
    if (kept === undefined || kept.requestSeen) return undefined
    return this.#readBody(kept, ex.body, ex.bodyComplete)
  }

  #readBody(kept: Kept, body: Uint8Array, complete: boolean): Verdict {
    kept.requestSeen = true
    kept.dryRun?.readBody(body, complete)
    const interruption = kept.live.readBody(body, complete)
    if (kept.live.transaction.state.requestBodyTruncated) {
      this.#reporter.countBodyLimit(interruption?.cause === 'body-limit' ? 'reject' : 'partial')
    }
    return interruption === null ? undefined : toReply(interruption)
  }

  #onResponse(ex: ResponseView): void {
    const kept = this.#kept(ex)
    if (kept === undefined || kept.responseSeen || ex.responseSource === 'gateway' || ex.status === 101)
      return
    kept.responseSeen = true
    const wanted = [kept.live, kept.dryRun].map(
      (inspection) => inspection?.readResponse(ex.status, () => toHeaderPairs(ex)) ?? 0,
    )
    const limit = Math.max(...wanted)
    // Held back for its body, or because the head alone is enough to refuse it.
    if (limit > 0 || kept.live.transaction.interruption !== null) ex.inspectResponseBody(limit)
  }

  #onResponseBody(ex: ResponseBodyView): Verdict {
    const kept = this.#kept(ex)
    if (kept === undefined || !kept.responseSeen) return undefined
    kept.dryRun?.readResponseBody(ex.responseBody, ex.responseBodyComplete)
    const interruption = kept.live.readResponseBody(ex.responseBody, ex.responseBodyComplete)
    return interruption === null ? undefined : toReply(interruption)
  }

  #onLog(ex: LogView): void {
    const kept = ex.getSlot(this.#ports.slot) as Kept | undefined
    if (kept === undefined) return
    for (const inspection of [kept.live, kept.dryRun]) {
      if (inspection === null) continue
      inspection.finish()
      this.#reporter.report(inspection, ex, inspection === kept.live ? 'live' : 'dry-run')
    }
  }

  #kept(ex: RequestView | ResponseView): Kept | undefined {
    return ex.getSlot(this.#ports.slot) as Kept | undefined
  }
}

/** RFC 9113 section 8.3.1: HTTP/2 says the host in a pseudo-header; rules look for Host. */
function toHead(ex: RequestView): InspectedHead {
  const { httpVersion, rawHeaders } = ex
  const lacksHost = httpVersion === '2' && ex.header('host') === undefined
  return {
    method: ex.method,
    rawTarget: ex.rawTarget,
    path: ex.path,
    httpVersion: httpVersion === '2' ? '2.0' : httpVersion,
    rawHeaders: lacksHost ? ['Host', ex.host, ...rawHeaders] : rawHeaders,
    clientIp: ex.clientIp,
  }
}

function toHeaderPairs(ex: ResponseView): Pair[] {
  const names = [...new Set(ex.responseHeaderNames())]
  return names.flatMap((name) => ex.responseHeaderValues(name).map((value) => [name, value] as const))
}

/** The client learns that it was refused, not why: rule numbers are a map for whoever looks for a way around. */
export function toReply({ action, status, cause, location }: Interruption): Reply {
  if (action === 'redirect') return answer(status, ['location', location])
  if (cause === 'body-limit')
    return deny(413, 'AEGIS_WAF_BODY_LIMIT', 'The request body is longer than can be inspected.')
  const headers = action === 'drop' ? ['connection', 'close'] : []
  return deny(
    status >= 400 && status <= 599 ? status : 403,
    'AEGIS_WAF_BLOCKED',
    'The request was refused.',
    headers,
  )
}
