// An upstream that remembers what it got, and streams its answer when asked for server-sent events.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly service: string
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
}

export interface RecordingUpstream {
  readonly url: string
  readonly received: Received[]
  /** Streams that wait for their second event. */
  readonly streams: ServerResponse[]
  close(): Promise<void>
}

export async function startRecordingUpstream(service: string): Promise<RecordingUpstream> {
  const received: Received[] = []
  const streams: ServerResponse[] = []
  const server = createServer((request, response) => {
    request.resume()
    const { method = '', url: target = '', headers } = request
    received.push({ service, method, target, headers })
    if (headers.accept === 'text/event-stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: first\n\n')
      streams.push(response)
      return
    }
    response.writeHead(200, {
      'content-type': 'application/json',
      'access-control-allow-origin': 'https://upstream.invalid',
    })
    response.end(JSON.stringify({ service, method, target }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    streams,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
