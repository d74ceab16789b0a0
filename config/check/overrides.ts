// Lays what flags and environment variables say over gateway.json, before it is checked.
import type { EnvironmentOverrides } from '../env.ts'

export function applyOverrides(gateway: Record<string, unknown>, overrides: EnvironmentOverrides): void {
  const { port, adminPort, workers, stateDir, consulUrl } = overrides
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
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
