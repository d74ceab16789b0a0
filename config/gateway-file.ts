// gateway.json alone, for what must be known before the rest of the config can be read: where the rest is. Main thread;
// called by gateway/start.ts.
import type { JsonObject } from '../gateway/contract/control-api.ts'
import type { GatewayConfig } from '../gateway/contract/snapshot.ts'
import { checkGateway } from './check/gateway.ts'
import { inspectFile } from './check/inspected.ts'
import type { Environment } from './env.ts'
import { toGatewayConfig } from './normalise.ts'
import { createProblemList } from './problems.ts'
import type { GatewayFile } from './schema/gateway.ts'

/** null: it is not valid; reading the whole config says why. */
export function parseGatewayFile(gateway: JsonObject, environment: Environment): GatewayConfig | null {
  const { configDir, variables, overrides } = environment
  const problems = createProblemList()
  const context = { configDir, variables, overrides, definitions: new Map() }
  const inspected = inspectFile('gateway.json', gateway, context, problems)
  const file = inspected.value as unknown as GatewayFile
  if (problems.count === 0) checkGateway({ ...inspected, file, warn: () => {} })
  return problems.count > 0 ? null : toGatewayConfig(file, configDir, overrides.adminToken)
}
