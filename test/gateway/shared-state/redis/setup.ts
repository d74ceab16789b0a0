// What the Redis tests share: a config, a link that is up, and a store on it.

import { createSystemClock } from '../../../../gateway/contract/clock.ts'
import type { Clock } from '../../../../gateway/contract/ports.ts'
import type { RedisConfig } from '../../../../gateway/contract/snapshot.ts'
import { createRedisLink, type RedisLink } from '../../../../gateway/shared-state/redis/link.ts'
import { waitUntil } from '../../../support/gateway.ts'
import { createTestPorts, type TestPorts } from '../../../support/ports.ts'

export function redisConfig(over: Partial<RedisConfig> = {}): RedisConfig {
  return {
    url: null,
    sentinel: null,
    cluster: null,
    username: null,
    password: null,
    database: 0,
    tls: null,
    keyPrefix: 'aegis:',
    // Tests that are about waiting set their own; the others run beside seven more on two processors.
    commandTimeoutMs: 5_000,
    maxPending: 10_000,
    breaker: { failures: 5, probeMs: 20 },
    ...over,
  }
}

export interface OpenLink {
  readonly link: RedisLink
  readonly ports: TestPorts
}

/** What a link is made of. */
function linkParts(config: Partial<RedisConfig>, clock: Clock = createSystemClock()) {
  return { config: redisConfig(config), clock, ports: createTestPorts() }
}

/** A link that is not connected yet. */
export function createLink(config: Partial<RedisConfig>): OpenLink {
  const { ports, ...parts } = linkParts(config)
  return { ports, link: createRedisLink({ ...parts, log: ports.log, metrics: ports.metrics }) }
}

/** Resolves once the link is connected. */
export async function openLink(config: Partial<RedisConfig>): Promise<OpenLink> {
  const one = createLink(config)
  await waitUntil(() => one.link.refusal() === null).catch((error) => {
    one.link.close()
    throw error
  })
  return one
}
