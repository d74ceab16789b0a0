// Every plugin that ships with the gateway. Read by both threads; a new plugin adds its line here.
import type { PluginDefinition } from '../gateway/contract/plugin.ts'
import clientCert from './client-cert/index.ts'
import cors from './cors/index.ts'
import ipRestriction from './ip-restriction/index.ts'
import jwt from './jwt/index.ts'
import observability from './observability/index.ts'
import rateLimit from './rate-limit/index.ts'
import rbac from './rbac/index.ts'
import requestId from './request-id/index.ts'
import requestSize from './request-size/index.ts'
import tenant from './tenant/index.ts'
import waf from './waf/index.ts'

export const registry: readonly PluginDefinition[] = [
  requestId,
  ipRestriction,
  cors,
  clientCert,
  jwt,
  tenant,
  rbac,
  rateLimit,
  waf,
  requestSize,
  observability,
]
