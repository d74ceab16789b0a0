// An entry of plugins.json that names a path loads code into the gateway: only the role admin may bring in a new one.
// Main thread; asked before every edit and every validation, for both load the module.
import type { FastifyRequest } from 'fastify'
import type { ConfigFiles } from '../gateway/contract/control-api.ts'
import { checkAccess } from './auth.ts'
import { isList, isObject } from './redact.ts'

export function checkNewModules(request: FastifyRequest, before: ConfigFiles, after: ConfigFiles): void {
  const known = modulePaths(before)
  for (const path of modulePaths(after)) if (!known.has(path)) checkAccess(request, 'admin')
}

/** Whatever is not a plain plugin name: a path, or a placeholder that could become one. */
function modulePaths({ plugins }: ConfigFiles): Set<string> {
  const entries = isList(plugins.plugins) ? plugins.plugins : []
  const names = entries.map((entry) => (isObject(entry) ? entry.plugin : undefined))
  return new Set(names.filter((name) => typeof name === 'string' && !/^[a-z0-9-]+$/.test(name)) as string[])
}
