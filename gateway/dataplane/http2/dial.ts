// A socket to an upstream that speaks HTTP/2: by prior knowledge, or by ALPN over TLS (RFC 9113 section 3). Worker thread;
// used by client-session.ts.
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { TargetAddress } from '../upstream/target-address.ts'

/** `code` as failure.ts knows it. */
export class Http2Fault extends Error {
  readonly code:
    | 'UPSTREAM_NOT_HTTP2'
    | 'UPSTREAM_UNPROCESSED'
    | 'UPSTREAM_RESET'
    | 'UPSTREAM_UNSENDABLE'
    | 'UPSTREAM_NO_TUNNEL'
  constructor(code: Http2Fault['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Calls back once, unless the socket is destroyed before: null when it may be spoken to in HTTP/2. */
export function dial({ host, port, tls }: TargetAddress, done: (fault: Error | null) => void): Socket {
  let over = false
  const settle = (fault: Error | null): void => {
    if (over) return
    over = true
    done(fault)
  }
  const socket =
    tls === null ? connectPlain({ host, port }) : connectTls({ host, port, ...tls, ALPNProtocols: ['h2'] })
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  if (tls === null) socket.once('connect', () => settle(null))
  else socket.once('secureConnect', () => settle(findFault(socket as TLSSocket)))
  socket.once('error', (error: NodeJS.ErrnoException) => settle(explain(error)))
  socket.once('close', () => settle(new Error('the connection was closed before it was up')))
  return socket
}

function findFault({ alpnProtocol }: TLSSocket): Http2Fault | null {
  if (alpnProtocol === 'h2') return null
  const chosen = alpnProtocol ? `ALPN chose ${alpnProtocol}` : 'it chose nothing by ALPN'
  return new Http2Fault('UPSTREAM_NOT_HTTP2', `the server does not speak HTTP/2: ${chosen}`)
}

/** RFC 7301 section 3.2: how a server says that none of the protocols is its own. */
function explain(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL') return error
  return new Http2Fault('UPSTREAM_NOT_HTTP2', 'the server does not speak HTTP/2: it refused h2 by ALPN')
}
