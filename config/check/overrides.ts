// Lays what flags and environment variables say over gateway.json, before it is checked.
import type { EnvironmentOverrides } from '../env.ts'

export function applyOverrides(gateway: Record<string, unknown>, overrides: EnvironmentOverrides): void {
  const { port, adminPort, workers, stateDir, consulUrl, redisUrl } = overrides
  const { listeners, admin, consul } = gateway
  const first: unknown = Array.isArray(listeners) ? listeners[0] : undefined
  if (port !== undefined && isObject(first)) first.port = port
  if (adminPort !== undefined) {
    if (admin === undefined) gateway.admin = { port: adminPort }
    else if (isObject(admin)) admin.port = adminPort
  }
  if (workers !== undefined) gateway.workers = workers
  if (stateDir !== undefined) gateway.stateDir = stateDir
  if (consulUrl !== undefined) {
    if (consul === undefined) gateway.consul = { url: consulUrl }
    else if (isObject(consul)) consul.url = consulUrl
  }
  if (redisUrl !== undefined) applyRedisUrl(gateway, redisUrl)
}

/** The variable names another Redis, however the file names one. */
function applyRedisUrl(gateway: Record<string, unknown>, url: string): void {
  if (gateway.redis === undefined) gateway.redis = { url }
  if (!isObject(gateway.redis)) return
  gateway.redis.url = url
  delete gateway.redis.sentinel
  delete gateway.redis.cluster
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
