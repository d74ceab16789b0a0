// A record that plays every view of an exchange in unit tests of plugins; the real one needs sockets.
import type { BodyView, LogView, RequestView, ResponseBodyView } from '../../gateway/contract/exchange.ts'
import type { RouteConfig, Tenant } from '../../gateway/contract/snapshot.ts'

export type AnyView = Omit<BodyView, 'route'> &
  ResponseBodyView &
  Omit<LogView, 'route' | 'tenant' | 'identity'>

export interface TestView extends AnyView {
  readonly upstreamHeaders: Map<string, string | null>
  readonly responseHeaders: [string, string][]
  requestHeaders: Record<string, string>
  /** Lowest limit given to limitRequestBody; null when none was. */
  bodyLimit: number | null
  /** Highest number given to inspectRequestBody; 0 when none was. */
  inspectUpTo: number
  /** Highest number given to inspectResponseBody; -1 when none was. */
  inspectResponseUpTo: number
  tenants: Tenant[]
  abort(): void
}

export function createRoute(over: Partial<RouteConfig> = {}): RouteConfig {
  return {
    id: 'items',
    hosts: [],
    paths: ['/*'],
    methods: [],
    headers: {},
    upstream: [{ name: 'api', weight: 1 }],
    sticky: null,
    mirror: null,
    rewrite: null,
    encodedSlashes: 'refuse',
    auth: 'required',
    roles: [],
    permission: null,
    longLived: { onExpiry: 'close', idleMs: 0, maxMs: 0 },
    ...over,
  }
}

export function createTenant(id: string, over: Partial<Tenant> = {}): Tenant {
  return { id, hosts: [], plan: null, status: 'active', metadata: {}, ...over }
}

/** Any field of any view can be given; header names are lower-case. */
export function createView(over: Partial<TestView> = {}): TestView {
  const slots = new Map<number, unknown>()
  const aborts: (() => void)[] = []
  const view: TestView = {
    method: 'GET',
    host: 'acme.example.com',
    path: '/items',
    query: '',
    rawTarget: '/items',
    httpVersion: '1.1',
    rawHeaders: [],
    hasBody: false,
    scheme: 'http',
    clientIp: '203.0.113.7',
    peerTrusted: false,
    clientCertificate: null,
    route: createRoute(),
    params: {},
    hostTenant: null,
    hostTenantId: null,
    unknownTenantStatus: 404,
    requestId: '0190b6c4-0000-7000-8000-000000000001',
    tenant: null,
    identity: null,
    body: new Uint8Array(),
    bodyComplete: true,
    status: 200,
    responseSource: 'upstream',
    code: '',
    failure: '',
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
    upstreamMs: 0,
    upstream: '',
    target: '',
    attempts: 0,
    startedAtMs: 0,
    requestHeaders: {},
    bodyLimit: null,
    inspectUpTo: 0,
    inspectResponseUpTo: -1,
    responseBody: new Uint8Array(),
    responseBodyComplete: true,
    tenants: [],
    upstreamHeaders: new Map(),
    responseHeaders: [],
    header: (name) => view.requestHeaders[name],
    findTenant: (id) => view.tenants.find((tenant) => tenant.id === id),
    setUpstreamHeader: (name, value) => void view.upstreamHeaders.set(name.toLowerCase(), value),
    removeUpstreamHeader: (name) => void view.upstreamHeaders.set(name.toLowerCase(), null),
    limitRequestBody: (bytes) => {
      view.bodyLimit = Math.min(view.bodyLimit ?? bytes, bytes)
    },
    inspectRequestBody: (bytes) => {
      view.inspectUpTo = Math.max(view.inspectUpTo, bytes)
    },
    inspectResponseBody: (bytes) => {
      view.inspectResponseUpTo = Math.max(view.inspectResponseUpTo, bytes)
    },
    getSlot: (slot) => slots.get(slot),
    setSlot: (slot, value) => void slots.set(slot, value),
    onAbort: (callback) => void aborts.push(callback),
    responseHeader: (name) =>
      view.responseHeaders.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1],
    responseHeaderValues: (name) =>
      view.responseHeaders
        .filter(([key]) => key.toLowerCase() === name.toLowerCase())
        .map(([, value]) => value),
    setResponseHeader: (name, value) => {
      view.removeResponseHeader(name)
      view.responseHeaders.push([name, value])
    },
    appendResponseHeader: (name, value) => void view.responseHeaders.push([name, value]),
    removeResponseHeader: (name) => {
      const kept = view.responseHeaders.filter(([key]) => key.toLowerCase() !== name.toLowerCase())
      view.responseHeaders.splice(0, view.responseHeaders.length, ...kept)
    },
    responseHeaderNames: () => view.responseHeaders.map(([key]) => key.toLowerCase()),
    abort: () => {
      for (const callback of aborts) callback()
    },
    ...over,
  }
  return view
}

/** The same object under the types of the hooks. */
export function asRequest(view: TestView): RequestView {
  return view
}
