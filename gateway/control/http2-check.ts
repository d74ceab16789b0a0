// How an upstream with `"transport": "http2"` is asked whether it is well: in HTTP/2, as requests go to it. Main thread; used
// by health.ts.
import type { TLSSocket } from 'node:tls'
import { buildConnector, Client } from 'undici'
import type { UpstreamTls } from '../contract/snapshot.ts'
import { toTlsConnect } from '../contract/upstream-tls.ts'

/** For one check: undici keeps a connection of HTTP/2 whatever it is told, and a check is to open its own. */
export function createHttp2Client(target: string, tls: UpstreamTls | null): Client {
  // Its types do not know useH2c.
  const options = { allowH2: true, useH2c: true, ...toTlsConnect(tls) }
  const connect = buildConnector(options)
  return new Client(target, {
    allowH2: true,
    h2Options: { useH2c: target.startsWith('http://') },
    connect: (options, callback) => connect(options, (...result) => callback(...toHttp2(result))),
  })
}

type Connected = Parameters<buildConnector.Callback>

/** undici offers HTTP/1.1 too. */
function toHttp2(result: Connected): Connected {
  const [error, socket] = result
  if (error !== null || (socket as TLSSocket).encrypted !== true) return result
  const { alpnProtocol } = socket as TLSSocket
  if (alpnProtocol === 'h2') return result
  socket.destroy()
  return [new Error('it does not speak HTTP/2'), null]
}
