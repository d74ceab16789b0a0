// Counts and logs every exchange once it is over: request metrics and the access log. Worker thread; last in the
// shipped chain. Holds up nothing: it only has an onLog hook.
import { definePlugin } from '../../gateway/contract/plugin.ts'
import { createAccessLog, isCredentialHeader } from './access-log.ts'
import { createRequestMetrics } from './request-metrics.ts'
import { schema } from './schema.ts'

export const observability = definePlugin({
  name: 'observability',
  schema,
  onFailure: 'allow',
  check: (config) =>
    config.accessLog.headers.flatMap((name, i) =>
      isCredentialHeader(name)
        ? [
            {
              pointer: `/accessLog/headers/${i}`,
              message: `${name} holds credentials and is never logged; take it off the list.`,
            },
          ]
        : [],
    ),
  create(config, ports) {
    const count = config.metrics ? createRequestMetrics(ports.metrics, config.tenantSeries) : null
    const write = config.accessLog.enabled ? createAccessLog(config.accessLog, ports.accessLog) : null
    return {
      onLog(ex) {
        count?.(ex)
        write?.(ex)
      },
    }
  },
})

export default observability
