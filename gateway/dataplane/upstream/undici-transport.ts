// Requests through an undici pool, by `"transport": "undici"`. Worker thread; made by pools.ts.
import { type Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { addField, type Fields } from '../http1/fields.ts'
import type { Trailers } from '../trailers.ts'
import type {
  BodySource,
  Queued,
  Transport,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamStream,
} from './transport.ts'

/** undici has no way out of its line: whoever left is found out at the head of it. */
const queued: Queued = { full: true, leave() {} }

export function createUndiciTransport(pool: Dispatcher): Transport {
  return {
    dispatch: (request, handler) =>
      pool.dispatch(toDispatch(request), toDispatchHandler(handler)) ? null : queued,
    close: () => pool.close(),
  }
}

function toDispatch({ method, path, headers, body, length, upgrade }: UpstreamRequest) {
  const framed = body !== null && length >= 0 ? [...headers, 'content-length', String(length)] : [...headers]
  const streamed = body === null || Buffer.isBuffer(body) ? body : toReadable(body)
  return {
    method: method as 'GET',
    path,
    headers: framed,
    body: streamed,
    upgrade: upgrade ? 'websocket' : null,
  }
}

/** undici calls a handler's own exception an error of the upstream; ours throws only to say that nobody waits any more. */
function toDispatchHandler(handler: UpstreamHandler): Dispatcher.DispatchHandler {
  let stream: UpstreamStream | null = null
  let aborted: Error | null = null
  let starting = true
  return {
    onRequestStart(controller) {
      stream = {
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        abort(reason) {
          aborted = reason
          // Within onRequestStart the throw below keeps the connection, on which nothing was sent yet.
          if (!starting) controller.abort(reason)
        },
      }
      handler.onStart(stream)
      starting = false
      if (aborted !== null) throw aborted
    },
    onResponseStart(controller, status) {
      handler.onHead(stream as UpstreamStream, status, toFields(controller.rawHeaders))
    },
    onResponseData: (_, chunk) => handler.onData(stream as UpstreamStream, chunk as Buffer),
    onResponseEnd: ({ rawTrailers }) => handler.onEnd(toTrailers(rawTrailers)),
    onRequestUpgrade: (controller, _status, _headers, socket) =>
      handler.onUpgrade(toFields(controller.rawHeaders), socket as Duplex, Buffer.alloc(0)),
    onResponseError: (_, error) => handler.onError(error),
  }
}

function toFields(raw: Dispatcher.DispatchController['rawHeaders']): Fields {
  const fields: Fields = { raw: [], names: [], kinds: [] }
  const flat = (raw ?? []) as readonly (Buffer | string)[]
  for (let i = 0; i < flat.length; i += 2) addField(fields, toLatin1(flat[i]), toLatin1(flat[i + 1]))
  return fields
}

function toTrailers(raw: Dispatcher.DispatchController['rawTrailers']): Trailers {
  const flat = (raw ?? []) as readonly (Buffer | string)[]
  return flat.length === 0 ? null : flat.map(toLatin1)
}

function toLatin1(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}

function toReadable(body: BodySource): Readable {
  let started = false
  const readable = new Readable({
    read() {
      if (started) return body.resume()
      started = true
      body.start({
        write: (bytes) => readable.push(bytes),
        end: () => void readable.push(null),
        fail: (error) => void readable.destroy(error),
      })
    },
  })
  // undici listens only while it sends; what breaks before or after must not end the worker.
  readable.on('error', () => {})
  return readable
}
