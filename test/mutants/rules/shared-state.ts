// State that gateways share, what they find in Consul, and who is served when there is too much.
import type { Mutant } from '../mutant.ts'

const redis = 'gateway/shared-state/redis'
const redisTests = 'test/gateway/shared-state/redis'
const lua = { file: `${redis}/limits.lua`, tests: [`${redisTests}/counters.test.ts`] }
const key = { file: `${redis}/counter-key.ts`, tests: [`${redisTests}/counters.test.ts`] }
const counters = { file: `${redis}/counters.ts`, tests: [`${redisTests}/counters.test.ts`] }
const connection = { file: `${redis}/connection.ts`, tests: [`${redisTests}/kinds.test.ts`] }
const link = { file: `${redis}/link.ts`, tests: [`${redisTests}/link.test.ts`] }
const cache = { file: `${redis}/shared-cache.ts`, tests: [`${redisTests}/shared-cache.test.ts`] }
const news = { file: `${redis}/news.ts`, tests: [`${redisTests}/news.test.ts`] }
const hash = { file: `${redis}/revocation-hash.ts`, tests: [`${redisTests}/revocation-hash.test.ts`] }
const synced = { file: `${redis}/synced-counters.ts`, tests: [`${redisTests}/synced-counters.test.ts`] }
const shared = {
  file: 'gateway/control/shared-revocations.ts',
  tests: ['test/gateway/control/shared-revocations.test.ts'],
}
const query = {
  file: 'gateway/control/consul/blocking-query.ts',
  tests: ['test/gateway/control/discovery/consul-lookup.test.ts'],
}
const kv = {
  file: 'gateway/control/consul/kv-store.ts',
  tests: ['test/gateway/control/consul/client.test.ts'],
}
const lastGood = {
  file: 'gateway/control/discovery/last-good.ts',
  tests: ['test/gateway/control/discovery/discovery.test.ts'],
}
const upstream = (name: string) => ({
  file: `gateway/dataplane/upstream/${name}.ts`,
  tests: [`test/gateway/dataplane/upstream/${name}.test.ts`],
})

const limits: readonly Mutant[] = [
  {
    ...lua,
    rule: 'several limits in Redis are taken all or none',
    find: 'passed = passed and states[i].allowed',
    replace: 'passed = passed or states[i].allowed',
  },
  {
    ...counters,
    rule: "limits in Redis are counted by Redis' own clock, not by a gateway's",
    find: "nowMs === undefined ? '' : String(nowMs())",
    replace: 'String((nowMs ?? Date.now)())',
  },
  {
    ...counters,
    rule: 'what was taken on one node of a Cluster is given back when another refuses',
    find: 'await giveBack()',
    replace: 'void giveBack',
  },
  {
    ...key,
    rule: 'the counters of a tenant lie on the node of that tenant',
    find: 'return `t=${nameable(end < 0 ? key.slice(start) : key.slice(start, end))}`',
    replace: "return end < start ? '-' : 't'",
  },
  {
    ...key,
    rule: 'two broken texts are never one counter',
    find: ' && text.isWellFormed()',
    replace: '',
  },
  {
    ...synced,
    rule: 'a gateway that decides alone takes over what the others let through',
    find: 'if (row !== undefined) local.adopt({ ...check, cost: 1 }, row)',
    replace: 'if (row === undefined) local.adopt({ ...check, cost: 1 }, new Float64Array())',
  },
  {
    file: 'gateway/shared-state/counter-table.ts',
    tests: ['test/gateway/shared-state/counter-table.test.ts'],
    rule: 'several local limits are taken all or none',
    find: '  if (!passed) {',
    replace: '  if (!passed && checks.length === 0) {',
  },
  {
    file: 'plugins/rate-limit/store.ts',
    tests: ['test/plugins/rate-limit/store.test.ts'],
    rule: 'onStoreFailure decides who counts when Redis cannot',
    find: "onStoreFailure === 'local' ? counters : null",
    replace: 'counters',
  },
  {
    file: 'plugins/rate-limit/key.ts',
    tests: ['test/plugins/rate-limit/key.test.ts'],
    rule: 'no value of a client can pass for another part of a key',
    find: 'return /[%|=]/.test(value)',
    replace: 'return value === null',
  },
]

const connections: readonly Mutant[] = [
  {
    ...link,
    rule: 'a wait for Redis ends',
    find: 'setImmediate(() => !cancelled && callback())',
    replace: 'setImmediate(() => callback === null)',
  },
  {
    ...link,
    rule: 'no more commands than maxPending wait',
    find: 'return this.#pending >= this.#options.config.maxPending ? this.#refusals.busy : null',
    replace: 'return null',
  },
  {
    ...link,
    rule: 'a Redis that fails again and again is not asked',
    find: 'if (this.#breaker.open) return this.#refusals.breaker',
    replace: '',
  },
  {
    ...link,
    rule: 'the probe of a breaker is a write, for a replica answers a PING well',
    find: "client.set(`${this.keyPrefix}probe`, '1', 'PX', 10_000)",
    replace: 'client.ping()',
  },
  {
    ...connection,
    rule: 'the certificate of Redis is for the name that was configured',
    find: '...(tls.serverName === null ? {} : { servername: tls.serverName }),',
    replace: 'checkServerIdentity: () => undefined,',
  },
  {
    ...connection,
    rule: 'an issuer of the certificate of Redis is believed only if it was configured',
    find: '...(tls.caFile === null ? {} : { ca: readFileSync(tls.caFile) }),',
    replace: 'rejectUnauthorized: false,',
  },
  {
    ...connection,
    rule: 'TLS holds for Sentinels, too',
    find: '...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),',
    replace: '',
  },
]

const spread: readonly Mutant[] = [
  {
    ...cache,
    rule: 'a cached decision counts only under the epochs of before its question',
    find: 'return text?.startsWith(`${seal}\\n`) ? text.slice(seal.length + 1) : null',
    replace: "return text === null ? null : text.slice(text.indexOf('\\n') + 1)",
  },
  {
    ...cache,
    rule: 'no part of a scope passes for two',
    find: "return `${text.length}:${text.replaceAll('%', '%25').replaceAll('}', '%7D')}`",
    replace: "return text.replaceAll('%', '%25').replaceAll('}', '%7D')",
  },
  {
    ...cache,
    rule: 'every purge makes another epoch',
    find: 'client.set(key, randomUUID(),',
    replace: 'client.set(key, `${randomUUID.length}`,',
  },
  {
    ...news,
    rule: 'a number that is missing is noticed',
    find: 'const missed = known.id !== null && (known.id !== id || number !== known.number + 1)',
    replace: 'const missed = false',
  },
  {
    ...hash,
    rule: 'what was lifted is not brought back by who was away',
    find: 'write = (live.notBefore > lifted.notBefore) == (live == entry)',
    replace: 'write = true',
  },
  {
    ...shared,
    rule: 'a revocation is not lifted here while the others would keep it',
    find: 'throw cannotLift(cause)',
    replace: 'return void cannotLift(cause) as never',
  },
]

const found: readonly Mutant[] = [
  {
    ...query,
    rule: 'what comes with an index that went back is not believed',
    find: 'if (!wentBack) this.#query.onAnswer(value)',
    replace: 'this.#query.onAnswer(value)',
  },
  {
    ...query,
    rule: 'an index that went back is forgotten',
    find: 'this.#index = wentBack ? 0 : index',
    replace: 'this.#index = index',
  },
  {
    ...query,
    rule: 'an index of 0 does not make the question spin',
    find: 'if (index === 0 || wentBack) this.#troubles += 1',
    replace: 'if (wentBack) this.#troubles += 1',
  },
  {
    ...query,
    rule: 'gateways that lost Consul together do not come back together',
    find: 'pauseMs * (0.75 + 0.5 * random())',
    replace: 'pauseMs * (1 + 0 * random())',
  },
  {
    file: 'config/watch.ts',
    tests: ['test/config/watch.test.ts'],
    rule: 'a file that was mended before a refusal was known is read again',
    find: "if (files.has(path)) files.set(path, { signature, content: 'refused' })",
    replace: 'if (files.has(path)) void signature',
  },
  {
    ...lastGood,
    rule: 'endpoints of another service are not taken for those of this one',
    find: 'return one?.source === source ? one.targets : null',
    replace: 'return one === undefined || source === null ? null : one.targets',
  },
  {
    ...kv,
    rule: 'a config is written only over what was read, the key that stays included',
    find: 'if (content === undefined) checks.push({ key, index })',
    replace: 'if (content === undefined) checks.push()',
  },
  {
    ...kv,
    rule: 'a lost race for a key is no success',
    find: 'throw new LostRace(`${prefix} was changed`)',
    replace: 'void LostRace',
  },
]

const fair: readonly Mutant[] = [
  {
    ...upstream('fair-line'),
    rule: 'a place that comes free goes to the tenant with least under way',
    find: 'return one.active < other.active ||',
    replace: 'return other.active < one.active ||',
  },
  {
    ...upstream('fair-line'),
    rule: 'when nobody more can wait, the tenant that holds most gives way',
    find: 'if (this.#waiting >= capacity.maxPending && !this.#makeRoom(one.tenantId)) {',
    replace: 'if (this.#waiting >= capacity.maxPending) {',
  },
  {
    ...upstream('fair-line'),
    rule: 'a tenant has no more under way than maxPerTenant',
    find: 'if (maxPerTenant === 0) return true',
    replace: 'if (maxPerTenant >= 0) return true',
  },
  {
    ...upstream('retry-budget'),
    rule: 'retries stay within their share of the requests',
    find: 'if (this.#tries.marked(nowMs) + 1 > allowed) return false',
    replace: 'if (allowed < 0) return false',
  },
]

export const sharedStateMutants: readonly Mutant[] = [...limits, ...connections, ...spread, ...found, ...fair]
