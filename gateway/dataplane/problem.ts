// How a refusal looks: RFC 9457, or HTML or plain text for who asks for that. Worker thread; called by respond.ts.
import { STATUS_CODES } from 'node:http'
import type { Reply } from '../contract/reply.ts'

export interface Problem {
  readonly contentType: string
  readonly body: string
}

/** In the order in which they are preferred where the client does not mind. */
const offered = ['application/problem+json', 'application/json', 'text/html', 'text/plain'] as const
type Offered = (typeof offered)[number]

export function renderProblem(reply: Reply, requestId: string, accept: string | undefined): Problem {
  const { status, code, detail } = reply
  const title = STATUS_CODES[status] ?? 'Error'
  switch (accept === undefined ? offered[0] : pickType(accept)) {
    case 'text/html': {
      const lines = [`<h1>${status} ${title}</h1>`, `<p>${escapeHtml(detail)}</p>`]
      lines.push(`<p>${escapeHtml(`${code} ${requestId}`)}</p>`)
      const body = `<!doctype html><title>${status} ${title}</title>${lines.join('')}\n`
      return { contentType: 'text/html; charset=utf-8', body }
    }
    case 'text/plain': {
      const body = `${status} ${title}\n${detail}\n${code} ${requestId}\n`
      return { contentType: 'text/plain; charset=utf-8', body }
    }
    default: {
      const problem = { type: 'about:blank', title, status, detail, code, request_id: requestId }
      return { contentType: offered[0], body: JSON.stringify(problem) }
    }
  }
}

/**
 * RFC 9110 section 12.5.1: the type with the highest weight, the most specific range deciding the weight of a type;
 * what the client names comes before what a wildcard of its allows. Whoever accepts none of them gets the first.
 */
export function pickType(accept: string): Offered {
  const ranges = accept.toLowerCase().split(',').map(parseRange)
  let best: Offered = offered[0]
  let bestRank = 0
  for (const type of offered) {
    const rank = rankOf(type, ranges)
    if (rank > bestRank) {
      best = type
      bestRank = rank
    }
  }
  return best
}

interface Range {
  readonly type: string
  readonly weight: number
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const value = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, weight: value >= 0 && value <= 1 ? value : 0 }
}

function rankOf(type: Offered, ranges: readonly Range[]): number {
  const group = `${type.slice(0, type.indexOf('/'))}/*`
  const exact = ranges.find((range) => range.type === type)
  const range = exact ?? ranges.find((one) => one.type === group) ?? ranges.find((one) => one.type === '*/*')
  if (range === undefined || range.weight === 0) return 0
  return exact === undefined ? range.weight : range.weight + 0.0001
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
