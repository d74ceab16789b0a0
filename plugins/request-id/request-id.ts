// Which id a request goes by. Worker thread; called by index.ts.
import type { RequestView, ResponseView } from '../../gateway/contract/exchange.ts'
import type { Plugin } from '../../gateway/contract/plugin.ts'
import { createIdSource } from './id-source.ts'
import { beginTrace, continueTrace, parseTraceparent, toTracestate } from './trace.ts'

export interface RequestIdConfig {
  readonly header: string
  readonly trace: 'any' | 'trusted' | 'off'
  readonly sampled: boolean
}

/** Nothing that could end a header, a log field or a list: no spaces, quotes, commas, controls. */
const wellFormed = /^[A-Za-z0-9._~+/=:@-]{1,128}$/

/** Headers that mean something else to the gateway, to HTTP or to an upstream. */
const taken = new Set(
  [
    'accept authorization connection content-encoding content-length content-type cookie date expect forwarded host',
    'keep-alive location origin proxy-authenticate proxy-authorization range server set-cookie te traceparent',
    'tracestate trailer transfer-encoding upgrade vary via www-authenticate x-real-ip x-tenant-id x-user-id',
    'x-user-roles',
  ].flatMap((line) => line.split(' ')),
)

export function checkHeaderName(header: string): { pointer: string; message: string }[] {
  const name = header.toLowerCase()
  if (!taken.has(name) && !name.startsWith('x-forwarded-') && !name.startsWith('access-control-')) return []
  const message = `${header} already has a meaning of its own; use a header that only carries ids, such as X-Request-Id`
  return [{ pointer: '/header', message }]
}

export function createRequestId(config: RequestIdConfig): Plugin {
  const name = config.header.toLowerCase()
  const ids = createIdSource()

  function passTrace(ex: RequestView): void {
    // Named even though the core cleans them too: a trace that nobody checked never goes up.
    ex.removeUpstreamHeader('traceparent')
    ex.removeUpstreamHeader('tracestate')
    if (config.trace === 'off') return
    const heard = config.trace === 'any' || ex.peerTrusted
    const parent = heard ? parseTraceparent(ex.header('traceparent')) : null
    ex.setUpstreamHeader('traceparent', parent ? continueTrace(parent, ids) : beginTrace(config.sampled, ids))
    const state = parent ? toTracestate(ex.header('tracestate')) : ''
    if (state !== '') ex.setUpstreamHeader('tracestate', state)
  }

  return {
    onRequest(ex) {
      const sent = ex.peerTrusted ? ex.header(name) : undefined
      if (sent !== undefined && wellFormed.test(sent)) ex.requestId = sent
      ex.setUpstreamHeader(config.header, ex.requestId)
      passTrace(ex)
      return undefined
    },
    onResponse(ex: ResponseView) {
      ex.setResponseHeader(config.header, ex.requestId)
    },
  }
}
