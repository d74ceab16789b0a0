// TLS on the client's side: a raw socket in, a verified one out. Worker thread; made by listener.ts.
import { constants, createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { ListenerCertificates } from '../../contract/protocol.ts'
import type { ListenerTlsConfig } from '../../contract/snapshot.ts'
import { HostIndex, HostNames } from './host-names.ts'
import { type Secured, toClientCertificate, toForwardedCertificate } from './secured.ts'

/** All with forward secrecy and authenticated encryption; the first three are those of TLS 1.3. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

export interface TlsTerminatorParts {
  /** Name of the listener. */
  readonly name: string
  readonly config: ListenerTlsConfig
  /** `outcome` is one of a few words. */
  readonly onHandshake: (outcome: 'ok' | 'failed' | 'late' | 'refused') => void
  readonly onSecure: (socket: TLSSocket, secured: Secured) => void
  /** Plain HTTP came instead of a handshake: the answer goes out as plain as it came. */
  readonly onPlain: (socket: Socket) => void
}

export class TlsTerminator {
  readonly #parts: TlsTerminatorParts
  readonly #server: Server
  readonly #index: HostIndex
  readonly #hosts: readonly HostNames[]
  #contexts: readonly SecureContext[] = []
  /** Raw sockets in their handshake, by peer: Node does not say under which one a handshake failed. */
  readonly #greeting = new Map<string, Socket>()

  constructor(parts: TlsTerminatorParts) {
    this.#parts = parts
    const { config, name } = parts
    const lists = config.certificates.map(({ hosts }) => hosts)
    this.#index = new HostIndex(lists)
    this.#hosts = lists.map((hosts) => new HostNames(hosts))
    // It never listens: its sockets are handed to it, so that they count from their first byte.
    this.#server = createServer({
      ALPNProtocols: config.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      SNICallback: (name, callback) => callback(null, this.#contexts[this.#index.find(name.toLowerCase())]),
      requestCert: config.clientAuth !== 'none',
      rejectUnauthorized: config.clientAuth === 'require',
      handshakeTimeout: config.handshakeMs,
      sessionIdContext: toSessionContext(name),
    })
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket))
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      parts.onHandshake(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'late' : 'failed')
      const raw = error.code === 'ERR_SSL_HTTP_REQUEST' ? this.#greeting.get(toPeer(socket)) : undefined
      if (raw === undefined) return void socket.destroy()
      raw.once('close', () => socket.destroy())
      parts.onPlain(raw)
    })
  }

  /** Before the first connection, and for each change; connections that are open keep what they have. */
  renew({ pairs, clientCa, ticketKeys }: ListenerCertificates): void {
    const { config, name } = this.#parts
    const options = pairs.map(
      (pair): SecureContextOptions => ({
        ...pair,
        ...(clientCa === null ? {} : { ca: clientCa }),
        ciphers,
        honorCipherOrder: true,
        // RFC 9113 section 9.2.1; HTTP/1.1 has no use for it either.
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
        minVersion: config.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
      }),
    )
    this.#contexts = options.map((one) => createSecureContext(one))
    // The one of this index stands for clients without SNI; tickets and versions are its alone to say.
    this.#server.setSecureContext({
      ...options[this.#index.fallback],
      sessionIdContext: toSessionContext(name),
      ticketKeys: Buffer.from(ticketKeys),
    })
  }

  accept(socket: Socket): void {
    const peer = toPeer(socket)
    this.#greeting.set(peer, socket)
    socket.once('close', () => this.#greeting.delete(peer))
    this.#server.emit('connection', socket)
  }

  #onSecure(socket: TLSSocket): void {
    const { config, onHandshake, onSecure } = this.#parts
    this.#greeting.delete(toPeer(socket))
    const shown = config.clientAuth === 'none' ? undefined : socket.getPeerX509Certificate()
    // Node calls a resumed session authorized that has no certificate at all, so that both are asked for.
    if (shown === undefined ? config.clientAuth === 'require' : !socket.authorized) {
      onHandshake('refused')
      socket.destroy()
      return
    }
    onHandshake('ok')
    const name = typeof socket.servername === 'string' ? socket.servername.toLowerCase() : ''
    const clientCertificate = shown === undefined ? null : toClientCertificate(shown)
    const told = clientCertificate !== null && config.forwardClientCert
    onSecure(socket, {
      hosts: this.#hosts[this.#index.find(name)] as HostNames,
      clientCertificate,
      forwardedCertificate: told ? toForwardedCertificate(clientCertificate) : null,
    })
  }
}

/** One of each at a time. */
function toPeer({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`
}

/** A session of one listener is none of another, which may ask for more. At most 32 bytes. */
function toSessionContext(listener: string): string {
  return createHash('sha256').update(listener).digest('hex').slice(0, 32)
}
