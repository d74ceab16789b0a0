// Request metrics. Worker thread; called by index.ts when an exchange is over. No label value comes from a client:
// methods are a fixed list, routes, upstreams and tenants are what the config names, statuses are three digits.
// Children are bound when a combination is first seen; after that a request costs a few look-ups by object or number.
import type { LogView } from '../../gateway/contract/exchange.ts'
import type { CounterChild, HistogramChild, Labelled, MetricsPort } from '../../gateway/contract/ports.ts'
import type { RouteConfig, Tenant } from '../../gateway/contract/snapshot.ts'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']
const otherMethod = methods.length
const methodIndexes: ReadonlyMap<string, number> = new Map(methods.map((method, i) => [method, i]))

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** Finer at the low end: the gateway's own share is meant to be well below a millisecond. */
const gatewayBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** What stands for no route and no tenant. */
const none = '-'

interface RouteSeries {
  /** Key: status, source and method in one number. */
  readonly requests: Map<number, CounterChild>
  readonly duration: HistogramChild
  readonly gateway: HistogramChild
}

interface Instruments {
  readonly requests: Labelled<CounterChild>
  readonly duration: Labelled<HistogramChild>
  readonly gateway: Labelled<HistogramChild>
  readonly upstream: Labelled<HistogramChild>
  readonly tenant: Labelled<CounterChild>
}

export function createRequestMetrics(port: MetricsPort, tenantSeries: number): (ex: LogView) => void {
  const instruments = defineInstruments(port, tenantSeries)
  // Weak: routes and tenants are objects of a config version and go with it.
  const byRoute = new WeakMap<RouteConfig, RouteSeries>()
  const unrouted = bindRoute(instruments, none)
  const byTenant = new WeakMap<Tenant, CounterChild[]>()
  const withoutTenant: CounterChild[] = []
  const byUpstream = new Map<string, HistogramChild>()

  function seriesOf(route: RouteConfig): RouteSeries {
    let series = byRoute.get(route)
    if (series === undefined) {
      series = bindRoute(instruments, route.id)
      byRoute.set(route, series)
    }
    return series
  }

  function countTenant(tenant: Tenant | null, status: number): void {
    let classes = tenant === null ? withoutTenant : byTenant.get(tenant)
    if (classes === undefined) {
      classes = []
      byTenant.set(tenant as Tenant, classes)
    }
    const hundreds = Math.trunc(status / 100)
    classes[hundreds] ??= instruments.tenant.labels(tenant?.id ?? none, `${hundreds}xx`)
    classes[hundreds].inc()
  }

  function observeUpstream(name: string, ms: number): void {
    let child = byUpstream.get(name)
    if (child === undefined) {
      child = instruments.upstream.labels(name)
      byUpstream.set(name, child)
    }
    child.observe(ms / 1000)
  }

  return (ex) => {
    const series = ex.route === null ? unrouted : seriesOf(ex.route)
    countRequest(instruments, series, ex)
    countTenant(ex.tenant, ex.status)
    if (ex.attempts > 0) observeUpstream(ex.upstream, ex.upstreamMs)
    // A tunnel lasts as long as its ends like; that is no answering time.
    if (ex.status === 101) return
    series.duration.observe(ex.durationMs / 1000)
    series.gateway.observe(Math.max(0, ex.durationMs - ex.upstreamMs) / 1000)
  }
}

function countRequest(instruments: Instruments, series: RouteSeries, ex: LogView): void {
  const method = methodIndexes.get(ex.method) ?? otherMethod
  const source = ex.responseSource === 'upstream' ? 1 : 0
  const key = (ex.status * 2 + source) * (otherMethod + 1) + method
  let child = series.requests.get(key)
  if (child === undefined) {
    const routeId = ex.route?.id ?? none
    child = instruments.requests.labels(
      routeId,
      methods[method] ?? 'OTHER',
      String(ex.status),
      ex.responseSource,
    )
    series.requests.set(key, child)
  }
  child.inc()
}

function bindRoute(instruments: Instruments, routeId: string): RouteSeries {
  return {
    requests: new Map(),
    duration: instruments.duration.labels(routeId),
    gateway: instruments.gateway.labels(routeId),
  }
}

function defineInstruments(port: MetricsPort, tenantSeries: number): Instruments {
  return {
    requests: port.counter(
      'aegis_http_requests_total',
      'Requests by route, method, status sent and who made the answer; 499: the client left first.',
      ['route', 'method', 'code', 'source'],
    ),
    duration: port.histogram(
      'aegis_request_duration_seconds',
      'From the first byte of a request to the last of its answer; tunnels are not in it.',
      ['route'],
      requestBuckets,
    ),
    gateway: port.histogram(
      'aegis_gateway_duration_seconds',
      'Part of the request duration that was not spent with the upstream.',
      ['route'],
      gatewayBuckets,
    ),
    upstream: port.histogram(
      'aegis_upstream_duration_seconds',
      'Time spent with the upstream, all tries of a request included.',
      ['upstream'],
      requestBuckets,
    ),
    tenant: port.counter(
      'aegis_tenant_requests_total',
      'Requests by tenant and status class; "-" is none, "other" all tenants past the cap.',
      ['tenant', 'code_class'],
      { capLabel: 'tenant', capValues: tenantSeries },
    ),
  }
}
