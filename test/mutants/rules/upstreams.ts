// The policy of upstreams: breaker, ejection, balance, and second tries that do no harm.
import { type Mutant, mutantsOf } from '../mutant.ts'

const upstream = 'gateway/dataplane/upstream/'
const upstreamTests = 'test/gateway/dataplane/upstream/'
const proxyTest = 'test/integration/proxy.test.ts'
const hedgeTest = 'test/integration/mirror-hedge.test.ts'

const breaker = [
  ...mutantsOf(
    `${upstream}breaker.ts`,
    [`${upstreamTests}breaker.test.ts`],
    [
      [
        'an open breaker admits nobody',
        'if (nowMs < this.#openUntilMs) return false',
        'void this.#openUntilMs',
      ],
      ['one probe at a time', 'return nowMs >= this.#probeUntilMs', 'return true'],
      [
        'a breaker opens at its share of failures',
        'if (this.#results.marked(nowMs) * 100 >= errorPercent * all) this.#open(nowMs)',
        '',
      ],
      ['a few failures open no breaker', 'all < leastVolume', 'all < 1'],
      ['a probe that fails opens the breaker again', 'if (!good) {\n      this.#open(nowMs)', 'if (!good) {'],
      [
        'one good probe is not enough',
        'if (this.#goodProbes < probesToClose) return',
        'if (this.#goodProbes < 1) return',
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}cluster.ts`,
    [`${upstreamTests}breaker.test.ts`],
    [
      [
        'an open breaker holds requests back',
        'if (!breaker.admits(nowMs, this.config.breaker.errorPercent)) {',
        'if (nowMs < 0) {',
      ],
      [
        'no retry while the breaker is not closed',
        'breaker.isClosed(this.config.breaker.errorPercent) &&\n      budget',
        'budget',
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}forward.ts`,
    [`${upstreamTests}queued.test.ts`],
    [
      [
        'who waited is refused where the breaker opened meanwhile',
        'if (upstream.cluster.isOpen()) return answerWith(ex, breakerOpen)\n',
        '',
      ],
    ],
  ),
]

const balance = [
  ...mutantsOf(
    `${upstream}outlier.ts`,
    [`${upstreamTests}cluster.test.ts`],
    [
      [
        'failures in a row eject a target',
        'return failed && endpoint.consecutiveFailures >= rules.failures',
        'return endpoint.consecutiveFailures < 0',
      ],
      [
        'at most half of the targets are ejected',
        'return others > 0 && ejected < Math.ceil(endpoints.length / 2)',
        'return others > 0',
      ],
      ['the last target that is left is not ejected', 'return others > 0 && ejected', 'return ejected'],
      [
        'an ejection has an end',
        'Math.min(2 ** (endpoint.ejections - 1), longest)',
        '2 ** (endpoint.ejections - 1)',
      ],
      [
        'who fails again stays away longer',
        'const factor = Math.min(2 ** (endpoint.ejections - 1), longest)',
        'const factor = 1',
      ],
      [
        'what the checks hold for dead is not let in again',
        'if (!one.healthy || one.ejectedUntilMs <= nowMs) continue',
        'if (one.ejectedUntilMs <= nowMs) continue',
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}hash-balancer.ts`,
    [`${upstreamTests}hash-balancer.test.ts`],
    [
      [
        'no key overloads its target',
        'if (one.inFlight >= Math.ceil((loadBound * inFlight * one.share) / shares)) continue\n',
        '',
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}caller.ts`,
    [`${upstreamTests}hash-balancer.test.ts`],
    [
      [
        'users of two tenants are two',
        '`${tenantIdOf(caller)}/${caller.identity.userId}`',
        'caller.identity.userId',
      ],
    ],
  ),
  ...mutantsOf(
    `${upstream}retry-budget.ts`,
    [`${upstreamTests}retry-budget.test.ts`],
    [['a budget of 0 allows no retry', 'if (budgetPercent === 0) return false\n', '']],
  ),
  ...mutantsOf(
    `${upstream}upstream-call.ts`,
    [proxyTest],
    [
      [
        'what may not be done twice is not retried',
        "if (reason !== 'connect-failure' && !idempotent.has(this.#ex.method)) return false\n",
        '',
      ],
    ],
  ),
]

const copies = [
  ...mutantsOf(
    `${upstream}forward.ts`,
    [hedgeTest],
    [
      ['no second try of what may not be done twice', ' || !idempotent.has(ex.method)) return', ') return'],
      ['no second try of a body that is still coming', 'one.body instanceof RequestBody || ', ''],
      ['second tries are bounded by the budget of retries', ' || !cluster.takeHedge(ex)) return', ') return'],
    ],
  ),
  ...mutantsOf(
    `${upstream}body-copy.ts`,
    [`${upstreamTests}mirror.test.ts`],
    [
      [
        'a copy of a body is kept up to its limit',
        'if (this.#bytes <= this.#limitBytes) this',
        'if (this.#bytes >= 0) this',
      ],
    ],
  ),
]

export const upstreamMutants: readonly Mutant[] = [...breaker, ...balance, ...copies]
