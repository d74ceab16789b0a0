// undici asks for, and verifies, the name that a request's Host header spells. Where the client wrote that header the
// client would choose whom the gateway believes: here the name is the config's. Worker thread; used by pools.ts.
import { buildConnector, type Dispatcher, type Pool } from 'undici'

/** A connector that verifies `name`; '' for the host of the target, which may be an address. */
export function createPinnedConnector(
  options: buildConnector.BuildOptions,
  name: string,
): buildConnector.connector {
  const connect = buildConnector(options)
  return (target, callback) => connect({ ...target, servername: name }, callback)
}

/** All requests say the same name, else undici opens another connection whenever it changes. */
export function withOneName(pool: Pool, name: string): Dispatcher {
  return pool.compose(
    (dispatch) => (options, handler) => dispatch({ ...options, servername: name } as typeof options, handler),
  )
}
