// Every scenario, in the order in which they run.
import type { Scenario } from '../scenario.ts'
import { coldTokens } from './cold-tokens.ts'
import { events } from './events.ts'
import { halfRate, sharedLimitsHalfRate } from './half-rate.ts'
import { http2Get } from './http2-get.ts'
import { idle } from './idle.ts'
import { manyRoutes } from './many-routes.ts'
import { post1k, post100k } from './post.ts'
import { rbacMisses } from './rbac-misses.ts'
import { sharedLimits } from './shared-limits.ts'
import { smallGet } from './small-get.ts'
import { download, upload } from './transfer.ts'
import { twoWorkers } from './two-workers.ts'
import { wafGet, wafJson } from './waf.ts'
import { websocket } from './websocket.ts'

export const allScenarios: readonly Scenario[] = [
  smallGet,
  halfRate,
  http2Get,
  post1k,
  post100k,
  download,
  upload,
  coldTokens,
  rbacMisses,
  manyRoutes,
  twoWorkers,
  sharedLimits,
  sharedLimitsHalfRate,
  events,
  websocket,
  wafGet,
  wafJson,
  idle,
]
/** What `--quick` runs within two minutes. */
export const quickScenarios: readonly Scenario[] = [smallGet]
