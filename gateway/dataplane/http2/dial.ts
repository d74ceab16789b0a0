// A socket to an upstream that speaks HTTP/2: by prior knowledge, or by ALPN over TLS (RFC 9113 section 3). Worker thread;
// used by client-session.ts.
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { TlsConnect } from '../../contract/upstream-tls.ts'

export interface Http2Target {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string
  readonly tls: TlsConnect
}

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
export function dial({ origin, tls }: Http2Target, done: (fault: Error | null) => void): Socket {
  const { protocol, hostname, port } = new URL(origin)
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  let over = false
  const settle = (fault: Error | null): void => {
    if (over) return
    over = true
    done(fault)
  }
  const secure = protocol === 'https:'
  const socket = secure
    ? connectTls({ host, port: Number(port || 443), ...secrecyFor(host, tls), ALPNProtocols: ['h2'] })
    : connectPlain({ host, port: Number(port || 80) })
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  socket.once(secure ? 'secureConnect' : 'connect', () =>
    settle(secure ? findFault(socket as TLSSocket) : null),
  )
  socket.once('error', (error: NodeJS.ErrnoException) => settle(explain(error)))
  socket.once('close', () => settle(new Error('the connection was closed before it was up')))
  return socket
}

/** The name in the certificate is the config's, never one that a client wrote. An address is no name (RFC 6066 section 3). */
function secrecyFor(host: string, tls: TlsConnect): TlsConnect {
  return tls.servername !== undefined || isIP(host) !== 0 ? tls : { ...tls, servername: host }
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
