// GET /events: server-sent events (WHATWG HTML, section 9.2), one tick at a time.
import type { IncomingMessage, ServerResponse } from 'node:http'

const shortestMs = 10
const longestMs = 60_000

/** `?every=` ms between ticks, `?count=` ticks until the stream ends; Last-Event-ID goes on where a client was. */
export function streamEvents(url: URL, request: IncomingMessage, response: ServerResponse): void {
  const everyMs = within(Number(url.searchParams.get('every') ?? 1000), shortestMs, longestMs)
  const count = Number(url.searchParams.get('count') ?? Number.POSITIVE_INFINITY)
  const tenant = request.headers['x-tenant-id'] ?? null
  let id = within(Number(request.headers['last-event-id'] ?? 0), 0, Number.MAX_SAFE_INTEGER)
  const lastId = id + count
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write('retry: 2000\n\n')
  const tick = () => {
    id += 1
    response.write(`id: ${id}\nevent: tick\ndata: ${JSON.stringify({ tick: id, tenant })}\n\n`)
    if (id >= lastId) response.end()
    // A client that reads too slowly is left behind rather than buffered for.
    else if (response.writableLength > 65_536) response.destroy()
  }
  const timer = setInterval(tick, everyMs)
  response.on('close', () => clearInterval(timer))
  tick()
}

/** What is not a number becomes the least one. */
function within(value: number, least: number, most: number): number {
  return value >= least ? Math.min(value, most) : least
}
