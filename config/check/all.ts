// Runs every check over the three files: substitution, schemas, then what no schema can say. Main thread.
import type { ConfigFiles, JsonObject } from '../../gateway/contract/control-api.ts'
import type { ConfigFileName } from '../../gateway/contract/errors.ts'
import type { HostFacts } from '../../gateway/contract/plugin.ts'
import type { BuildContext } from '../context.ts'
import { namesRedis } from '../normalise.ts'
import { valueAt } from '../pointer.ts'
import type { ProblemList } from '../problems.ts'
import type { GatewayFile } from '../schema/gateway.ts'
import type { PluginsFile } from '../schema/plugins.ts'
import type { RoutesFile } from '../schema/routes.ts'
import { checkCoverage } from './coverage.ts'
import { checkTenantNames, perTenantUpstreams } from './discovery.ts'
import { checkGateway, namesConsul } from './gateway.ts'
import { type Inspected, inspectFile } from './inspected.ts'
import { soundItems } from './places.ts'
import { type PluginFiles, readPluginEntries } from './plugin-entries.ts'
import { checkPlugins, type KnownNames } from './plugins.ts'
import { checkRoutes } from './routes.ts'
import { checkTenants } from './tenants.ts'
import { readUpstreamTls, type UpstreamTlsFiles } from './upstream-tls.ts'
import { checkUpstreams } from './upstreams.ts'

/** Only to be used when the problem list stayed empty. */
export interface CheckedFiles {
  readonly gateway: GatewayFile
  readonly routes: RoutesFile
  readonly plugins: PluginsFile
  readonly pluginFiles: PluginFiles
  readonly upstreamTls: UpstreamTlsFiles
}

export function checkAll(
  files: ConfigFiles,
  context: BuildContext,
  problems: ProblemList,
  warn: (message: string) => void,
): CheckedFiles {
  const inspect = (name: ConfigFileName, json: JsonObject) => inspectFile(name, json, context, problems)
  const gateway = inspect('gateway.json', files.gateway)
  const routes = inspect('routes.json', files.routes)
  const plugins = inspect('plugins.json', files.plugins)
  const checked = {
    gateway: gateway.value as unknown as GatewayFile,
    routes: routes.value as unknown as RoutesFile,
    plugins: plugins.value as unknown as PluginsFile,
  }
  checkGateway({ ...gateway, file: checked.gateway, warn })
  const routesCheck = { ...routes, file: checked.routes, warn }
  checkTenants(routesCheck)
  checkUpstreams(routesCheck, namesConsul({ file: checked.gateway, places: gateway.places }))
  const upstreamTls = readUpstreamTls(routesCheck, context.configDir)
  checkTenantNames(routesCheck)
  checkRoutes(routesCheck)
  const {
    chain,
    complete,
    files: pluginFiles,
  } = readPluginEntries({
    ...plugins,
    context,
    host: hostFacts(gateway),
  })
  checkPlugins(chain, knownNames(routes), { report: plugins.report, complete })
  if (complete) {
    checkCoverage({
      routes: soundItems(checked.routes.routes, '/routes', routes.places),
      chain,
      perTenant: perTenantUpstreams(routesCheck),
      definitions: [...context.definitions.values(), ...(context.modules?.definitions.values() ?? [])],
      report: routes.report,
    })
  }
  return { ...checked, pluginFiles, upstreamTls }
}

function hostFacts({ value, places }: Inspected): HostFacts | null {
  const { redis } = value as unknown as GatewayFile
  return places.isSound('/redis') ? { redis: redis !== undefined && namesRedis(redis) } : null
}

function knownNames({ value, places }: Inspected): KnownNames {
  const ids = (key: string): ReadonlySet<string> | null => {
    const list = value[key]
    if (!places.isSound(`/${key}`) || !Array.isArray(list)) return null
    return new Set(list.map((item) => valueAt(item, ['id'])).filter((id) => typeof id === 'string'))
  }
  const { plans } = value
  const isObject = typeof plans === 'object' && plans !== null && !Array.isArray(plans)
  return {
    routes: ids('routes'),
    tenants: ids('tenants'),
    plans: isObject ? new Set(Object.keys(plans)) : null,
  }
}
